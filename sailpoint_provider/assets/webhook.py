"""Receives ISC's webhook about an ended aggregation, and passes it on to Airflow's asset-event API."""

from __future__ import annotations

import hmac
import json
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

T = TypeVar("T")

log = logging.getLogger(__name__)

_MOST_BYTES = 1024 * 1024
_TIMEOUT = 8.0
"""Seconds for all requests to Airflow about one event; ISC expects an answer within 10 seconds."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class AggregationWebhook:
    """
    A WSGI application for ISC's event trigger ``idn:account-aggregation-completed``.

    It answers 200 once Airflow has stored the event, or if there is nothing to store, and otherwise with a
    status that says what is wrong: 401 for another bearer token, 400 for another body, 404 for a source whose
    asset no DAG names, 502 if Airflow does not store the event.

    Only good ends are passed on, because the source's asset stands for a source that was loaded.

    :param tenant_host: the host of the tenant's API, spelled as in the connection's host.
    :param bearer_token: the token that the subscription in ISC sends.
    :param airflow_url: address of Airflow's API server, without a path below it.
    :param airflow_token: returns an access token of Airflow; called again once Airflow rejects the last one.
    :param with_failures: whether bad ends are passed on too; a DAG on the asset must then look at ``state``.
    :raises InvalidInputError: the host or the address is invalid, or the bearer token is empty.
    """

    def __init__(
        self,
        *,
        tenant_host: str,
        bearer_token: str,
        airflow_url: str,
        airflow_token: Callable[[], str],
        with_failures: bool = False,
    ) -> None:
        from sailpoint_provider.isc.source_uri import uri_host

        if not bearer_token:
            raise InvalidInputError("bearer_token is empty, so anybody could report aggregations.")
        self._host = uri_host(tenant_host)
        self._authorization = f"Bearer {bearer_token}".encode()
        self._airflow = _Airflow(airflow_url, airflow_token)
        self._with_failures = with_failures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        status, message = self._answer(environ)
        content = json.dumps({} if status.startswith("200") else {"error": message}).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, str]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self._authorization):
            return "401 Unauthorized", "The Authorization header lacks the bearer token of the subscription."
        if environ["REQUEST_METHOD"] != "POST":
            return "405 Method Not Allowed", "Send the event with POST."
        body = _body_of(environ)
        if body is None:
            return "413 Content Too Large", f"The body must have at most {_MOST_BYTES} bytes."
        try:
            event = self._load_event(body)
        except ProtocolError as error:
            return "400 Bad Request", str(error)
        return self._pass_on(event)

    def _load_event(self, body: bytes) -> dict[str, Any]:
        from sailpoint_provider.isc.webhook import load_event_of_webhook

        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise ProtocolError("The body is not JSON.") from None
        event = load_event_of_webhook(document, self._host)
        if event["source_uri"] is None:
            raise ProtocolError("The body's source ID is not an ISC source ID, which has 32 hex characters.")
        return dict(event)

    def _pass_on(self, event: dict[str, Any]) -> tuple[str, str]:
        import requests

        from sailpoint_provider.isc.outcome import GOOD_STATES

        uri = str(event["source_uri"])
        if event["state"] not in GOOD_STATES and not self._with_failures:
            log.warning("Not passed on: the aggregation of %s ended as %s.", uri, event["state"])
            return "200 OK", ""
        token = _deadline.set(time.monotonic() + _TIMEOUT)
        try:
            is_known = self._airflow.report(uri, event)
        except (requests.RequestException, ProtocolError) as error:
            # What requests says can hold the password of a proxy.
            why = str(error) if isinstance(error, ProtocolError) else f"no response ({type(error).__name__})"
            log.warning("Airflow did not store an event of %s: %s", uri, why)
            return "502 Bad Gateway", "Airflow did not store the event."
        finally:
            _deadline.reset(token)
        if not is_known:
            log.warning("No DAG names the asset %s, so the event of its aggregation is discarded.", uri)
            return "404 Not Found", f"No DAG names the asset {uri}."
        log.info("Airflow has the event of %s: %s", uri, event["state"])
        return "200 OK", ""


def token_by_password(airflow_url: str, username: str, password: str) -> Callable[[], str]:
    """
    Return a function that gets an access token of Airflow, for :class:`AggregationWebhook`.

    :param airflow_url: address of Airflow's API server, without a path below it.
    :param username: a user who may create asset events.
    :param password: the user's password.
    """

    def token() -> str:
        answer = _request(
            "POST", f"{_checked(airflow_url)}/auth/token", json={"username": username, "password": password}
        )
        if answer.status_code not in (200, 201):
            raise ProtocolError(f"Airflow answered {answer.status_code} to a request for a token.")
        return _read(answer, lambda document: str(document["access_token"]))

    return token


class _Airflow:
    """
    The part of Airflow's public API that takes asset events.

    :param url: its address.
    :param get_token: returns an access token.
    """

    def __init__(self, url: str, get_token: Callable[[], str]) -> None:
        self._url = _checked(url)
        self._get_token = get_token
        self._token = ""
        self._asset_ids: dict[str, int] = {}

    def report(self, uri: str, extra: dict[str, Any]) -> bool:
        """
        Create an event of the asset with this URI.

        :returns: False if Airflow has no such asset.
        :raises ProtocolError: Airflow refuses.
        """
        for _ in range(2):
            asset_id = self._asset_id(uri)
            if asset_id is None:
                return False
            answer = self._call("POST", "/assets/events", json={"asset_id": asset_id, "extra": extra})
            if answer.status_code != 404:
                self._check(answer)
                return True
            # The asset was removed, and may have come back with another ID.
            self._asset_ids.pop(uri, None)
        return False

    def _asset_id(self, uri: str) -> int | None:
        if uri not in self._asset_ids:
            # The pattern is one of SQL, so it may find more than this URI.
            answer = self._call("GET", "/assets", params={"uri_pattern": uri, "limit": "100"})
            self._check(answer)
            self._asset_ids |= _read(
                answer, lambda found: {one["uri"]: int(one["id"]) for one in found["assets"]}
            )
        return self._asset_ids.get(uri)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = None
        for _ in range(2):
            self._token = self._token or self._get_token()
            answer = _request(method, f"{self._url}/api/v2{path}", self._token, **arguments)
            if answer.status_code != 401:
                break
            self._token = ""
        return answer

    @staticmethod
    def _check(answer: Any) -> None:
        if answer.status_code not in (200, 201):
            raise ProtocolError(f"Airflow answered {answer.status_code}.")


def _request(method: str, url: str, token: str = "", **arguments: Any) -> Any:
    """
    Send a request to Airflow.

    :param token: the access token, empty for none.
    :raises ProtocolError: the time for the event is up.
    """
    import requests

    deadline = _deadline.get()
    left = _TIMEOUT if deadline is None else deadline - time.monotonic()
    if left <= 0.0:
        raise ProtocolError(f"Airflow took longer than {_TIMEOUT:g} s.")

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    # Without an auth of its own, requests would send a password from .netrc in place of the token.
    return requests.request(method, url, auth=authorize, timeout=left, allow_redirects=False, **arguments)


def _read(answer: Any, read: Callable[[Any], T]) -> T:
    """
    Return a part of a response of Airflow.

    :raises ProtocolError: it is not there.
    """
    try:
        return read(answer.json())
    except (KeyError, TypeError, ValueError):
        raise ProtocolError("Airflow's response is not what its API documents.") from None


def _checked(url: str) -> str:
    """
    Return the address of an API server, without a slash at its end.

    :raises InvalidInputError: it is not an http or https URL, or it contains credentials or a query.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise InvalidInputError(
            "airflow_url must be an http:// or https:// URL of Airflow's API server, without credentials and "
            "query."
        )
    return url.rstrip("/")


def _body_of(environ: WSGIEnvironment) -> bytes | None:
    """Return the body of a request, perhaps sent in chunks without a length; None if it is too large."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or len(length) > 7 or int(length) > _MOST_BYTES:
        return None
    is_chunked = environ.get("wsgi.input_terminated") and "CONTENT_LENGTH" not in environ
    body: bytes = environ["wsgi.input"].read(_MOST_BYTES + 1 if is_chunked else int(length))
    return body if len(body) <= _MOST_BYTES else None
