"""The simulated tenant posts its event to subscribers, as ISC's document of the trigger has it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sailpoint_provider.simulator.control import ControlError
from tests.unit.simulator.simulator_cases import DIRECTORY, HR, MAINFRAME

# After SailPoint's document of the event trigger idn:account-aggregation-completed.
FIELDS = {"source", "status", "started", "completed", "errors", "warnings", "stats"}
STATS = {"scanned", "unchanged", "changed", "added", "removed"}


@contextmanager
def subscriber(status=200):
    """Serve a subscriber, and yield its URL and what it receives."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((json.loads(body), self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/isc", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def invocations(control, count):
    deadline = time.monotonic() + 10
    while len(control.invocations()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return control.invocations()


def test_an_ended_aggregation_is_posted_once(control):
    with subscriber() as (url, received):
        control.subscribe(url, "token-1")
        run = control.start(DIRECTORY)
        assert control.invocations() == []
        control.finish(run["id"])
        (invocation,) = invocations(control, 1)
        time.sleep(0.2)
    ((event, authorization),) = received
    assert authorization == "Bearer token-1"
    assert invocation["event"] == event
    assert invocation["status"] == 200
    assert set(event) == FIELDS
    assert set(event["stats"]) == STATS
    assert event["source"] == {"type": "SOURCE", "id": DIRECTORY, "name": run["source_name"]}
    assert event["status"] == "Success"
    assert event["started"] <= event["completed"]


@pytest.mark.parametrize(
    ("outcome", "status", "messages"),
    [
        ("warning", "Success", "warnings"),
        ("error", "Failed", "errors"),
        ("temperror", "Failed", "errors"),
        ("terminated", "Terminated", "errors"),
        ("cancelled", "Terminated", "warnings"),
    ],
)
def test_each_end_has_its_status_and_messages(control, outcome, status, messages):
    with subscriber() as (url, received):
        control.subscribe(url)
        control.finish(control.start(DIRECTORY)["id"], outcome)
        invocations(control, 1)
    ((event, authorization),) = received
    assert authorization is None
    assert event["status"] == status
    assert event[messages]


def test_what_ended_before_and_refused_starts_are_not_posted(control):
    control.finish(control.start(HR)["id"])
    with subscriber() as (url, received):
        control.subscribe(url)
        control.start(DIRECTORY)
        assert control.start(DIRECTORY)["refused"]
        control.finish(control.start(MAINFRAME)["id"])
        invocations(control, 1)
        time.sleep(0.2)
    assert [event["source"]["id"] for event, _ in received] == [MAINFRAME]


def test_every_subscriber_is_notified_even_if_one_fails(control):
    with subscriber(500) as (bad, _), subscriber() as (good, received):
        control.subscribe(bad)
        control.subscribe("http://127.0.0.1:9/nobody")
        control.subscribe(good)
        control.finish(control.start(DIRECTORY)["id"])
        statuses = [one["status"] for one in invocations(control, 3)]
    assert statuses == [500, None, 200]
    assert len(received) == 1


def test_an_unsubscribed_url_is_not_reported(control):
    with subscriber() as (url, received):
        control.subscribe(url)
        control.unsubscribe()
        control.finish(control.start(DIRECTORY)["id"])
        time.sleep(0.3)
    assert received == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://192.0.2.1/hook",
        "http://user:pass@127.0.0.1/hook",
        "http://127.0.0.1/hook?token=1",
        "127.0.0.1",
    ],
)
def test_only_this_machine_is_called_and_no_url_holds_a_secret(control, url):
    with pytest.raises(ControlError):
        control.subscribe(url)


def test_no_token_of_a_subscription_is_shown(control):
    with subscriber() as (url, _):
        assert "token-1" not in json.dumps(control.subscribe(url, "token-1"))
        control.finish(control.start(DIRECTORY)["id"])
        assert "token-1" not in json.dumps(invocations(control, 1))
