"""How much of each kind of trouble a run has really seen: a zero shows what it did not try."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import AggregationAlreadyRunningError
from sailpoint_provider.isc.start.reconcile import RECONCILE_SECONDS
from tests.live.chaos_rivals import RIVAL_KINDS

if TYPE_CHECKING:
    from tests.live.chaos_airflow import Story
    from tests.live.chaos_plan import Unit
    from tests.live.chaos_tenant import Traits
    from tests.live.chaos_truth import Truth

EQUAL_ROWS = "aggregations of others with a file of as many rows as ours"
UNHEARD_REFUSALS = "refused starts of which the task did not hear"
IN_GAP = "aggregations of others in the 30 s after an unanswered start"
OVER_BEFORE_RETRY = "such aggregations that were over before the next try"
KILLED_AT_START = "workers killed before, during or after a start"
AT_ONCE = "sources with tasks that began at the same instant"
NO_STORE = "tasks without a state store"
NO_STORE_RETRIES = "retries without a state store"
AHEAD, BEHIND = "tasks whose tenant's clock is ahead", "tasks whose tenant's clock is behind"
KEPT = "tasks whose tenant keeps refused starts"
NOT_KEPT = "tasks whose tenant keeps no refused starts"
ADOPTED = "aggregations of others that were adopted"
GAVE_WAY = {"fail": "tries that failed for a rival", "skip": "tries that skipped for a rival"}
WAYS = ("poke", "reschedule", "deferrable")
WATCHED_RIVAL, WATCHED_TASK = "sensors of a rival's aggregation", "sensors of an operator's aggregation"
RESCHEDULES = "reschedules of sensors"
OUTAGES = "outages of Airflow longer than it is asked again"
KEPT_MAX_TRIES = "clears with other retries, so that max_tries stayed"
OTHERS_CLEARED = "clears of another task of the run"
_CALLS = ("get", "set", "delete", "xcom_push")
_AIRFLOW = [f"{call}, {when} it took effect" for call in _CALLS for when in ("before", "after")]
_STARTS = ("before load_accounts", "during upload", "after load_accounts")

KINDS = (
    EQUAL_ROWS,
    *RIVAL_KINDS,
    UNHEARD_REFUSALS,
    IN_GAP,
    OVER_BEFORE_RETRY,
    KILLED_AT_START,
    AT_ONCE,
    NO_STORE,
    NO_STORE_RETRIES,
    AHEAD,
    BEHIND,
    KEPT,
    NOT_KEPT,
    *(f"tasks with if_running={value!r}" for value in ("adopt", "fail", "skip")),
    ADOPTED,
    *GAVE_WAY.values(),
    *(f"sensors, {way}" for way in WAYS),
    RESCHEDULES,
    WATCHED_RIVAL,
    WATCHED_TASK,
    *(f"Airflow failed: {what}" for what in _AIRFLOW),
    OUTAGES,
    KEPT_MAX_TRIES,
    OTHERS_CLEARED,
)


def kinds_of(unit: Unit, stories: list[Story], truth: Truth, traits: Traits) -> Counter[str]:
    """Count the kinds of trouble of one unit."""
    kinds: Counter[str] = Counter()
    kinds[AT_ONCE] += unit.begins_at_once
    for story in stories:
        kinds[AHEAD] += traits.skew > 0
        kinds[BEHIND] += traits.skew < 0
        kinds[KEPT if traits.keeps_refusals else NOT_KEPT] += 1
        kinds[KEPT_MAX_TRIES] += story.kept_max_tries
        kinds[OUTAGES] += story.mischief.outages
        kinds[OTHERS_CLEARED] += story.others_cleared
        kinds[KILLED_AT_START] += sum(story.mischief.crashes[point] for point in _STARTS)
        for what, number in story.mischief.airflow_troubles.items():
            kinds[f"Airflow failed: {what}"] += number
        if story.task.watching is not None:
            kinds[f"sensors, {story.task.watching.way}"] += 1
            kinds[WATCHED_RIVAL if story.task.watching.task is None else WATCHED_TASK] += 1
            kinds[RESCHEDULES] += story.reschedules
        else:
            _count_starts(kinds, story, truth)
    return kinds


def _count_starts(kinds: Counter[str], story: Story, truth: Truth) -> None:
    task = story.task
    rivals = truth.rivals(story)
    kinds.update(story.mischief.rivals)
    kinds[EQUAL_ROWS] += sum(bool(task.rows) and run.total in task.rows for run in rivals)
    kinds[NO_STORE] += not task.has_store
    kinds[NO_STORE_RETRIES] += 0 if task.has_store else story.tries - 1 - len(story.cleared)
    if task.if_running != "wait":
        kinds[f"tasks with if_running={task.if_running!r}"] += 1
    for report in story.reports:
        kinds[GAVE_WAY["skip"]] += report.kind == "skipped"
        kinds[GAVE_WAY["fail"]] += isinstance(report.error, AggregationAlreadyRunningError)
    kinds[ADOPTED] += sum(story.ledger.choice(run.id) is not None for run in rivals)
    for post in story.ledger.posts:
        if post.is_settled:
            continue
        came = truth.of_post(post.tag)
        kinds[UNHEARD_REFUSALS] += came is not None and not came.counts
        in_gap = [run for run in rivals if post.look.begun <= run.created <= post.sent + RECONCILE_SECONDS]
        kinds[IN_GAP] += len(in_gap)
        later = [one.attempt.began for one in story.reports if one.attempt.began > post.sent]
        if later:
            kinds[OVER_BEFORE_RETRY] += sum(
                run.completed is not None and run.completed < min(later) for run in in_gap
            )
