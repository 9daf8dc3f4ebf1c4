"""What must be true of each end that an operator reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from sailpoint_provider.exceptions import AggregationAlreadyRunningError, SailPointError
from sailpoint_provider.isc.kinds import kind_of
from sailpoint_provider.isc.start.reconcile import RECONCILE_SECONDS
from sailpoint_provider.version_compat import TaskDeferralTimeout
from tests.live.chaos.mischief import AirflowTroubleError, Crash
from tests.live.chaos.truth import ROUNDING

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Json, Report, Story
    from tests.live.chaos.starts import Choice, Look, Post
    from tests.live.chaos.truth import Run, Truth

LOST = "LOST"
GUESSED = "GUESSED"
_EXPECTED = (SailPointError, AirflowTaskTimeout, AirflowSensorTimeout, AirflowTroubleError, Crash)
_STATES = {
    "success": "succeeded",
    "retried": "succeeded",
    "warning": "succeeded_with_warnings",
    "error": "failed",
    "temperror": "failed",
    "terminated": "terminated",
    "cancelled": "cancelled",
}
_STARTING_SECONDS = 10.0
"""A source refuses starts while it still reads the file of an aggregation, whose record comes later."""
_SHOWN_SECONDS = RECONCILE_SECONDS - 6.0
"""For so long after a start without a usable response, a new aggregation may be the task's own."""


def wrong_report(story: Story, report: Report, truth: Truth, *, keeps_refusals: bool) -> list[str]:
    """
    Return what is wrong with how a try of an operator ended.

    :param keeps_refusals: whether the tenant keeps a record of refused starts.
    """
    if report.kind == "skipped" or isinstance(report.error, AggregationAlreadyRunningError):
        return _wrong_giving_way(story, report, truth, keeps_refusals)
    if isinstance(report.error, TaskDeferralTimeout):
        # Airflow's own timeout of a deferral; the task is retried.
        return [] if story.backstops else ["Airflow's timeout of a deferral, which had not passed"]
    if report.error is not None and not isinstance(report.error, _EXPECTED):
        return [f"raised an unexpected {report.error!r}"]
    if report.result is None:
        return []
    run = truth.run(report.result["aggregation_id"])
    if run is None:
        return [f"reported aggregation {report.result['aggregation_id']}, which the tenant never ran"]
    wrongs = wrong_result(story, report.result, run)
    wrongs += _wrong_origin(story, report, run, truth)
    if report.kind != "success":
        return wrongs
    epoch = report.attempt.epoch
    if epoch and run.completed is not None and run.completed < story.cleared[epoch - 1] - ROUNDING:
        wrongs.append(f"succeeded after a clear with aggregation {run.id}, which had ended before the clear")
    if run in truth.own(story) and report.result["file"] != _named(run):
        wrongs.append(f"reported the file {report.result['file']}, but ISC received {_named(run)}")
    return wrongs


def wrong_result(story: Story, result: Json, run: Run) -> list[str]:
    """Return how a result differs from the tenant's record."""
    wrongs = []
    truth = _STATES.get(run.outcome or "", "running")
    if truth == "cancelled" and result["state"] == "terminated" and result["status"] is None:
        # A task record cannot say "cancelled"; only the status endpoint can.
        story.told_terminated += 1
    elif result["state"] != truth and (story.task.waits or result["state"] != "running"):
        wrongs.append(f"reported {result['state']!r} for aggregation {run.id}, whose state is {truth!r}")
    counted = kind_of(story.task.load).counted
    total = result[counted]["scanned"]
    if total is not None and total != run.total:
        wrongs.append(f"reported {total} {counted} for aggregation {run.id}, which scanned {run.total}")
    others = result["entitlements" if counted == "accounts" else "accounts"]
    if any(number is not None for number in others.values()):
        wrongs.append(f"reported counts of something else than {counted} for aggregation {run.id}")
    return wrongs


def _named(run: Run) -> Json | None:
    if run.file is None:
        return None
    return {
        "name": run.file["name"],
        "size_bytes": run.file["size"],
        "sha256": run.file["sha256"],
        "rows": None,
    }


