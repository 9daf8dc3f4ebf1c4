"""Checks a CSV without loading it, so that a person or another task can decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sailpoint_provider._airflow.check_parameter import read_check, validate_check
from sailpoint_provider._airflow.drop import read_drop
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.file_check import FileChecker
from sailpoint_provider._airflow.map_label import label_by_source
from sailpoint_provider._airflow.parameters import check_rendered, given_parameters, plain_path
from sailpoint_provider._airflow.start import check_drop_is_alone, check_source_is_named_once, look_up_source
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, kind_of
from sailpoint_provider.operators.connected import ConnectedOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.files.check import FileCheck
    from sailpoint_provider.files.locate import FileLocation

_PUSHED = ("sentence", "approval", "markdown")
"""What other tasks take from the result one by one, as does a task that asks a person."""


class SailPointFileCheckOperator(ConnectedOperator):
    """
    Checks a CSV as a load would, and returns the report. It sends nothing, and needs no write scope.

    The result is the report as JSON primitives: ``verdict`` (``passed``, ``refused`` or ``repeated``),
    ``sentence``, ``sha256``, figures, rules, ``needs_approval`` (whether it is refused and a person can
    overrule that), ``approval`` for the operator's parameter ``approved``, and ``markdown``, the report for
    people. The last two and ``sentence`` are XComs of their own as well: ``check.output["markdown"]``.

    :param source_id: ID of the source, 32 hex characters; or set ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it, which must be unique. (templated)
    :param file: the CSV: a path, a URL or an ``ObjectStoragePath``. (templated)
    :param drop: a drop as :meth:`SailPointDropFolder.drops` returns it, in place of source and file. It stays
        taken until it is loaded or :meth:`SailPointDropFolder.refuse` files it. (templated)
    :param check: a :class:`FileCheck` or its settings as a mapping; None for the defaults.
    :param compare_with: the last good file, with which a plain ``file`` is compared. (templated)
    :param kind: what the file is for: ``account_aggregation``, ``entitlement_aggregation`` or
        ``uncorrelated_accounts``.
    :param object_type: entitlement type of the rows, such as ``group``; None for ISC's default.
    :param fail_if_refused: whether a refused file fails the task; False to let a person decide.
    :param sailpoint_conn_id: ID of the Airflow connection. (templated)
    :raises FileRefusedError: a rule refuses the file (final).
    :raises InvalidInputError: a parameter is invalid, or the file cannot be checked.
    """

    template_fields: Sequence[str] = (
        "source_id",
        "source_name",
        "file",
        "drop",
        "compare_with",
        "sailpoint_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"drop": "json"}

    def __init__(
        self,
        *,
        source_id: str | XComArg | None = None,
        source_name: str | XComArg | None = None,
        file: FileLocation | XComArg | None = None,
        drop: Mapping[str, Any] | XComArg | None = None,
        check: FileCheck | Mapping[str, Any] | bool | None = None,
        compare_with: FileLocation | XComArg | None = None,
        kind: str = ACCOUNT_AGGREGATION.key,
        object_type: str | None = None,
        fail_if_refused: bool = True,
        sailpoint_conn_id: str | XComArg = SailPointHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow replaces an XComArg by its value when it renders the template fields.
        self.source_id = cast("str | None", source_id)
        self.source_name = cast("str | None", source_name)
        self.file = plain_path(file)
        self.drop = drop
        self.check = check
        self.compare_with = plain_path(compare_with)
        self.fail_if_refused = fail_if_refused
        self.sailpoint_conn_id = cast("str", sailpoint_conn_id)
        self.kind = kind
        self.object_type = object_type
        self._given = given_parameters(self)
        with airflow_errors():
            if not kind_of(kind).takes_file:
                raise InvalidInputError(f"kind {kind!r} takes no file.")
            validate_check(check)
            if check is False:
                raise InvalidInputError(
                    "check must not be False: checking the file is all that this task does."
                )
            if drop is None:
                check_source_is_named_once(source_id, source_name)
                if file is None:
                    raise InvalidInputError("Set file to the CSV to check, or drop to a drop.")
            else:
                check_drop_is_alone(self)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the file and return the report."""
        with airflow_errors(context, self._place):
            return self._report(context)

    def _place(self) -> str:
        """Return what this task works on, for errors."""
        drop = self.drop if isinstance(self.drop, Mapping) else {}
        source = self.source_name or self.source_id or drop.get("source_name") or drop.get("source_id")
        return f"source {source}, connection {self.sailpoint_conn_id}"

    def _report(self, context: Context) -> dict[str, Any]:
        from sailpoint_provider.files.locate import file_source
        from sailpoint_provider.isc.start.load import check_file_fits, check_object_type

        check_rendered(self, self._given)
        drop = None if self.drop is None else read_drop(self.drop)
        chosen = {"source_id": self.source_id, "source_name": self.source_name} if drop is None else drop
        source = look_up_source(self.hook, chosen["source_id"], chosen["source_name"], None)
        label_by_source(context, source.name)
        kind = kind_of(self.kind)
        check_file_fits(source, has_file=True, kind=kind)
        check_object_type(self.object_type, has_file=True)
        rules = read_check(self.check, default=True)
        assert rules is not None  # noqa: S101 - the constructor has made sure
        checker = FileChecker(
            self.hook,
            rules,
            source,
            drop=drop,
            compare_with=self.compare_with,
            until=None,
            kind=kind,
            object_type=self.object_type,
        )
        file = file_source(self.file if drop is None else drop["file"])
        report = checker.check_and_show(file, context, self.log)
        if report.verdict == "refused" and self.fail_if_refused:
            raise report.refusal()
        result = {**report.to_json(), "markdown": report.as_markdown()}
        for key in _PUSHED:
            context["ti"].xcom_push(key=key, value=result[key])
        return result
