"""The way of ISC's webhook: the tenant posts, the receiver translates, and Airflow's own model accepts."""

from __future__ import annotations

import io
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests

from sailpoint_provider.assets import webhook
from sailpoint_provider.assets.sources import source_asset
from sailpoint_provider.assets.webhook import AggregationWebhook, token_by_password
from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from tests.unit.airflow_cases import DIRECTORY, MAINFRAME

BEARER = "bearer-of-the-subscription"
PASSWORD = "password-of-the-airflow-user"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(application):
    """Serve a WSGI application on loopback, and yield its URL."""
    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class FakeAirflow:
    """Airflow's public API, as far as asset events need it; the real model checks each body."""

    assets: dict
    tokens: list = field(default_factory=lambda: ["t1"])
    events: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    status: int | None = None

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        self.calls.append(f"{method} {path}")
        status, answer = self._answer(environ, method, path, body)
        start_response(f"{status} {status}", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _answer(self, environ, method, path, body):
        if path == "/auth/token":
            good = body == {"username": "isc", "password": PASSWORD}
            return (201, {"access_token": self.tokens[-1]}) if good else (401, {})
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {self.tokens[-1]}":
            return 401, {"detail": "Invalid JWT token"}
        if self.status is not None:
            return self.status, {}
        if (method, path) == ("GET", "/api/v2/assets"):
            pattern = parse_qs(environ["QUERY_STRING"])["uri_pattern"][0]
            found = [{"id": n, "uri": uri} for n, uri in self.assets.items() if pattern in uri]
            return 200, {"assets": found, "total_entries": len(found)}
        assert (method, path) == ("POST", "/api/v2/assets/events")
        from airflow.api_fastapi.core_api.datamodels.assets import CreateAssetEventsBody

        accepted = CreateAssetEventsBody.model_validate(body)
        if accepted.asset_id not in self.assets:
            return 404, {}
        self.events.append((self.assets[accepted.asset_id], accepted.extra))
        return 200, {"id": len(self.events)}


@pytest.fixture
def uri(tenant):
    return source_asset(tenant.server.url, DIRECTORY).uri


@pytest.fixture
def airflow(uri):
    return FakeAirflow({7: uri, 8: f"{uri}-of-another"})


@contextmanager
def receiver(tenant, airflow, **options):
    """Serve the receiver in front of an Airflow, and yield its URL."""
    with served(airflow) as airflow_url:
        application = AggregationWebhook(
            tenant_host=tenant.server.url,
            bearer_token=BEARER,
            airflow_url=airflow_url,
            airflow_token=token_by_password(airflow_url, "isc", PASSWORD),
            **options,
        )
        with served(application) as url:
            yield url


def posted(url, document, bearer=BEARER, **options):
    return requests.post(
        url, json=document, headers={"Authorization": f"Bearer {bearer}"}, timeout=10, **options
    )


def event(source_id=DIRECTORY, **changes):
    return {
        "source": {"type": "SOURCE", "id": source_id, "name": "Directory"},
        "status": "Success",
        "started": "2026-05-01T12:00:00.000Z",
        "completed": "2026-05-01T12:01:00.000Z",
        "errors": [],
        "warnings": [],
        "stats": {"scanned": 3, "unchanged": 1, "changed": 1, "added": 1, "removed": 0},
    } | changes


def told(tenant, count):
    """Return the events that the tenant has posted, once there are so many."""
    deadline = time.monotonic() + 10
    while len(tenant.control.invocations()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return tenant.control.invocations()


def test_what_the_tenant_posts_becomes_an_event_that_airflow_accepts(tenant, airflow, uri):
    with receiver(tenant, airflow) as url:
        tenant.control.subscribe(url, BEARER)
        run = tenant.control.start(DIRECTORY)
        tenant.control.finish(run["id"])
        (invocation,) = told(tenant, 1)
    assert invocation["status"] == 200
    ((event_uri, extra),) = airflow.events
    assert event_uri == uri
    assert (extra["source_id"], extra["state"], extra["aggregation_id"]) == (DIRECTORY, "succeeded", None)
    assert extra["accounts"]["scanned"] == run["counts"]["total"] > 0
    assert extra["from_rest_api"] is True


def test_a_bad_end_does_not_update_the_asset_of_a_loaded_source(tenant, airflow, caplog):
    with receiver(tenant, airflow) as url:
        answers = [
            posted(url, event(**changes)).status_code
            for changes in ({"status": "Failed"}, {"status": "Terminated"}, {"errors": ["Unreadable."]})
        ]
    assert answers == [200] * 3
    assert airflow.events == []
    assert "Not passed on" in caplog.text


def test_a_failure_is_reported_as_such_if_asked_for(tenant, airflow):
    with receiver(tenant, airflow, with_failures=True) as url:
        tenant.control.subscribe(url, BEARER)
        tenant.plan(DIRECTORY, "error", seconds=0)
        tenant.control.start(DIRECTORY)
        told(tenant, 1)
    ((_, extra),) = airflow.events
    assert extra["state"] == "failed"


def test_the_asset_is_looked_up_once(tenant, airflow):
    with receiver(tenant, airflow) as url:
        assert [posted(url, event()).status_code for _ in range(3)] == [200] * 3
    assert airflow.calls.count("GET /api/v2/assets") == 1
    assert airflow.calls.count("POST /auth/token") == 1


def test_an_asset_that_got_another_id_is_looked_up_again(tenant, airflow, uri):
    with receiver(tenant, airflow) as url:
        posted(url, event())
        airflow.assets = {9: uri}
        assert posted(url, event()).status_code == 200
    assert len(airflow.events) == 2


def test_an_expired_token_is_renewed(tenant, airflow):
    with receiver(tenant, airflow) as url:
        posted(url, event())
        airflow.tokens.append("t2")
        assert posted(url, event()).status_code == 200
    assert len(airflow.events) == 2


@pytest.mark.parametrize("bearer", ["", "another", BEARER + "x"])
def test_another_bearer_token_is_refused(tenant, airflow, bearer):
    with receiver(tenant, airflow) as url:
        answer = posted(url, event(), bearer)
        assert answer.status_code == 401
        assert BEARER not in answer.text
    assert airflow.calls == []


def test_other_bodies_and_methods_are_refused(tenant, airflow):
    headers = {"Authorization": f"Bearer {BEARER}"}
    with receiver(tenant, airflow) as url:
        assert posted(url, {"source": None}).status_code == 400
        assert posted(url, event("HR")).status_code == 400
        assert requests.post(url, data=b"{", headers=headers, timeout=10).status_code == 400
        assert requests.get(url, headers=headers, timeout=10).status_code == 405
        too_long = requests.post(url, data=b" " * (1024 * 1024 + 1), headers=headers, timeout=10)
        assert too_long.status_code == 413
    assert airflow.calls == []


def test_a_source_that_no_dag_names_is_reported_as_unknown(tenant, airflow):
    with receiver(tenant, airflow) as url:
        answer = posted(url, event(MAINFRAME))
    assert answer.status_code == 404
    assert MAINFRAME in answer.text
    assert airflow.events == []


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_an_airflow_that_refuses_is_reported_as_such(tenant, airflow, status, caplog):
    airflow.status = status
    with receiver(tenant, airflow) as url:
        assert posted(url, event()).status_code == 502
    assert str(status) in caplog.text
    assert PASSWORD not in caplog.text


def test_an_airflow_that_is_away_is_reported_as_such(tenant, caplog):
    application = AggregationWebhook(
        tenant_host=tenant.server.url,
        bearer_token=BEARER,
        airflow_url="http://127.0.0.1:9",
        airflow_token=lambda: "token-of-airflow",
    )
    with served(application) as url:
        answer = posted(url, event())
    assert answer.status_code == 502
    assert "127.0.0.1:9" not in answer.text
    assert "token-of-airflow" not in caplog.text


def test_a_wrong_password_of_airflow_is_reported_without_it(airflow):
    with served(airflow) as url, pytest.raises(ProtocolError, match="401") as caught:
        token_by_password(url, "isc", "wrong-one")()
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"bearer_token": ""},
        {"tenant_host": "acme.identitynow.com"},
        {"airflow_url": "airflow.example.com"},
        {"airflow_url": "https://user:pass@airflow.example.com"},
        {"airflow_url": "https://airflow.example.com?token=1"},
    ],
)
def test_bad_settings_are_refused_at_once(changed):
    usual = {
        "tenant_host": "acme",
        "bearer_token": BEARER,
        "airflow_url": "https://airflow.example.com",
        "airflow_token": lambda: "",
    }
    with pytest.raises(InvalidInputError):
        AggregationWebhook(**usual | changed)


