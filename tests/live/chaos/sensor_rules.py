"""What must be true of each end that a sensor reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from sailpoint_provider.exceptions import AggregationFailedError, SailPointError
from tests.live.chaos.mischief import AirflowTroubleError, Crash
from tests.live.chaos.rules import wrong_result
from tests.live.chaos.truth import ROUNDING

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Report, Story
    from tests.live.chaos.truth import Run, Truth

_EXPECTED = (SailPointError, AirflowSensorTimeout, AirflowTroubleError, Crash)


def wrong_sensor_report(story: Story, report: Report, truth: Truth) -> list[str]:
    """Return what is wrong with how a try of a sensor ended."""
    run = truth.run(str(story.watched))
    if run is None:
        return [f"waited for {story.watched}, which the tenant never ran"]
    if report.kind == "skipped":
        if not story.task.options["soft_fail"]:
            return ["skipped without soft_fail"]
        return (
            []
            if _is_bad(run, story, report) or _is_late(story, report)
            else [f"skipped, although the outcome of the aggregation is {run.outcome}"]
        )
    if isinstance(report.error, AirflowSensorTimeout):
        return [] if _is_late(story, report) else ["timed out before its timeout"]
    if report.error is not None and not isinstance(report.error, _EXPECTED):
        return [f"raised an unexpected {report.error!r}"]
    if isinstance(report.error, AggregationFailedError) and not _is_bad(run, story, report):
        return [f"failed because of aggregation {run.id}, whose outcome is {run.outcome}"]
    if report.result is None:
        return []
    wrongs = wrong_result(story, report.result, run)
    if report.result["aggregation_id"] != run.id:
        wrongs.append(f"waited for {run.id} and reported {report.result['aggregation_id']}")
    if report.kind == "success" and (not run.is_good_for(story) or not _had_ended(run, report)):
        wrongs.append(f"succeeded for aggregation {run.id}, whose outcome is {run.outcome}")
    return wrongs


def _had_ended(run: Run, report: Report) -> bool:
    return run.completed is not None and run.completed <= report.ended + ROUNDING


def _is_bad(run: Run, story: Story, report: Report) -> bool:
    return _had_ended(run, report) and not run.is_good_for(story)


def _is_late(story: Story, report: Report) -> bool:
    """Return whether its time was over, by its own timeout or by Airflow's for a deferral."""
    return story.backstops > 0 or report.ended - report.attempt.began >= story.task.options["timeout"]
