"""The client of the control API keeps its connection, and notices when that is over."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from sailpoint_provider.simulator.control import ControlError, SimulatorControl, kept_connection


@pytest.fixture
def opened(monkeypatch):
    """Return the connections that are opened from now on."""
    found = []

    class Counted(HTTPConnection):
        def connect(self):
            found.append(self)
            super().connect()

    monkeypatch.setattr(kept_connection, "HTTPConnection", Counted)
    return found


@pytest.fixture
def own(sailpoint_simulator, opened):
    control = SimulatorControl(sailpoint_simulator.url)
    yield control
    control.close()


def test_calls_share_one_connection_and_so_does_a_refused_one(own, opened):
    own.health()
    with pytest.raises(ControlError, match="404"):
        own.finish("0" * 32)
    own.create_source("New", header=["id"])
    assert len(opened) == 1


def test_a_connection_that_the_server_has_closed_is_opened_anew(own, opened, sailpoint_simulator):
    own.health()
    sailpoint_simulator._server._abort_connections()
    deadline = time.monotonic() + 10
    while not kept_connection._is_over(opened[0]):
        assert time.monotonic() < deadline, "the server has not closed it"
        time.sleep(0.01)
    assert own.health()["status"] == "up"
    assert len(opened) == 2


def test_a_closed_client_can_be_used_again(own, opened):
    own.health()
    own.close()
    assert opened[0].sock is None
    assert own.health()["status"] == "up"


def test_threads_get_their_own_answers(own):
    names = [f"Source {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda name: own.create_source(name, header=["id"])["name"], names))
    assert created == names


def test_no_thread_waits_for_the_answer_of_another(own, opened):
    own.health()
    with own._connection._in_use:
        thread = threading.Thread(target=own.health)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    assert [connection.sock is None for connection in opened] == [False, True]


def test_a_forked_process_opens_a_connection_of_its_own(own, opened):
    own.health()
    child = os.fork()
    if child == 0:
        try:
            is_right = own.health()["status"] == "up" and len(opened) == 2
            os._exit(0 if is_right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert own.health()["status"] == "up"
    assert len(opened) == 1
