import email.utils
import socket
import time

import pytest
import requests

from tests.unit.simulator.simulator_cases import DIRECTORY

BROKEN = requests.exceptions.ConnectionError


def test_a_reset_before_the_request_took_effect(api, control):
    control.fault("reset", path="load-accounts", times=1)
    with pytest.raises(BROKEN):
        api.start(DIRECTORY)
    assert control.runs() == []
    assert api.start(DIRECTORY).status_code == 202


def test_a_reset_is_a_tcp_reset(control, sailpoint_simulator):
    control.fault("reset", path="sources")
    port = int(sailpoint_simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.sendall(b"GET /sources/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            wire.recv(1)


def test_a_reset_after_the_request_took_effect(api, control):
    control.fault("reset", path="load-accounts", times=1, when="after")
    with pytest.raises(BROKEN, match="reset"):
        api.start(DIRECTORY)
    assert len(control.runs()) == 1


def test_a_connection_closed_without_an_answer(api, control):
    control.fault("disconnect", path="load-accounts", when="after")
    with pytest.raises(BROKEN, match="without response"):
        api.start(DIRECTORY)
    assert len(control.runs()) == 1


def test_connections_are_refused_for_a_while(api, control, sailpoint_simulator):
    control.fault("refuse", times=1, seconds=0.4)
    with pytest.raises(BROKEN):
        api.sources()
    port = int(sailpoint_simulator.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    time.sleep(0.6)
    assert api.sources().status_code == 200


def test_a_timeout_after_the_request_took_effect(api, control):
    control.fault("timeout", path="load-accounts", delay_seconds=30)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.call(
            "POST",
            f"sources/v1/{DIRECTORY}/load-accounts",
            files={"disableOptimization": (None, "false")},
            timeout=0.3,
        )
    assert len(control.runs()) == 1


def test_a_stall_in_the_middle_of_an_answer(api, control):
    control.fault("stall", path="task-status", times=1, bytes=1, delay_seconds=0.4)
    begun = time.monotonic()
    assert api.tasks().json() == []
    assert time.monotonic() - begun > 0.35


def test_a_body_cut_short(api, control):
    control.fault("cut_body", path="sources", times=1)
    with pytest.raises((BROKEN, requests.exceptions.ChunkedEncodingError), match="IncompleteRead"):
        api.sources()


def test_a_delay(api, control):
    control.fault("delay", times=1, delay_seconds=0.3)
    begun = time.monotonic()
    assert api.sources().status_code == 200
    assert time.monotonic() - begun > 0.25


@pytest.mark.parametrize(("wanted", "header"), [(7, "7"), (None, None)])
def test_too_many_requests_with_and_without_seconds(api, control, wanted, header):
    control.fault("rate_limit", retry_after=wanted, times=1)
    answer = api.sources()
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, header)
    assert answer.json() == {"message": " Rate Limit Exceeded "}


def test_too_many_requests_with_a_date(api, control):
    control.fault("rate_limit", retry_after={"date": 60})
    when = email.utils.parsedate_to_datetime(api.sources().headers["Retry-After"]).timestamp()
    assert 57 < when - time.time() < 62


@pytest.mark.parametrize("status", [401, 404, 500, 501, 502, 503, 504])
def test_any_status(api, control, status):
    control.fault("answer", status=status, headers={"Retry-After": "3"})
    answer = api.sources()
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "3")
    assert set(answer.json()) == {"detailCode", "trackingId", "messages", "causes"}


def test_a_server_error_after_the_request_took_effect(api, control):
    control.fault("answer", path="load-accounts", status=502, when="after")
    assert api.start(DIRECTORY).status_code == 502
    assert len(control.runs()) == 1


def test_the_next_answers_of_a_path_can_be_scripted(api, control):
    for status in ("STARTED", "COMPLETED"):
        control.fault("answer", path="account-aggregations", times=1, body={"status": status})
    assert [api.status("x").json().get("status") for _ in range(3)] == ["STARTED", "COMPLETED", None]


def test_an_expired_token(api, control):
    control.fault("expired_token", path="task-status", times=1)
    assert [api.tasks().status_code for _ in range(2)] == [401, 200]


def test_bodies_that_are_not_iscs(api, control):
    control.fault("not_json", path="sources", times=1)
    with pytest.raises(ValueError, match="Expecting"):
        api.sources().json()
    control.fault("other_shape", path="sources", times=1, body={"items": 1})
    assert api.sources().json() == {"items": 1}
    control.fault("html", path="sources", times=1)
    answer = api.sources()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_redirect_to_another_host(api, control):
    control.fault("redirect", location="https://elsewhere.invalid/login")
    answer = api.call("GET", "sources/v1", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.invalid/login")


def test_the_answer_to_a_refused_start_is_lost(api, control, people):
    control.fault("reset", start="refused", times=1)
    first = api.started(people, "id,name\n1,a\n")
    with pytest.raises(BROKEN, match="reset"):
        api.start(people, "id,name\n1,a\n")
    assert [run["refused"] for run in control.runs(people)] == [False, True]
    assert [(r["start"], r["fault"]) for r in control.requests()[-2:]] == [
        ("accepted", None),
        ("refused", "reset"),
    ]
    assert api.start(people, "id,name\n1,a\n").status_code == 202
    control.finish(first)
    assert len(control.runs(people)) == 3


def test_the_answer_to_an_accepted_start_is_lost(api, control, people):
    control.start(people)
    control.fault("answer", status=504, start="accepted", nth=2)
    assert api.start(people, "id,name\n1,a\n").json()["task"]["completionStatus"] == "ERROR"
    assert api.start(DIRECTORY).status_code == 202
    control.finish(control.runs(DIRECTORY)[0]["id"])
    assert api.start(DIRECTORY).status_code == 504
    assert [run["refused"] for run in control.runs(DIRECTORY)] == [False, False]
    assert (control.faults()[0]["matched"], control.faults()[0]["struck"]) == (2, 1)


@pytest.mark.parametrize("kind", ["reset", "disconnect"])
def test_a_start_that_never_arrives(api, control, people, kind):
    control.fault(kind, method="POST", path="load-accounts", times=1)
    with pytest.raises(BROKEN):
        api.start(people, "id,name\n" + "1,a\n" * 2_000_000)
    assert control.runs() == []
    assert (control.requests()[-1]["status"], control.requests()[-1]["file"]) == (None, None)


def test_the_status_endpoint_alone_is_down_for_ever(api, control, people):
    control.fault("answer", path="/account-aggregations/", status=500)
    task = api.started(people, "id,name\n1,a\n")
    assert {api.status(task).status_code for _ in range(10)} == {500}
    assert (api.task(task).status_code, api.sources().status_code) == (200, 200)


def test_every_get_hangs(api, control):
    control.fault("delay", method="GET", delay_seconds=0.3)
    for ask in (api.sources, api.tasks):
        begun = time.monotonic()
        assert ask().status_code == 200
        assert time.monotonic() - begun > 0.25
    begun = time.monotonic()
    assert api.start(DIRECTORY).status_code == 202
    assert time.monotonic() - begun < 0.25


def test_the_task_list_repeats_one_full_page_for_ever(api, control):
    tasks = [control.start(DIRECTORY)["id"] for _ in range(3)][::-1]
    control.fault("same_page", path="/task-status")
    pages = [api.tasks(limit=5, offset=offset).json() for offset in (0, 5, 5_000_000)]
    assert [record["id"] for record in pages[0]] == [*tasks, *tasks[:2]]
    assert pages[0] == pages[1] == pages[2]
    assert len(api.tasks().json()) == 250
    assert api.task(tasks[0]).json()["id"] == tasks[0]
    assert api.tasks(filters='id eq "x"', offset=5).json() == []
    assert api.tasks(limit="x").status_code == 400
