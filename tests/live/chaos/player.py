"""Plays Airflow around the real operator and sensor: tries, crashes, retries, clears and reschedules."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)
from airflow.sdk.exceptions import AirflowRescheduleException

from sailpoint_provider.exceptions import AggregationFailedError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.live.chaos.airflow import DagRun, Report, Story, TaskInstance, TaskStateStore
from tests.live.chaos.clock import CLOCK, FACTOR
from tests.live.chaos.faults import SILENCE_SECONDS
from tests.live.chaos.hooks import forget_shares, tell_of
from tests.live.chaos.mischief import Crash, Mischief, current
from tests.live.chaos.starts import AGGREGATION_ID, Attempt
from tests.live.chaos.triggerer import waited

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.chaos.plan import Task
    from tests.live.chaos.tenant import ChaosServer

OPERATORS: dict[str, Any] = {
    "account_aggregation": SailPointAccountAggregationOperator,
    "entitlement_aggregation": SailPointEntitlementAggregationOperator,
    "uncorrelated_accounts": SailPointUncorrelatedAccountsOperator,
}
CLEAR_AFTER_SUCCESS = 0.1
CLEAR_AFTER_CRASH = 0.05
CLEAR_AFTER_FAILURE = 0.5
OTHER_CLEAR_CHANCE = 0.05
KEEP_MAX_TRIES_CHANCE = 0.4
NEW_DAG_RUN_CHANCE = 0.7
NEW_FILE_CHANCE = 0.4
NEW_FILE_CHANCE_AT_RETRY = 0.04
KILL_CHANCE = 0.3
NEW_PROCESS_CHANCE = 0.7
MOST_CLEARS = 2
_ENDS = ("success", "skipped", "failed")


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
        mischief = Mischief(seed, task.name, task.dangers, [secret])
        server.control.client(task.name, secret=secret, token_lifetime=task.token_lifetime)
        self._connect(server.url, secret)
        self.story = Story(task, mischief)
        self._mischief = mischief
        self._retries = int(task.options["retries"])
        self._ti = TaskInstance(self.story)
        self._dag_run = DagRun(task.name)
        self._context: Any = {"ti": self._ti, "dag_run": self._dag_run}
        if task.has_store:
            self._context["task_state_store"] = TaskStateStore(self.story)
        self.is_over = False
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
        """Run the task until Airflow would not run it again."""
        current.set(self._mischief)
        time.sleep(self._task.begins_after)
        self._dag_run.begin()
        self.story.begun = CLOCK.time()
        try:
            while self._goes_on(self._one_try()):
                self._ti.try_number += 1
                self._ti.xcoms.clear()
                self._ti.first_poke = None
        except BaseException as error:
            self.story.wrongs.append(f"the chaos program itself failed: {error!r}")
            tell_of(self._mischief, error)
            self.story.reports.append(self._report("failed", error=error))
        self.is_over = True
        return self.story

    def _goes_on(self, report: Report) -> bool:
        """Record a report; return whether another try follows: a retry, or the first after a clear."""
        self.story.reports.append(report)
        self._mischief.note(f"=== {report.kind} {report.error!r}")
        rng = self._mischief.rng("after try", self._ti.try_number)
        if report.kind in _ENDS:
            chance = CLEAR_AFTER_FAILURE if report.kind == "failed" else CLEAR_AFTER_SUCCESS
        else:
            chance = CLEAR_AFTER_CRASH if report.kind == "crash" else 0.0
        if len(self.story.cleared) < MOST_CLEARS and rng.random() < chance * min(1.0, self._mischief.weather):
            self._clear(report)
            return True
        if report.kind in _ENDS:
            return False
        if rng.random() < NEW_FILE_CHANCE_AT_RETRY:
            self._lay_next_file()
        if rng.random() < OTHER_CLEAR_CHANCE * min(1.0, self._mischief.weather):
            self._mischief.note("=== another task of the run is cleared")
            self._dag_run.clear_number += 1
            self.story.others_cleared += 1
        time.sleep(self._task.retry_delay / FACTOR)
        return True

    def _clear(self, report: Report) -> None:
        """Clear the task as Airflow does; its DAG file may give it other retries by now."""
        rng = self._mischief.rng("clear", self._ti.try_number)
        self.story.cleared.append(CLOCK.time())
        self._dag_run.clear_number += 1
        left = self._ti.max_tries - self._ti.try_number
        if left > 0 and rng.random() < KEEP_MAX_TRIES_CHANCE:
            self._retries = left
            self.story.kept_max_tries += 1
        self._ti.max_tries = self._ti.try_number + self._retries
        if report.kind in _ENDS and rng.random() < NEW_DAG_RUN_CHANCE:
            self._dag_run.begin()
        self._mischief.note(f"=== cleared, {self._retries} retries, max_tries {self._ti.max_tries}")
        if rng.random() < NEW_FILE_CHANCE:
            self._lay_next_file()

    def _one_try(self) -> Report:
        number = self._ti.try_number
        story, dag_run = self.story, self._dag_run
        story.tries += 1
        self._mischief.begin_try(number)
        story.ledger.begin_try(
            Attempt(
                number,
                len(story.cleared),
                story.version,
                clears=dag_run.clear_number,
                dag_started=dag_run.started,
                began=CLOCK.time(),
            )
        )
        if self._mischief.rng("process", number).random() < NEW_PROCESS_CHANCE:
            forget_shares(self._task.name)
        for_good = number > self._ti.max_tries
        try:
            result = self._executed()
            self._mischief.reach("before success")
        except Crash as crash:
            return self._report("failed" if for_good else "crash", error=crash)
        except AirflowSkipException as skip:
            tell_of(self._mischief, skip)
            return self._report("skipped", error=skip)
        except (Exception, AirflowTaskTimeout) as error:
            tell_of(self._mischief, error)
            told = dict(error.result) if isinstance(error, AggregationFailedError) else None
            for_good |= isinstance(error, AirflowFailException | AirflowSensorTimeout)
            return self._report("failed" if for_good else "error", told, error)
        return self._report("success", result)

    def _report(self, kind: Any, result: Any = None, error: BaseException | None = None) -> Report:
        if kind == "success":
            self._check_success(result)
        ledger = self.story.ledger
        return Report(kind, ledger.attempt, CLOCK.time(), ledger.look, frozenset(ledger.known), result, error)

    def _check_success(self, result: Any) -> None:
        pushed = self._ti.xcoms.get(AGGREGATION_ID)
        if pushed != result[AGGREGATION_ID]:
            self.story.wrongs.append(
                f"XCom aggregation_id is {pushed}, but the result has {result[AGGREGATION_ID]}"
            )

    def _operator(self) -> Any:
        options = self._task.options | {"retries": self._retries}
        if self._task.rows:
            options["file"] = str(self._folder / f"{self._task.name}.csv")
        kind = OPERATORS[self._task.load]
        return kind(task_id=self._task.name, sailpoint_conn_id=self._conn_id, **options)

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
                method, kwargs = waited(deferred, self.story, self._ti.try_number)
                self._mischief.resume(self._ti.try_number)
                self._mischief.reach("before resume")
            except AirflowRescheduleException as reschedule:
                self._wait_until(reschedule.reschedule_date.timestamp())
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

    def _wait_until(self, moment: float) -> None:
        """Release the worker until a rescheduled sensor pokes again, in the same try."""
        if self._ti.first_poke is None:
            self._ti.first_poke = self.story.ledger.attempt.began
        self.story.reschedules += 1
        CLOCK.sleep(max(0.0, moment - CLOCK.time()))


class SensorPlayer(Player):
    """Runs one sensor, once it is known what it waits for."""

    def wait_for(self, aggregation_id: str) -> None:
        """Record what it waits for."""
        self.story.watched = aggregation_id

    def _check_success(self, result: Any) -> None:
        """Sensors push nothing of their own."""

    def _operator(self) -> Any:
        return SailPointAccountAggregationSensor(
            task_id=self._task.name,
            aggregation_id=str(self.story.watched),
            sailpoint_conn_id=self._conn_id,
            **self._task.options | {"retries": self._retries},
        )
