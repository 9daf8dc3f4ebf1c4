"""The cases that affect only their own tasks: killed workers, user actions, concurrent DAGs, timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.crashes.case import Case, until, until_logged, until_state

if TYPE_CHECKING:
    from tests.live.crashes.case import Story
    from tests.live.crashes.place import CrashPlace

HOLD_SECONDS = 120.0
ROWS = 300
ROW_LENGTH = 30_000
STILL_RUNNING = (
    r"^The task was killed\. Account aggregation \w+ .*is still running in Identity Security Cloud"
)
ENDED_WELL = r"^SUCCEEDED in .* account aggregation \w+$"
RESUMED = r"^The account aggregation \w+ of an earlier try is still running; resuming the wait"
INTERRUPTED = r"an earlier try stopped before it received an ID"
WAS_KILLED = r"was killed"
TRIGGER_BEGINS = r"^trigger .* starting$"


def killed_after_start(place: CrashPlace) -> Story:
    """Kill the worker while it awaits the response to its first status request."""
    yield from _killed_while_held(place, "killed_after_start", "GET", r"task-status/\w+$", "v2025")


def killed_before_answer(place: CrashPlace) -> Story:
    """Kill the worker after the tenant has started the aggregation, but before it responds."""
    yield from _killed_while_held(place, "killed_before_answer", "POST", r"load-accounts", "v2026")


def killed_in_upload(place: CrashPlace) -> Story:
    """Kill the worker when the tenant has received part of the file."""
    dag_id = "killed_in_upload"
    place.create_source(dag_id, "delimited", header=["id", "name"])
    rows = (f"A{number:05d},{'x' * ROW_LENGTH}\n" for number in range(ROWS))
    csv = place.store_file("killed_in_upload.csv", ("id,name\n" + "".join(rows)).encode())
    place.trigger(dag_id, {"file": csv})
    yield from until(lambda: place.gate.holds_upload, "the upload")
    task = place.task(dag_id)
    place.kill_workers(task)
    place.gate.cut()
    yield from end_well(place, dag_id, tries=2)


def marked_failed(place: CrashPlace) -> Story:
    """Mark a deferred task as failed."""
    yield from begin(place, "marked_failed")
    place.api.mark(place.dag_runs["marked_failed"], "aggregate", "failed")
    yield from until_logged(place, "marked_failed", STILL_RUNNING)


def marked_success(place: CrashPlace) -> Story:
    """Mark a deferred task as successful."""
    yield from begin(place, "marked_success")
    place.api.mark(place.dag_runs["marked_success"], "aggregate", "success")
    yield from until_logged(place, "marked_success", STILL_RUNNING)


def cleared_while_deferred(place: CrashPlace) -> Story:
    """Clear a deferred task."""
    dag_id = "cleared_while_deferred"
    yield from begin(place, dag_id)
    place.api.clear(place.dag_runs[dag_id], "aggregate")
    yield from end_well(place, dag_id, tries=2)


def cleared_after_success(place: CrashPlace) -> Story:
    """Clear a task that has succeeded."""
    dag_id = "cleared_after_success"
    yield from begin(place, dag_id)
    yield from end_well(place, dag_id)
    run = place.dag_runs[dag_id]
    # A clear while the scheduler closes the run gets lost.
    yield from until(lambda: place.api.dag_run(dag_id, run.run_id).ended, "the end of the run")
    place.api.clear(run, "aggregate")
    yield from until(lambda: len(place.aggregations(dag_id)) == 2, "a second aggregation")
    yield from end_well(place, dag_id, tries=2)


def two_at_once(place: CrashPlace) -> Story:
    """Start two DAGs that load the same source."""
    first, second = "two_at_once", "two_at_once_second"
    place.create_source(first)
    place.trigger(first)
    place.trigger(second)
    yield from until_state(place, first, "deferred")
    yield from until_state(place, second, "deferred")
    for dag_id in (first, second):
        yield from until_left(place, dag_id)
    place.finish(first)
    yield from until(lambda: len(place.aggregations(first)) == 2, "the aggregation of the second DAG")
    for dag_id in (first, second):
        yield from until_left(place, dag_id)
    place.finish(first)
    for dag_id in (first, second):
        yield from until_state(place, dag_id, "success")


def out_of_time(place: CrashPlace) -> Story:
    """Let the ``execution_timeout`` pass while the task is deferred."""
    yield from begin(place, "out_of_time")
    yield from until_state(place, "out_of_time", "failed")


def begin(place: CrashPlace, dag_id: str) -> Story:
    """Run a DAG until the triggerer waits for its task."""
    place.create_source(dag_id)
    place.trigger(dag_id)
    yield from until_state(place, dag_id, "deferred")
    yield from until_logged(place, dag_id, TRIGGER_BEGINS)


def end_well(place: CrashPlace, dag_id: str, *, tries: int = 1) -> Story:
    """Wait until the task is deferred, end its aggregation, and wait for the task's success."""
    yield from until_state(place, dag_id, "deferred", tries=tries)
    yield from until_left(place, dag_id)
    place.finish(dag_id)
    yield from until_state(place, dag_id, "success", tries=tries)


