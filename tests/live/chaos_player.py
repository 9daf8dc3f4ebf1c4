"""Plays Airflow around the real operator and trigger: tries, crashes, retries, clears and the triggerer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, TaskDeferred

from sailpoint_provider.isc.errors import AggregationFailedError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.live.chaos_airflow import Report, Story, TaskInstance, TaskStateStore
from tests.live.chaos_clock import FACTOR
from tests.live.chaos_faults import SILENCE_SECONDS
from tests.live.chaos_hooks import forget_shares, tell_of
from tests.live.chaos_mischief import Crash, Mischief, current

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.triggers.base import BaseTrigger

    from tests.live.chaos_plan import Task
    from tests.live.chaos_tenant import ChaosServer

CLEAR_AFTER_SUCCESS = 0.1
CLEAR_AFTER_CRASH = 0.05
CLEAR_AFTER_FAILURE = 0.5
NEW_FILE_CHANCE = 0.4
NEW_FILE_CHANCE_AT_RETRY = 0.04
BACKSTOP_CHANCE = 0.01
KILL_CHANCE = 0.3
NEW_PROCESS_CHANCE = 0.7
MOST_CLEARS = 2
TRIGGER_TIMEOUT = ("__fail__", {"error": "Trigger timeout"})


class Player:
    """
    Runs one logical task to its end.

    :param task: the task.
    :param seed: seed of the whole run.
    :param server: its tenant.
    :param folder: where its files lie.
    """

    def __init__(self, task: Task, seed: str, server: ChaosServer, folder: Path) -> None:
        self._task = task
        self._folder = folder
        secret = f"secret-{hashlib.sha256(f'{seed}:{task.name}'.encode()).hexdigest()}"
        mischief = Mischief(seed, task.name, task.weather, [secret])
        server.control.client(task.name, secret=secret, token_lifetime=task.token_lifetime)
        self._connect(server.url, secret)
        self.story = Story(task, mischief)
        self._mischief = mischief
        self._ti = TaskInstance(self.story)
        self._context: Any = {"ti": self._ti, "task_state_store": TaskStateStore(self.story)}
        self._lay_file(0)

    @property
    def _conn_id(self) -> str:
        return self._task.name.replace("-", "_")

    def _connect(self, url: str, secret: str) -> None:
        extra = {
            "requests_per_10s": 1_000_000,
            "timeout": SILENCE_SECONDS,
            "upload_timeout": SILENCE_SECONDS,
        } | self._task.extra
        fields = {
            "conn_type": "sailpoint",
            "host": url,
            "login": self._task.name,
            "password": secret,
            "extra": extra,
        }
        os.environ[f"AIRFLOW_CONN_{self._conn_id.upper()}"] = json.dumps(fields)

    def _lay_file(self, version: int) -> None:
        content = self._task.write_file(self._folder, version).read_bytes() if self._task.rows else b""
        self.story.hashes.append(hashlib.sha256(content).hexdigest())

    def _lay_next_file(self) -> None:
        if len(self.story.hashes) < len(self._task.rows):
            self._lay_file(len(self.story.hashes))

    def play(self) -> Story:
        """Run the task until Airflow would not touch it again."""
        current.set(self._mischief)
        time.sleep(self._task.begins_after)
        try:
            while self._goes_on(self._one_try()):
                self._ti.try_number += 1
                self._ti.xcoms.clear()
        except BaseException as error:
            self.story.wrongs.append(f"chaos itself broke: {error!r}")
            tell_of(self._mischief, error)
            self.story.reports.append(self._report("failed", error=error))
        return self.story

    def _goes_on(self, report: Report) -> bool:
        """Take a report in, and tell whether another try comes: a retry, or the first after a clear."""
        self.story.reports.append(report)
        self._mischief.note(f"=== {report.kind} {report.error!r}")
        rng = self._mischief.rng("after try", self._ti.try_number)
        if report.kind in ("success", "failed"):
            chance = CLEAR_AFTER_SUCCESS if report.kind == "success" else CLEAR_AFTER_FAILURE
        else:
            chance = CLEAR_AFTER_CRASH if report.kind == "crash" else 0.0
        if len(self.story.cleared) < MOST_CLEARS and rng.random() < chance * min(1.0, self._task.weather):
            self._clear(report, new_file=rng.random() < NEW_FILE_CHANCE)
            return True
        if report.kind in ("success", "failed"):
            return False
        if rng.random() < NEW_FILE_CHANCE_AT_RETRY:
            self._lay_next_file()
        time.sleep(self._task.retry_delay / FACTOR)
        return True

    def _clear(self, report: Report, *, new_file: bool) -> None:
        self.story.cleared.append((time.time(), report.kind == "success"))
        self._ti.max_tries = self._ti.try_number + int(self._task.options["retries"])
        self._mischief.note(f"=== cleared, {new_file=}")
        if new_file:
            self._lay_next_file()

    def _one_try(self) -> Report:
        number = self._ti.try_number
        self.story.tries += 1
        self._mischief.begin_try(number)
        if self._mischief.rng("process", number).random() < NEW_PROCESS_CHANCE:
            forget_shares(self._task.name)
        try:
            result = self._executed()
            self._mischief.reach("before success")
        except Crash as crash:
            for_good = number > self._ti.max_tries
            return self._report("failed" if for_good else "crash", error=crash)
        except (Exception, AirflowTaskTimeout) as error:
            tell_of(self._mischief, error)
            told = dict(error.result) if isinstance(error, AggregationFailedError) else None
            for_good = isinstance(error, AirflowFailException) or number > self._ti.max_tries
            return self._report("failed" if for_good else "error", told, error)
        return self._report("success", result)

    def _report(self, kind: Any, result: Any = None, error: BaseException | None = None) -> Report:
        if kind == "success" and self._ti.xcoms.get("aggregation_id") != result["aggregation_id"]:
            pushed = self._ti.xcoms.get("aggregation_id")
            self.story.wrongs.append(
                f"XCom aggregation_id is {pushed} where the result is {result['aggregation_id']}"
            )
        return Report(kind, len(self.story.cleared), self.story.version, time.time(), result, error)

    def _operator(self) -> SailPointAccountAggregationOperator:
        options = dict(self._task.options)
        if self._task.rows:
            options["file"] = str(self._folder / f"{self._task.name}.csv")
        return SailPointAccountAggregationOperator(
            task_id=self._task.name, sailpoint_conn_id=self._conn_id, **options
        )

    def _executed(self) -> Any:
        method = "execute"
        kwargs: dict[str, Any] = {}
        while True:
            operator = self._operator()
            try:
                if method == "execute":
                    result = operator.execute(self._context)
                else:
                    result = operator.resume_execution(method, kwargs, self._context)
            except TaskDeferred as deferred:
                self._mischief.reach("before deferral")
                self.story.deferrals += 1
                method, kwargs = self._waited(deferred)
                self._mischief.resume(self._ti.try_number)
                self._mischief.reach("before resume")
            except Crash:
                if self._mischief.rng("kill", self._ti.try_number).random() < KILL_CHANCE:
                    operator.on_kill()
                raise
            except AirflowTaskTimeout:
                operator.on_kill()
                raise
            else:
                text = json.dumps(result)
                self._mischief.check(text, "the returned XCom")
                return json.loads(text)

    def _waited(self, deferred: TaskDeferred) -> tuple[str, dict[str, Any]]:
        """Let a triggerer wait, and return with what the task is to go on."""
        stored = json.dumps([deferred.trigger.serialize(), deferred.kwargs or {}])
        self._mischief.check(stored, "the arguments of a deferral")
        (path, arguments), kwargs = json.loads(stored)
        if not isinstance(deferred.timeout, timedelta):
            self.story.wrongs.append("a deferral has no backstop")
        number = self.story.deferrals
        module, _, name = path.rpartition(".")
        for attempt in range(100):
            patience = self._mischief.begin_trigger(self._ti.try_number, number * 100 + attempt)
            if (
                self._mischief.rng("backstop", number, attempt).random()
                < BACKSTOP_CHANCE * self._task.weather
            ):
                self._mischief.note("the backstop of the deferral is over")
                return TRIGGER_TIMEOUT
            forget_shares(self._task.name)
            try:
                payloads = asyncio.run(_payloads(getattr(import_module(module), name)(**arguments), patience))
            except Crash:
                continue
            if payloads is None:
                self._mischief.crashes["triggerer, stopped in order"] += 1
                continue
            (payload,) = payloads
            text = json.dumps(payload)
            self._mischief.check(text, "a trigger's event")
            self._mischief.note(f"event {text}")
            return deferred.method_name, kwargs | {"event": json.loads(text)}
        raise AssertionError("the triggerer never came to an end")


async def _payloads(trigger: BaseTrigger, patience: float | None) -> list[Any] | None:
    """Run a trigger; None where its triggerer was stopped before it had ended."""

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    running = asyncio.create_task(run())
    await asyncio.wait((running,), timeout=patience)
    if running.done():
        return await running
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return None
    return None
