"""The cases that affect the whole Airflow or tenant, so they run one after another."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.live.crashes.case import Case, until, until_logged, until_state
from tests.live.crashes.stories import ENDED_WELL, WAS_KILLED, begin

if TYPE_CHECKING:
    from tests.live.crashes.case import Story
    from tests.live.crashes.place import CrashPlace

REFUSE_SECONDS = 30.0
WAITS = 50
# Retries after kills take a minute anyway; until then, the short cases have a small machine to themselves.
HEAD_START_SECONDS = 30.0
NO_ANSWER = r"^No valid response for \d+ s \(tolerate_outage=1800 s\)"


def before_tenant_cut_off(place: CrashPlace) -> Story:
    """Bring the task to its wait."""
    yield from begin(place, "tenant_cut_off")


def tenant_cut_off(place: CrashPlace) -> Story:
    """Make the tenant unreachable for a while, during all waits."""
    dag_id = "tenant_cut_off"
    place.control.fault("refuse", path="task-status", times=1, seconds=REFUSE_SECONDS)
    yield from until(lambda: not place.tenant.is_up(), "the tenant to become unreachable")
    yield from until(place.tenant.is_up, "the tenant to be reachable again")
    yield from until_logged(place, dag_id, NO_ANSWER)
    place.finish(dag_id)
    yield from until_state(place, dag_id, "success")


def before_scheduler_stopped(place: CrashPlace) -> Story:
    """Bring the task to its wait."""
    yield from begin(place, "scheduler_stopped")


def scheduler_stopped(place: CrashPlace) -> Story:
    """Stop every scheduler, let the aggregation end meanwhile, and start them again."""
    dag_id = "scheduler_stopped"
    # Airflow's local executor does not always end when it is asked to, so it may be killed in the end.
    for name in place.schedulers:
        place.processes.stop(name)
    place.finish(dag_id)
    yield from until_state(place, dag_id, "scheduled")
    for name in place.schedulers:
        place.start_component("scheduler", name)
    yield from until_state(place, dag_id, "success")


def before_triggerer_killed(place: CrashPlace) -> Story:
    """Let the triggerers that run wait for all tasks, and start those that do not run."""
    begun = time.monotonic()
    yield from until(
        lambda: time.monotonic() - begun > HEAD_START_SECONDS, "the other cases to get a head start"
    )
    for number in range(WAITS):
        place.create_source(f"many_waits_{number}")
    place.trigger("many_waits")
    yield from until(lambda: len(_waiting(place)) == WAITS, f"{WAITS} waits in triggerers", 480.0)
    for name in place.triggerers:
        if not place.processes.runs(name):
            place.start_component("triggerer", name)


def triggerer_killed(place: CrashPlace) -> Story:
    """Kill the triggerer that holds all waits, or most of them."""
    yield from until(
        lambda: len(place.api.live_triggerers()) == len(place.triggerers), "all triggerers to be alive"
    )
    holders = _waiting(place)
    if len(holders) != WAITS:
        raise RuntimeError(f"The triggerers hold {len(holders)} of {WAITS} waits.")
    ((first, _),) = Counter(holders).most_common(1)
    place.processes.kill(place.triggerer(first))
    yield from until(
        lambda: len(moved := _waiting(place)) == WAITS and first not in moved,
        "the waits to move to the other triggerer",
    )
    for number in range(WAITS):
        place.finish(f"many_waits_{number}")
    yield from until_state(place, "many_waits", "success")


def _waiting(place: CrashPlace) -> list[int]:
    """Return the triggerer of each wait that has one."""
    tasks = place.tasks("many_waits")
    return [task.triggerer for task in tasks if task.state == "deferred" and task.triggerer is not None]


CASES = (
    Case(
        "the tenant is unreachable for 30 s",
        ("tenant_cut_off",),
        tenant_cut_off,
        aggregations=1,
        state="success",
        says=(NO_ANSWER, ENDED_WELL),
        never_says=(WAS_KILLED,),
        before=before_tenant_cut_off,
    ),
    Case(
        "the scheduler is stopped and started",
        ("scheduler_stopped",),
        scheduler_stopped,
        aggregations=1,
        state="success",
        says=(ENDED_WELL,),
        never_says=(WAS_KILLED,),
        before=before_scheduler_stopped,
    ),
    Case(
        f"SIGKILL of one of two triggerers, with {WAITS} waits",
        ("many_waits",),
        triggerer_killed,
        aggregations=WAITS,
        state=f"{WAITS} x success",
        says=(ENDED_WELL,),
        never_says=(WAS_KILLED,),
        before=before_triggerer_killed,
    ),
)
