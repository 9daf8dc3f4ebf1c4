"""The cases that only Celery has: a lost worker, broker and scheduler, and a drop that two triggerers see."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.live.airflow_processes import CELERY_WORKER
from tests.live.crashes.case import Case, until, until_state
from tests.live.crashes.celery_place import LATE_QUEUE, LATE_WORKER, WORKERS, CeleryPlace
from tests.live.crashes.stories import (
    ENDED_WELL,
    INTERRUPTED,
    RESUMED,
    WAS_KILLED,
    begin,
    end_well,
    until_held,
)

if TYPE_CHECKING:
    from tests.live.airflow_api import DagRun
    from tests.live.crashes.case import Story
    from tests.live.crashes.place import CrashPlace

ANSWER_SECONDS = 30.0
LISTING_SECONDS = 4.0
ENDED_BEFORE = r"^The account aggregation \w+ of an earlier try has ended: succeeded"
DROP_DAG_ID = "dropped_file"
DROP_HEADER = ["id", "name"]
WATCHER = "SELECT triggerer_id FROM trigger WHERE classpath LIKE 'sailpoint_provider.triggers.drops.%'"
QUEUED_BY = "SELECT queued_by_job_id FROM task_instance WHERE dag_id = '{}'"


def nothing_before(place: CrashPlace) -> Story:
    """Prepare nothing."""
    yield from ()


def worker_lost(place: CrashPlace) -> Story:
    """Kill a whole worker while it runs a task; the other one takes the retry."""
    dag_id, place = "celery_worker_lost", _celery(place)
    yield from until_held(place, dag_id, "GET", r"task-status/\w+$", "v2025")
    task = place.task(dag_id)
    (lost,) = (name for name in WORKERS if place.workers_of(name, task))
    (other,) = set(WORKERS) - {lost}
    place.processes.kill(lost)
    yield from end_well(place, dag_id, tries=2)
    tries = {name: place.tries_in(name, dag_id) for name in (lost, other)}
    # The other one may have begun the first try too: Celery delivers the message again, and Airflow refuses.
    if tries[lost] != ["attempt=1.log"] or "attempt=2.log" not in tries[other]:
        raise RuntimeError(f"The tries ran elsewhere than they should: {tries}")
    place.start_component(CELERY_WORKER, lost)


def before_broker_restarted(place: CrashPlace) -> Story:
    """Bring one task to its wait."""
    yield from begin(place, "broker_restarted")


def broker_restarted(place: CrashPlace) -> Story:
    """Kill the broker while one task is queued and one waits, whose aggregation ends meanwhile."""
    dag_id, place = "broker_restarted", _celery(place)
    queued = f"{dag_id}_queued"
    place.create_source(queued)
    place.trigger(queued)
    yield from until(lambda: place.broker.messages(LATE_QUEUE) == 1, "the message in the queue")
    yield from until_state(place, queued, "queued")
    place.broker.kill(place.processes)
    place.finish(dag_id)
    # The scheduler has nobody to send the task to.
    yield from until(lambda: place.task(dag_id).state != "deferred", "the trigger to end")
    yield from until(lambda: place.task(dag_id).state == "up_for_retry", "the scheduler to give the try up")
    place.broker.start(place.processes)
    if place.broker.messages(LATE_QUEUE) != 1:
        raise RuntimeError("The broker lost its message.")
    yield from until_state(place, dag_id, "success")
    place.start_component(CELERY_WORKER, LATE_WORKER)
    yield from end_well(place, queued)
    place.processes.stop(LATE_WORKER)


def scheduler_lost(place: CrashPlace) -> Story:
    """Kill the scheduler that has sent a task to a worker; the other one takes the task over."""
    dag_id, place = "scheduler_lost", _celery(place)
    yield from until_held(place, dag_id, "POST", r"load-accounts", "v2026", ANSWER_SECONDS)
    (job,) = place.postgres.query(QUEUED_BY.format(dag_id))
    alive = place.api.live_schedulers()
    lost = place.schedulers[alive.index(int(job))]
    place.processes.kill(lost)
    yield from until(lambda: place.api.live_schedulers() == [id for id in alive if id != int(job)], "its end")
    yield from until(
        lambda: place.postgres.query(QUEUED_BY.format(dag_id)) != [job], "the other scheduler to take over"
    )
    yield from end_well(place, dag_id)
    place.start_component("scheduler", lost)


def before_dropped_file(place: CrashPlace) -> Story:
    """Load a first file, so that the folder is watched."""
    place = _celery(place)
    place.create_source(DROP_DAG_ID, "delimited", header=DROP_HEADER, collect_seconds=1.0)
    yield from until(lambda: bool(_watchers(place)), "a triggerer to watch the folder")
    yield from _drop_and_load(place, "first.csv")


def dropped_file(place: CrashPlace) -> Story:
    """Drop one file that two triggerers see, and one while the triggerer that would see it is dead."""
    place = _celery(place)
    ((first,),) = (_watchers(place),)
    slow = place.triggerer(first)
    place.processes.freeze(slow)
    yield from until(lambda: _watchers(place) not in ([], [first]), "the other triggerer to watch the folder")
    _drop(place, "second.csv")
    # Its child lists the folder before the triggerer can tell it that the watch is no longer its own.
    place.processes.thaw(slow, only_children=True)
    thawed = time.monotonic()
    yield from until(lambda: time.monotonic() - thawed > LISTING_SECONDS, "the folder to be listed")
    place.processes.thaw(slow)
    yield from until(lambda: _reports(place, "second.csv") > 1, "both triggerers to report the file")
    yield from _until_loaded(place, "second.csv")
    yield from until(lambda: first in place.api.live_triggerers(), "the slow triggerer to be alive again")
    (second,) = _watchers(place)
    lost = place.triggerer(second)
    place.processes.kill(lost)
    yield from _drop_and_load(place, "third.csv")
    place.triggerers = (*(name for name in place.triggerers if name != lost), lost)
    place.start_component("triggerer", lost)


def _celery(place: CrashPlace) -> CeleryPlace:
    if not isinstance(place, CeleryPlace):
        raise TypeError("This case needs Celery.")
    return place


def _watchers(place: CeleryPlace) -> list[int]:
    """Return the jobs of the triggerers that are to watch the folder."""
    return [int(job) for job in place.postgres.query(WATCHER) if job]


def _reports(place: CeleryPlace, name: str) -> int:
    """Return how often a file was reported."""
    return sum(event["extra"].get("payload", {}).get("name") == name for event in place.api.asset_events())


def _drop(place: CeleryPlace, name: str) -> None:
    place.store.drop(f"{','.join(DROP_HEADER)}\n1,{name}\n".encode(), name)


def _drop_and_load(place: CeleryPlace, name: str) -> Story:
    _drop(place, name)
    yield from _until_loaded(place, name)


def _until_loaded(place: CeleryPlace, name: str) -> Story:
    """Wait until a file is filed and all runs have ended; the table gets the run that loaded it."""
    yield from until(lambda: _is_filed(place, name), f"{name} to be filed")
    runs: list[DagRun] = []

    def have_ended() -> bool:
        # What is judged is what was seen to have ended: a late report of a file begins one more run.
        runs[:] = place.api.dag_runs(DROP_DAG_ID)
        return all(run.ended for run in runs)

    yield from until(have_ended, "the runs to end")
    if any(run.state != "success" for run in runs):
        raise RuntimeError(f"Some of the runs failed: {[run.state for run in runs]}")
    loads = [
        run
        for run in runs
        if any(t.task_id == "load" and t.state == "success" for t in place.api.task_instances(run))
    ]
    files = sum(_is_filed(place, f"{number}.csv") for number in ("first", "second", "third"))
    if len(loads) != files:
        raise RuntimeError(f"{len(loads)} runs loaded {files} files.")
    place.dag_runs[DROP_DAG_ID] = loads[-1]


def _is_filed(place: CeleryPlace, name: str) -> bool:
    kept = place.store.names()
    return name not in kept and any(path.startswith("loaded/") and path.endswith(f"/{name}") for path in kept)


CASES = (
    Case(
        "a file in the object store, seen by two triggerers, and one while a triggerer is lost",
        (DROP_DAG_ID,),
        dropped_file,
        aggregations=3,
        state="2 x success",
        says=(ENDED_WELL,),
        never_says=(WAS_KILLED, INTERRUPTED, RESUMED),
        before=before_dropped_file,
    ),
    Case(
        "SIGKILL of a whole worker",
        ("celery_worker_lost",),
        worker_lost,
        aggregations=1,
        state="success",
        says=(RESUMED, ENDED_WELL),
        never_says=(WAS_KILLED, INTERRUPTED),
        before=nothing_before,
    ),
    Case(
        "SIGKILL of the broker, with a queued task and a wait",
        ("broker_restarted", "broker_restarted_queued"),
        broker_restarted,
        aggregations=2,
        state="2 x success",
        says=(ENDED_BEFORE, ENDED_WELL),
        never_says=(WAS_KILLED, INTERRUPTED),
        before=before_broker_restarted,
    ),
    Case(
        "SIGKILL of one of two schedulers",
        ("scheduler_lost",),
        scheduler_lost,
        aggregations=1,
        state="success",
        says=(ENDED_WELL,),
        never_says=(WAS_KILLED, INTERRUPTED, RESUMED),
        before=nothing_before,
    ),
)