def test_an_event_in_chunks_without_a_length_is_read(tenant):
    body = io.BytesIO(b'{"no": "event of ISC"}')
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": f"Bearer {BEARER}",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
    }
    receiver = AggregationWebhook(
        tenant_host=tenant.server.url,
        bearer_token=BEARER,
        airflow_url="http://127.0.0.1:9",
        airflow_token=token_by_password("http://127.0.0.1:9", "isc", PASSWORD),
    )
    answers = []
    receiver(environ, lambda status, headers: answers.append(status))
    assert body.tell() > 0
    assert answers == ["400 Bad Request"]
    too_large = environ | {"wsgi.input": io.BytesIO(b" " * 10_000_000)}
    receiver(too_large, lambda status, headers: answers.append(status))
    assert answers[-1].startswith("413")


def test_the_token_is_used_and_not_a_password_from_netrc(tenant, airflow, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with receiver(tenant, airflow) as url:
        assert posted(url, event(), auth=lambda request: request).status_code == 200
    assert len(airflow.events) == 1


def test_an_airflow_that_is_slow_in_every_request_does_not_take_longer_than_isc_waits(
    tenant, airflow, monkeypatch
):
    monkeypatch.setattr(webhook, "_TIMEOUT", 0.5)

    def slow(environ, start_response):
        time.sleep(0.3)
        return airflow(environ, start_response)

    with receiver(tenant, slow) as url:
        assert posted(url, event()).status_code == 502
    assert "POST /api/v2/assets/events" not in airflow.calls


@pytest.mark.parametrize("part", ["access_token", "assets"])
def test_an_answer_that_is_not_airflows_is_a_bad_gateway(tenant, airflow, part):
    def without(environ, start_response):
        (content,) = airflow(environ, start_response)
        document = json.loads(content)
        document.pop(part, None)
        return [json.dumps(document).encode()]

    with receiver(tenant, without) as url:
        assert posted(url, event()).status_code == 502


def test_a_length_of_thousands_of_digits_is_refused():
    application = AggregationWebhook(
        tenant_host="acme", bearer_token=BEARER, airflow_url="http://127.0.0.1:1", airflow_token=str
    )
    statuses = []
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": f"Bearer {BEARER}",
        "CONTENT_LENGTH": "9" * 5000,
        "wsgi.input": io.BytesIO(b"{}"),
    }
    application(environ, lambda status, headers: statuses.append(status))
    assert statuses == ["413 Content Too Large"]


@pytest.mark.parametrize(
    "proxy", ["http://user:pr0xyword@127.0.0.1:99999", "http://user:pr0xyword/@127.0.0.1:9"]
)
def test_the_password_of_a_proxy_is_not_logged(tenant, airflow, monkeypatch, caplog, proxy):
    with receiver(tenant, airflow) as url:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        with requests.Session() as session:
            session.trust_env = False  # the poster needs no proxy
            answer = session.post(
                url, json=event(), headers={"Authorization": f"Bearer {BEARER}"}, timeout=10
            )
    assert answer.status_code == 502
    assert "Airflow did not store an event" in caplog.text
    assert "pr0xyword" not in caplog.text