def _wrong_origin(story: Story, report: Report, run: Run, truth: Truth) -> list[str]:
    """Check that a task took the right aggregation: its own, acknowledged one, if that matters."""
    is_own = run in truth.own(story)
    if story.task.is_plain:
        return [] if is_own and run.id in report.known else _wrong_choice(story, report, run, truth)
    if not is_own:
        with_rows = f", with as many rows ({run.total})" if run.total in story.task.rows else ""
        return [f"{LOST}: took aggregation {run.id}, which {run.origin} started{with_rows}, for its own"]
    if story.task.rows and run.sha256 != story.hashes[report.attempt.version]:
        return [f"{LOST}: took aggregation {run.id}, which loaded another state of its file"]
    if story.task.options.get("disable_optimization") and run.optimized:
        return [f"{LOST}: took aggregation {run.id}, which skipped unchanged accounts"]
    if run.id not in report.known:
        return [f"{GUESSED}: took aggregation {run.id}, whose ID came from no response and no checkpoint"]
    return []


def _wrong_choice(story: Story, report: Report, run: Run, truth: Truth) -> list[str]:
    """Check that a task without a file adopted an aggregation only if it may."""
    # What the state store held was chosen by an earlier try.
    choice = story.ledger.choice(run.id, None if run.id in report.known else report.attempt)
    if choice is None:
        return [f"reported aggregation {run.id}, which it never followed"]
    look = choice.look
    if story.task.if_running == "adopt" and run.ran_within(look.begun, choice.made):
        return []
    begun = [intent for intent in _open_intents(story, choice) if intent.begun - ROUNDING <= run.created]
    if begun:
        since = max(intent.answered for intent in begun)
        others = [one for one in truth.started if one != run and since < one.created < look.begun]
        if others:
            return [
                f"took aggregation {run.id}, although {len(others)} more began after its start without a "
                "usable response"
            ]
        return []
    if not story.task.has_store and _is_retry(story, choice) and run.ran_within(look.begun, choice.made):
        if run.created >= choice.attempt.dag_started - ROUNDING:
            return []
        return [f"took aggregation {run.id}, which began before its DAG run"]
    return [f"took aggregation {run.id} of {run.origin}, although no start lacked a usable response"]


def _open_intents(story: Story, choice: Choice) -> list[Look]:
    """Return the reads before starts of which the task did not know, when it chose, what became of them."""
    settled, unsettled = (
        {
            post.look
            for post in story.ledger.posts
            if post.is_settled is is_settled and post.attempt == choice.attempt and post.sent <= choice.made
        }
        for is_settled in (True, False)
    )
    return [
        intent.look
        for intent in story.ledger.intents
        if intent.look.begun <= choice.look.begun
        and (intent.look in unsettled or intent.look not in settled)
        and (story.task.has_store or intent.attempt == choice.attempt)
    ]


def _is_retry(story: Story, choice: Choice) -> bool:
    attempt = choice.attempt
    return any(
        report.attempt.epoch == attempt.epoch and report.attempt.number < attempt.number
        for report in story.reports
    )


def _wrong_giving_way(story: Story, report: Report, truth: Truth, keeps_refusals: bool) -> list[str]:
    """Check that a task skipped or failed only because of a rival, never because of its own start."""
    word = "skipped" if report.kind == "skipped" else "failed as busy"
    if story.task.if_running != ("skip" if report.kind == "skipped" else "fail"):
        return [f"{word}, although if_running is {story.task.if_running}"]
    until = report.ended + _STARTING_SECONDS
    running = [run for run in truth.started if run.ran_within(report.look.begun, until)]
    if not running:
        return [f"{word}, although nothing was running"]
    rivals = [run for run in running if run in truth.rivals(story)]
    if not rivals:
        return [f"{word} because of its own aggregation {running[-1].id}"]
    open_posts = [
        post
        for post in story.ledger.posts
        if not post.is_settled
        and post.attempt.epoch == report.attempt.epoch
        and not (keeps_refusals and _was_refused(post, truth))
    ]
    if all(any(_may_be_of(post, rival) for post in open_posts) for rival in rivals):
        return [f"{word} because of aggregation {rivals[-1].id}, which may have been its own"]
    return []


def _was_refused(post: Post, truth: Truth) -> bool:
    came = truth.of_post(post.tag)
    return came is not None and not came.counts


def _may_be_of(post: Post, run: Run) -> bool:
    return post.look.begun - ROUNDING <= run.created <= post.sent + _SHOWN_SECONDS
