"""The drop that a task loads: read from its parameter, and filed away when it is decided."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.task_state import clear_number_of, max_tries_of
from sailpoint_provider.drops.entries import DROP_VERSION
from sailpoint_provider.exceptions import FileRefusedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.drops.filing import Decision, Outcome
    from sailpoint_provider.drops.rules import FolderRules
    from sailpoint_provider.drops.taking import Takings
    from sailpoint_provider.results import AggregationResult

log = logging.getLogger(__name__)

_MOST_REASONS = 10
_TEXTS = ("name", "file", "dag_id", "run_id")


class TaskDrop:
    """
    The drop of one task.

    :param drop: what :meth:`SailPointDropFolder.drops` returned for it.
    :param context: the task's context.
    :param log: the task's logger.
    :raises InvalidInputError: it is not a drop.
    """

    def __init__(self, drop: Any, context: Context, log: Any) -> None:
        self.described = read_drop(drop)
        self.name = str(self.described["name"])
        self._log = log
        task_instance = context["ti"]
        self._task = {"task_id": task_instance.task_id, "map_index": getattr(task_instance, "map_index", -1)}
        self._try = {"max_tries": max_tries_of(context), "clear_number": clear_number_of(context)}

    def result_of_earlier_try(self) -> AggregationResult | None:
        """
        Return the result of an earlier try of this task that filed the drop away and then crashed.

        :returns: None if the drop is not decided yet.
        :raises FileRefusedError: the drop was refused.
        :raises AirflowSkipException: the drop was filed as a duplicate.
        :raises InvalidInputError: the task was cleared after the drop was decided, another task decided about
            it, which may have loaded it into another tenant, or another run has it.
        """
        from sailpoint_provider.drops.filing import decision_of

        decision = decision_of(self.described)
        if decision is None:
            return None
        if _part(decision, self._task) != self._task:
            raise InvalidInputError(
                f"Another task of this run has already filed {self.name} as {decision.outcome}; it is now at "
                f"{decision.location}. Load each drop with one task."
            )
        if _part(decision, self._try) != self._try:
            raise InvalidInputError(
                f"{self.name} was already filed as {decision.outcome} and is now at {decision.location}. "
                "To load it again, put it back into the drop folder; a run then checks it again."
            )
        return self._repeated(decision)

    def file_away(
        self, outcome: Outcome, source_id: str, *, report: Mapping[str, Any] | None = None, **record: Any
    ) -> None:
        """
        File the drop away, and log where it is; a repetition changes nothing.

        :param outcome: ``loaded``, ``refused`` or ``duplicate``.
        :param source_id: ID of the source.
        :param report: the report of the check as JSON primitives.
        :param record: what a later try or the next check must know.
        """
        from sailpoint_provider.drops.filing import file_away

        text = None
        if report is not None:
            from sailpoint_provider.files.check.report import FileReport

            text = FileReport.from_json(report).as_text()
        location = file_away(
            self.described,
            outcome,
            source_id=source_id,
            report=report,
            report_text=text,
            record={**record, **self._task, **self._try},
            now=time.time(),
        )
        self._log.info("Filed %s: %s", self.name, location)

    def _repeated(self, decision: Decision) -> AggregationResult:
        """End as the earlier try would have ended."""
        self._log.info("An earlier try filed %s as %s: %s", self.name, decision.outcome, decision.location)
        if decision.outcome == "refused":
            raise FileRefusedError(decision.sentence)
        if decision.outcome == "duplicate":
            raise AirflowSkipException(decision.sentence)
        result: AggregationResult = decision.record["result"]
        return result


def _part(decision: Decision, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: decision.record.get(key) for key in keys}


def take_for_run(
    rules: FolderRules, context: Context, *, limit: int | None = None, seen: Any = None
) -> Takings:
    """
    Take the drops of the run of a task, and log why other files are left.

    :param rules: the folder.
    :param context: the task's context.
    :param limit: how many drops, None for one of every source.
    :param seen: the description of a drop that a trigger has just seen complete.
    :raises FolderUnavailableError: as :func:`take_drops`.
    """
    from sailpoint_provider.drops.journal import Run
    from sailpoint_provider.drops.taking import take_drops

    task_instance = context["ti"]
    seen_complete = {state for state in map(_state, [seen, *_reported(context)]) if state is not None}
    takings = take_drops(
        rules,
        Run(str(task_instance.dag_id), str(task_instance.run_id)),
        seen_complete=seen_complete,
        limit=limit,
    )
    for reason in takings.left:
        log.info("%s", reason)
    return takings


def _reported(context: Context) -> Iterator[Any]:
    """Yield what watchers reported in the events that started the run."""
    try:
        events = [event for group in context["triggering_asset_events"].values() for event in group]
    except (KeyError, AttributeError, TypeError):
        return
    for event in events:
        extra = getattr(event, "extra", None)
        if isinstance(extra, dict):
            yield extra.get("payload", extra)


def _state(reported: Any) -> tuple[str, int, str] | None:
    """Return name, size and marker of a reported drop; events of other assets have none."""
    try:
        return str(reported["name"]), int(reported["size_bytes"]), str(reported["change_marker"])
    except (KeyError, TypeError, ValueError):
        return None


def drops_of_run(rules: FolderRules, context: Context) -> list[dict[str, Any]]:
    """
    Take the drops of a task's run; see :meth:`SailPointDropFolder.drops`.

    :param rules: the folder.
    :raises AirflowSkipException: nothing is left to take.
    :raises FolderUnavailableError: the folder cannot be listed, or may not be mounted.
    """
    with airflow_errors():
        takings = take_for_run(rules, context)
    if not takings.drops:
        reasons = [f"Nothing is left to take from {rules.url}.", *takings.left[:_MOST_REASONS]]
        raise AirflowSkipException(" ".join(reasons))
    return takings.drops


def refuse_drop(drop: Any, reason: str, report: Mapping[str, Any] | None) -> str:
    """
    File a drop as refused without a load; see :meth:`SailPointDropFolder.refuse`.

    :raises InvalidInputError: it is not a drop, or another run has taken it over.
    """
    from sailpoint_provider.drops.filing import decision_of, file_away
    from sailpoint_provider.files.check.report import FileReport

    described = read_drop(drop)
    if (decided := decision_of(described)) is not None:
        return decided.location
    text, filed = reason, {"decision": reason}
    if report is not None:
        read = FileReport.from_json(report)
        text, filed = f"{reason}\n\n{read.as_text()}", {**read.to_json(), **filed}
    return file_away(
        described,
        "refused",
        source_id=str(described["source_id"] or ""),
        report=filed,
        report_text=text,
        record={"sentence": reason},
        now=time.time(),
    )


def read_drop(drop: Any) -> Mapping[str, Any]:
    """
    Return the parameter ``drop`` of a task.

    :raises InvalidInputError: it is not what :meth:`SailPointDropFolder.drops` returns.
    """
    if not isinstance(drop, Mapping) or drop.get("version") != DROP_VERSION:
        raise InvalidInputError(
            "drop must be one of the objects that SailPointDropFolder.drops() returns, such as "
            f"expand(drop=folder.take()) passes on, not {type(drop).__name__}."
        )
    if not all(isinstance(drop.get(name), str) for name in _TEXTS):
        raise InvalidInputError(f"drop lacks one of {', '.join(_TEXTS)}.")
    if (drop.get("source_id") is None) == (drop.get("source_name") is None):
        raise InvalidInputError("drop must name its source by source_id or by source_name.")
    return drop
