"""Checks whether sources are ready to be loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import check_rendered, given_parameters, one_of
from sailpoint_provider._airflow.start import look_up_source
from sailpoint_provider.exceptions import InvalidInputError, SourceNotReadyError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.connected import ConnectedOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.results import SourceReadiness


class SailPointSourceCheckOperator(ConnectedOperator):
    """
    Checks whether sources are ready to be loaded, before a night of loads, and logs one table.

    For each source, ISC tests the connection, and reports the health that it last saw. Nothing is loaded or
    changed. The result is a list of :class:`~sailpoint_provider.results.SourceReadiness`. A delimited-file
    source that no virtual appliance reads has no connection to test.

    :param source_ids: IDs of the sources, 32 hex characters each. (templated)
    :param source_names: names of the sources as ISC shows them; each must be unique. (templated)
    :param on_problem: ``fail`` to fail the task if a source is not ready, ``warn`` to log a warning.
    :param check_connection: whether ISC tests the connections. Needs the scope
        ``idn:source-connector:manage``.
    :param check_health: whether the health is read. ``api_version`` ``beta`` has no such call.
    :param sailpoint_conn_id: ID of the Airflow connection. (templated)
    :raises SourceNotReadyError: a source is not ready, and ``on_problem`` is ``fail`` (not final).
    :raises InvalidInputError: a parameter is invalid, or a source does not exist.
    """

    template_fields: Sequence[str] = ("source_ids", "source_names", "sailpoint_conn_id")

    def __init__(
        self,
        *,
        source_ids: Collection[str] | XComArg | None = None,
        source_names: Collection[str] | XComArg | None = None,
        on_problem: Literal["fail", "warn"] = "fail",
        check_connection: bool = True,
        check_health: bool = True,
        sailpoint_conn_id: str | XComArg = SailPointHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow replaces an XComArg by its value when it renders the template fields.
        self.source_ids = cast("Collection[str] | None", source_ids)
        self.source_names = cast("Collection[str] | None", source_names)
        self.check_connection = check_connection
        self.check_health = check_health
        self.sailpoint_conn_id = cast("str", sailpoint_conn_id)
        self._given = given_parameters(self)
        with airflow_errors():
            self.on_problem = one_of(on_problem, "on_problem", "fail", "warn")
            if source_ids is None and source_names is None:
                raise InvalidInputError("Set source_ids or source_names to the sources to check.")
            if not check_connection and not check_health:
                raise InvalidInputError("check_connection and check_health are both False: set one to True.")

    def execute(self, context: Context) -> list[SourceReadiness]:
        """Check the sources."""
        from sailpoint_provider.isc.readiness import as_table, read_readiness

        with airflow_errors(context, self._place):
            check_rendered(self, self._given)
            api_version = self.hook._tenant.api_version
            if self.check_health and not api_version.has_source_health:
                raise InvalidInputError(
                    f"api_version {api_version.name!r} has no call for the health of a source. Set "
                    "check_health=False, or a newer api_version in the connection's extra."
                )
            chosen: list[tuple[str | None, str | None]] = [
                *((one, None) for one in _several(self.source_ids, "source_ids")),
                *((None, one) for one in _several(self.source_names, "source_names")),
            ]
            if not chosen:
                raise InvalidInputError("source_ids and source_names are empty; name the sources to check.")
            found = [look_up_source(self.hook, *one, None) for one in chosen]
            sources = list({source.id: source for source in found}.values())
            checked = self.hook._run(
                read_readiness(
                    api_version,
                    sources,
                    check_connection=self.check_connection,
                    check_health=self.check_health,
                )
            )
            bad = [one for one in checked if one["verdict"] == "not ready"]
            unclear = [one for one in checked if one["verdict"] == "unknown"]
            show = self.log.warning if bad or unclear else self.log.info
            show("%s", as_table(checked))
            if bad and self.on_problem == "fail":
                reasons = "; ".join(f"{one['source_name']!r}: {one['reason']}" for one in bad)
                raise SourceNotReadyError(
                    checked, f"{len(bad)} of {len(checked)} sources are not ready to be loaded: {reasons}."
                )
            return checked


def _several(given: Any, name: str) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Collection) or isinstance(given, bytes):
        raise InvalidInputError(f"{name} must be a list of strings, not {type(given).__name__}.")
    return list(given)
