"""What a task reports to OpenLineage: the file that it loads, the source, and how the load ended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sailpoint_provider._airflow.check_parameter import REPORT_KEY
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.version_compat import openlineage_listens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage

    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult

T = TypeVar("T")


class LoadLineage:
    """
    Reports to OpenLineage what a task loads, from where, and how that ended.

    OpenLineage calls the three ``get_openlineage_…`` methods in a short-lived process of its own, which it
    kills if it takes too long. They send nothing to Airflow, because a request that breaks off could mix up
    the responses of the task. What they need is noted by the task itself.

    The hook is here, too: a class for it alone would cost time with each attribute that Airflow sets.
    """

    if TYPE_CHECKING:
        kind: LoadKind
        sailpoint_conn_id: str

    _checkpoint: Checkpoint | None = None
    _ended: AggregationResult | None = None
    _tenant_url: str | None = None
    _report: Mapping[str, Any] | None = None

    @cached_property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""
        return SailPointHook(self.sailpoint_conn_id)

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any] | None:
        """Return what is known before the task runs: the file."""
        return self._reported(at_start=True)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return file, source and result of a load that succeeded."""
        return self._reported()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what is known of a load that failed, and ISC's messages."""
        return self._reported(lambda: _error_of(task_instance))

    def _note_resume(self, context: Any) -> None:
        """Note what a resumed task has not read yet, before it knows whether the wait ended well."""
        if openlineage_listens():
            self._note_tenant()
            self._note_report(context["ti"])

    def _note_end(self, result: AggregationResult, context: Any = None) -> None:
        """Note the result of the load, good or bad."""
        if openlineage_listens():
            self._ended = result
            self._note_tenant()
            if context is not None and result["file"] is not None:
                self._note_report(context["ti"])

    def _note_tenant(self) -> None:
        if self._tenant_url is None:
            self._tried(lambda: setattr(self, "_tenant_url", self.hook._tenant.base_url))

    def _note_report(self, task_instance: Any) -> None:
        """Note the report of the check, which this try may have made before it deferred."""
        if self._report is None:
            index = getattr(task_instance, "map_index", -1)
            found = self._tried(
                lambda: task_instance.xcom_pull(
                    task_ids=task_instance.task_id, key=REPORT_KEY, map_indexes=index
                )
            )
            self._report = found if isinstance(found, dict) else None

    def _reported(
        self, error: Callable[[], BaseException | None] = lambda: None, *, at_start: bool = False
    ) -> OperatorLineage[Any, Any] | None:
        def report() -> OperatorLineage[Any, Any]:
            from sailpoint_provider._airflow.lineage_facts import lineage_at_start, lineage_of

            return lineage_at_start(self) if at_start else lineage_of(self, error())

        return self._tried(report)

    def _tried(self, action: Callable[[], T]) -> T | None:
        """Return the value of an action whose failure must not fail a task: None if it fails."""
        try:
            return action()
        except Exception as error:
            log: Any = getattr(self, "log", None)
            log.warning("The OpenLineage event of this load is incomplete (%s).", type(error).__name__)
            return None


def _error_of(task_instance: Any) -> BaseException | None:
    """Return why a task failed; Airflow keeps it in the context."""
    error = task_instance.get_template_context().get("exception")
    return error if isinstance(error, BaseException) else None
