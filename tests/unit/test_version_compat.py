"""Blocking calls to Airflow from an event loop, in the one way that Airflow 3.0 survives."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from asgiref.sync import async_to_sync

from sailpoint_provider.drops import scanner
from sailpoint_provider.drops.journal import Run, is_active
from sailpoint_provider.hooks import asynchronous
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from sailpoint_provider.version_compat import in_thread


class Supervisor:
    """Airflow 3.0's: a blocking call is sent on the event loop of the calling thread, or on a new one."""

    def __init__(self, seconds=0.0):
        self.loop = asyncio.get_running_loop()
        self.seconds = seconds
        self.responses = 0
        self.wrong_loops = 0

    async def asend(self):
        if asyncio.get_running_loop() is not self.loop:
            self.wrong_loops += 1
        await asyncio.sleep(self.seconds)
        self.responses += 1

    def send(self):
        assert threading.current_thread() is not threading.main_thread()
        async_to_sync(self.asend)()


def test_a_blocking_call_is_sent_on_the_event_loop():
    async def story():
        supervisor = Supervisor()
        await in_thread(supervisor.send)
        await scanner.in_thread(supervisor.send)
        return supervisor.responses, supervisor.wrong_loops

    assert asyncio.run(story()) == (2, 0)


def test_the_response_is_read_although_the_caller_is_cancelled():
    async def story():
        supervisor = Supervisor(seconds=0.2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await in_thread(supervisor.send)
        await asyncio.sleep(0.5)
        return supervisor.responses

    assert asyncio.run(story()) == 1


def test_a_watcher_asks_for_a_run_on_the_event_loop(monkeypatch):
    async def story():
        supervisor = Supervisor()

        def get_dr_count(*_, **__):
            supervisor.send()
            return 1

        monkeypatch.setattr(RuntimeTaskInstance, "get_dr_count", staticmethod(get_dr_count))
        assert await scanner.in_thread(is_active, Run("load", "run 1")) is True
        return supervisor.responses, supervisor.wrong_loops

    assert asyncio.run(story()) == (1, 0)


def test_a_trigger_asks_for_its_task_on_the_event_loop(monkeypatch):
    async def story():
        supervisor = Supervisor()

        def get_task_states(*_, **__):
            supervisor.send()
            return {"run 1": {"load": "deferred"}}

        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
        trigger = SailPointAccountAggregationTrigger(aggregation_id="a" * 32, source_id="b" * 32)
        trigger.task_instance = SimpleNamespace(dag_id="d", task_id="load", run_id="run 1", map_index=-1)
        assert await trigger._state_of_task() == "deferred"
        return supervisor.responses, supervisor.wrong_loops

    assert asyncio.run(story()) == (1, 0)


def test_a_file_is_examined_where_its_connection_can_be_looked_up(monkeypatch):
    async def story():
        supervisor = Supervisor()

        def upload_of(_):
            supervisor.send()
            raise RuntimeError("examined")

        monkeypatch.setattr(asynchronous, "upload_of", upload_of)
        with pytest.raises(RuntimeError, match="examined"):
            await SailPointHook().aload_accounts("b" * 32, "s3://store@bucket/hr.csv")
        return supervisor.responses, supervisor.wrong_loops

    assert asyncio.run(story()) == (1, 0)
