"""What runs in a process of its own: a task that takes or loads drops, or the trigger that it waits with."""

from __future__ import annotations

import asyncio
import json
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.drops import SailPointTakeDropsOperator
from tests.live.chaos.hooks import tell_of
from tests.live.chaos.mischief import AirflowTroubleError
from tests.live.drop_chaos.files import FOLDERS
from tests.live.drop_chaos.mischief import LOAD_POINTS, RESUME_POINTS, TAKE_POINTS, DropMischief, become
from tests.live.drop_chaos.world import DAG_ID, RETRIES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.drop_chaos.world import Json, World

CRASH_CHANCE = {"take": 0.35, "execute": 0.45, "resume": 0.3, "trigger": 0.12}
_POINTS = {
    "take": TAKE_POINTS,
    "execute": LOAD_POINTS,
    "trigger": RESUME_POINTS,
    "resume": RESUME_POINTS,
}
_EXPECTED = (SailPointError, AirflowTroubleError)


@dataclass(frozen=True)
class Work:
    """
    What one process does.

    :param name: its name, unique in the run.
    :param phase: ``take`` for the task that takes drops; ``execute``, ``trigger`` and ``resume`` for a load.
    :param run_id: the DAG run.
    :param folder: name of the folder.
    :param number: number of the try.
    :param begun: when the run began, in epoch seconds of the quick clock.
    :param options: arguments of the load's operator.
    :param reported: what watchers reported of the drops that started the run.
    :param drop: the drop of a load.
    :param deferral: what a deferred task has left behind.
    :param has_store: whether there is a task state store, as on Airflow 3.3 and later.
    """

    name: str
    phase: Literal["take", "execute", "trigger", "resume"]
    run_id: str
    folder: str
    number: int
    begun: float
    options: Json
    reported: list[Json]
    drop: Json | None = None
    deferral: Json | None = None
    has_store: bool = True


def outcome_path(world: World, work: Work) -> Path:
    """Return where a process leaves its outcome."""
    return world.path("work", f"{work.name}.outcome")


def carry_out(world: World, work: Work) -> None:
    """Do it in this process, and leave the outcome in a file; the process may be killed before."""
    mischief = DropMischief(world, work.name, world.weather)
    become(mischief)
    mischief.set_out(_POINTS[work.phase], CRASH_CHANCE[work.phase], 12 if work.phase == "take" else 5)
    try:
        outcome = _trigger(work) if work.phase == "trigger" else _task(world, work, mischief)
        mischief.reach("before success")
    except AirflowSkipException as skip:
        tell_of(mischief, skip)
        outcome = {"kind": "skipped", "error": str(skip)}
    except BaseException as error:
        tell_of(mischief, error)
        outcome = _failed(error)
    text = json.dumps(outcome)
    mischief.check(text, f"the outcome of {work.phase}")
    path = outcome_path(world, work)
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _failed(error: BaseException) -> Json:
    expected = isinstance(error, _EXPECTED)
    return {
        "kind": "failed" if isinstance(error, AirflowFailException) else "error",
        "name": type(error).__name__,
        "error": str(error),
        "wrong": None if expected else "".join(traceback.format_exception(error))[-1500:],
    }


def _trigger(work: Work) -> Json:
    """Play the triggerer until the trigger yields its event."""
    assert work.deferral is not None
    module, _, name = work.deferral["trigger"].rpartition(".")
    trigger = getattr(import_module(module), name)(**work.deferral["arguments"])

    async def first_event() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return {"kind": "event", "event": asyncio.run(first_event())}


def _task(world: World, work: Work, mischief: DropMischief) -> Json:
    context = _context(world, work, mischief)
    try:
        if work.phase == "take":
            folder = next(one for one in FOLDERS if one.name == work.folder)
            rules = world.folder(folder).rules
            taken = SailPointTakeDropsOperator(task_id="take", rules=rules).execute(context)
            return {"kind": "success", "drops": taken}
        operator = _operator(world, work)
        if work.phase == "execute":
            return {"kind": "success", "result": operator.execute(context)}
        assert work.deferral is not None
        kwargs = work.deferral["kwargs"] | {"event": work.deferral["event"]}
        result = operator.resume_execution(work.deferral["method"], kwargs, context)
        return {"kind": "success", "result": result}
    except TaskDeferred as deferred:
        path, arguments = deferred.trigger.serialize()
        left: Json = {
            "trigger": path,
            "arguments": arguments,
            "method": deferred.method_name,
            "kwargs": deferred.kwargs or {},
        }
        mischief.check(json.dumps(left), "the arguments of a deferral")
        mischief.reach("before deferral")
        return {"kind": "deferred", "deferral": left}


def _operator(world: World, work: Work) -> SailPointAccountAggregationOperator:
    assert work.drop is not None
    return SailPointAccountAggregationOperator(
        task_id="load",
        drop=work.drop,
        sailpoint_conn_id=f"tenant_{world.source_of(work.drop).tenant}",
        retries=RETRIES,
        **work.options,
    )


def _context(world: World, work: Work, mischief: DropMischief) -> Any:
    run = SimpleNamespace(
        run_id=work.run_id, clear_number=0, start_date=datetime.fromtimestamp(work.begun, UTC)
    )
    context: Json = {"ti": _TaskInstance(work, mischief), "dag_run": run}
    if work.reported:
        events = [SimpleNamespace(extra={"from_trigger": True, "payload": one}) for one in work.reported]
        context["triggering_asset_events"] = {"drops": events}
    if work.has_store and work.drop is not None:
        context["task_state_store"] = _Store(world.path("work", f"{_task_name(work)}.store"), mischief)
    return context


def _task_name(work: Work) -> str:
    assert work.drop is not None
    return f"{work.run_id}.{work.drop['claim']}.{work.drop['source_id'] or work.drop['source_name']}"


class _TaskInstance:
    """What operators ask of a task instance."""

    def __init__(self, work: Work, mischief: DropMischief) -> None:
        self.dag_id, self.run_id, self.task_id = DAG_ID, work.run_id, work.phase
        self.try_number = work.number
        self.max_tries = RETRIES
        self._mischief = mischief

    def xcom_push(self, key: str, value: Any) -> None:
        fails = self._mischief.ask_airflow("xcom_push")
        self._mischief.check(json.dumps(value), f"XCom {key}")
        self._mischief.reach("after xcom_push")
        if fails:
            raise AirflowTroubleError("xcom_push")


class _Store:
    """Airflow's store of one task's state, in a file that survives the processes of the task."""

    def __init__(self, path: Path, mischief: DropMischief) -> None:
        self._path = path
        self._mischief = mischief

    def get(self, key: str) -> Any:
        fails = self._mischief.ask_airflow("get")
        self._finish("get", fails)
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else None

    def set(self, key: str, checkpoint: Json) -> None:
        text = json.dumps(checkpoint)
        self._mischief.check(text, "the task state store")
        fails = self._mischief.ask_airflow(f"set {checkpoint['state']}")
        draft = self._path.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._path)
        self._finish(f"set {checkpoint['state']}", fails)

    def _finish(self, what: str, fails: bool) -> None:
        self._mischief.reach(f"after {what}")
        if fails:
            raise AirflowTroubleError(what)
