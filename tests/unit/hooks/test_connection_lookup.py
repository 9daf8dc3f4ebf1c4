"""Looking up a connection on an event loop where Airflow's supervisor takes blocking questions only."""

from __future__ import annotations

import asyncio
import threading

import pytest
from airflow.providers.common.compat.sdk import Connection
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ConnectionResult, ErrorResponse, GetConnection

from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.hooks import connection_cache
from sailpoint_provider.hooks.sailpoint import SailPointHook

STORED = ConnectionResult(
    conn_id="stored",
    conn_type="sailpoint",
    host="acme",
    schema="https",
    login="client",
    password="secret-text",
    port=0,
    extra="{}",
)


class InProcessSupervisor:
    """Answers as the supervisor of ``dag.test()`` does: at once, and to blocking calls only."""

    def __init__(self, answer=STORED, until=None):
        self.answer = answer
        self.until = until
        self.threads = set()

    def send(self, msg):
        if not isinstance(msg, GetConnection):
            return None
        self.threads.add(threading.get_ident())
        if self.until is not None:
            self.until.wait(20)
        return self.answer


class AwaitableSupervisor(InProcessSupervisor):
    """Answers as the supervisor of a triggerer does."""

    async def asend(self, msg):
        return self.send(msg)


@pytest.fixture
def supervised(monkeypatch):
    """Return what puts a supervisor into this process."""

    def put(supervisor):
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
        return supervisor

    return put


def looked_up(conn_id="stored"):
    """Look a connection up on an event loop."""

    async def within():
        return threading.get_ident(), await SailPointHook(conn_id)._atenant()

    return asyncio.run(within())


def test_a_stored_connection_is_found_where_the_supervisor_cannot_be_awaited(supervised):
    supervised(InProcessSupervisor())
    _, tenant = looked_up()
    assert (tenant.base_url, tenant.client_id) == ("https://acme.api.identitynow.com", "client")


def test_the_blocking_question_does_not_hold_the_event_loop(supervised):
    supervisor = supervised(InProcessSupervisor())
    loop_thread, _ = looked_up()
    assert supervisor.threads
    assert loop_thread not in supervisor.threads


def test_a_connection_that_does_not_exist_is_reported_all_the_same(supervised):
    supervised(InProcessSupervisor(ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)))
    with pytest.raises(InvalidInputError, match="There is no Airflow connection 'missing'"):
        looked_up("missing")


def test_a_connection_of_the_environment_is_found_there_too(supervised, monkeypatch):
    supervised(InProcessSupervisor(ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)))
    monkeypatch.setenv("AIRFLOW_CONN_FROM_ENVIRONMENT", "sailpoint://client:secret-text@other")
    _, tenant = looked_up("from_environment")
    assert tenant.base_url == "https://other.api.identitynow.com"


def test_a_blocking_question_that_nobody_answers_ends_in_time(supervised, monkeypatch):
    monkeypatch.setattr(connection_cache, "_BLOCKING_SECONDS", 0.05)
    answered = threading.Event()
    supervised(InProcessSupervisor(until=answered))

    async def within():
        try:
            await SailPointHook("stored")._atenant()
        finally:
            answered.set()

    with pytest.raises(
        SailPointError, match=r"did not return the connection 'stored' within 0\.05 s"
    ) as failure:
        asyncio.run(within())
    assert not failure.value.final


@pytest.mark.parametrize("supervisor", [None, AwaitableSupervisor()], ids=["none", "awaitable"])
def test_airflows_own_look_up_is_used_wherever_it_works(supervised, monkeypatch, supervisor):
    if supervisor is not None:
        supervised(supervisor)
    asked = []

    async def get_async_connection(conn_id, hook):
        asked.append((conn_id, type(hook)))
        return Connection(conn_id=conn_id, conn_type="sailpoint", host="acme", login="c", password="secret")

    monkeypatch.setattr(
        "airflow.providers.common.compat.connection.get_async_connection", get_async_connection
    )
    looked_up()
    assert asked == [("stored", SailPointHook)]