def until_left(place: CrashPlace, dag_id: str) -> Story:
    """Wait until no worker runs the task; the scheduler can fail a task that resumes before it notices."""
    return until(lambda: not place.workers(place.task(dag_id)), f"the worker of {dag_id} to exit")


def _killed_while_held(place: CrashPlace, dag_id: str, method: str, path: str, api_version: str) -> Story:
    yield from until_held(place, dag_id, method, path, api_version)
    place.kill_workers(place.task(dag_id))
    yield from end_well(place, dag_id, tries=2)


def until_held(
    place: CrashPlace, dag_id: str, method: str, path: str, api_version: str, seconds: float = HOLD_SECONDS
) -> Story:
    """Run a DAG until its task awaits the delayed response to a request.

    :param seconds: how long it is delayed.
    """
    place.create_source(dag_id)
    fault = place.control.fault(
        "delay", method=method, path=path, api_version=api_version, times=1, delay_seconds=seconds
    )
    place.trigger(dag_id)
    yield from until(
        lambda: any(met["number"] == fault["number"] and met["struck"] for met in place.control.faults()),
        "the worker to send the delayed request",
    )


CASES = (
    Case(
        "SIGKILL of the worker between POST and defer",
        ("killed_after_start",),
        killed_after_start,
        aggregations=1,
        state="success",
        says=(RESUMED, ENDED_WELL),
        never_says=(WAS_KILLED,),
    ),
    Case(
        "SIGKILL of the worker before the response to the POST",
        ("killed_before_answer",),
        killed_before_answer,
        aggregations=1,
        state="success",
        says=(INTERRUPTED, r"^ISC started account aggregation \w+; waiting for it", ENDED_WELL),
    ),
    Case(
        "SIGKILL of the worker during the upload",
        ("killed_in_upload",),
        killed_in_upload,
        aggregations=1,
        state="success",
        says=(
            INTERRUPTED,
            r"^ISC did not acknowledge the file; starting again once the source is free",
            ENDED_WELL,
        ),
    ),
    Case(
        "marked failed while deferred",
        ("marked_failed",),
        marked_failed,
        aggregations=1,
        state="failed",
        says=(STILL_RUNNING,),
    ),
    Case(
        "marked success while deferred",
        ("marked_success",),
        marked_success,
        aggregations=1,
        state="success",
        says=(STILL_RUNNING,),
    ),
    Case(
        "cleared while deferred",
        ("cleared_while_deferred",),
        cleared_while_deferred,
        aggregations=1,
        state="success",
        # The trigger logs nothing if the task is deferred again before the triggerer learns of the clear.
        says=(f"{STILL_RUNNING}|{RESUMED}", RESUMED, ENDED_WELL),
    ),
    Case(
        "cleared after success",
        ("cleared_after_success",),
        cleared_after_success,
        aggregations=2,
        state="success",
        says=(ENDED_WELL,),
        never_says=(WAS_KILLED, RESUMED),
    ),
    Case(
        "two DAGs on one source at once",
        ("two_at_once", "two_at_once_second"),
        two_at_once,
        aggregations=2,
        state="2 x success",
        says=(r"^Another account aggregation \w+ .* is running; waiting until it has ended", ENDED_WELL),
        never_says=(WAS_KILLED,),
    ),
    Case(
        "execution_timeout while deferred",
        ("out_of_time",),
        out_of_time,
        aggregations=1,
        state="failed",
        says=(r"AirflowTaskTimeout: The task's execution_timeout passed.*still running in",),
    ),
)
