"""Counts how often a run met each kind of event: a zero shows what it did not try."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import AggregationAlreadyRunningError
from sailpoint_provider.isc.start.reconcile import RECONCILE_SECONDS
from tests.live.chaos.rivals import RIVAL_KINDS

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Story
    from tests.live.chaos.plan import Unit
    from tests.live.chaos.tenant import Traits
    from tests.live.chaos.truth import Truth

EQUAL_ROWS = "rivals' aggregations with as many rows as the task's file"
UNHEARD_REFUSALS = "refused starts whose response never reached the task"
IN_GAP = "rivals' aggregations within 30 s of a start without a usable response"
OVER_BEFORE_RETRY = "of these, ended before the next try"
KILLED_AT_START = "workers killed before, during or after a start"
AT_ONCE = "sources with tasks that began at the same moment"
LOADS = {
    "entitlement_aggregation": "tasks that load entitlements",
    "uncorrelated_accounts": "tasks that load uncorrelated accounts",
}
NO_STORE = "tasks without a state store"
NO_STORE_RETRIES = "retries without a state store"
AHEAD, BEHIND = "tasks on a tenant whose clock is ahead", "tasks on a tenant whose clock is behind"
KEPT = "tasks on a tenant that records refused starts"
NOT_KEPT = "tasks on a tenant that does not record refused starts"
ADOPTED = "rivals' aggregations that were adopted"
GAVE_WAY = {"fail": "tries that failed because of a rival", "skip": "tries skipped because of a rival"}
WAYS = ("poke", "reschedule", "deferrable")
WATCHED_RIVAL, WATCHED_TASK = "sensors for a rival's aggregation", "sensors for an operator's aggregation"
RESCHEDULES = "reschedules of sensors"
OUTAGES = "outages of Airflow's API longer than all retries"
KEPT_MAX_TRIES = "clears after a change of retries that left max_tries as it was"
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
    *LOADS.values(),
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
    *(f"Airflow's API failed: {what}" for what in _AIRFLOW),
    OUTAGES,
    KEPT_MAX_TRIES,
    OTHERS_CLEARED,
)


def kinds_of(unit: Unit, stories: list[Story], truth: Truth, traits: Traits) -> Counter[str]:
    """Count the events of one unit."""
    kinds: Counter[str] = Counter()
    kinds[AT_ONCE] += unit.begins_at_once
    for story in stories:
        if story.task.load in LOADS:
            kinds[LOADS[story.task.load]] += 1
        kinds[AHEAD] += traits.skew > 0
        kinds[BEHIND] += traits.skew < 0
        kinds[KEPT if traits.keeps_refusals else NOT_KEPT] += 1
        kinds[KEPT_MAX_TRIES] += story.kept_max_tries
        kinds[OUTAGES] += story.mischief.outages
        kinds[OTHERS_CLEARED] += story.others_cleared
        kinds[KILLED_AT_START] += sum(story.mischief.crashes[point] for point in _STARTS)
        for what, number in story.mischief.airflow_troubles.items():
            kinds[f"Airflow's API failed: {what}"] += number
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
