"""A Python client for the control API, without dependencies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sailpoint_provider.simulator.control.kept_connection import KeptConnection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]


class ControlError(Exception):
    """The control API refused a request."""


class SimulatorControl:
    """Script a running simulator, and see what really happened in it.

    Every method raises :class:`ControlError` if the simulator refuses.

    :param base_url: its URL, such as ``http://127.0.0.1:8787``.
    :param timeout: seconds to wait for an answer, 10 by default.
    :param ssl_context: for a simulator with TLS, a context that trusts its certificate.
    """

    def __init__(
        self, base_url: str, timeout: float = 10.0, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._connection = KeptConnection(self.base_url, timeout, ssl_context)

    def close(self) -> None:
        """Close the connection; a later call opens another one."""
        self._connection.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        status, answer = self._connection.ask(method, f"/_simulator{path}", content)
        if status >= 400:
            raise ControlError(f"{method} {path}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer)

    def health(self) -> Json:
        """Return its status and speed."""
        return dict(self._call("GET", "/health"))

    def index(self) -> Json:
        """Return the tenant's description: its URLs, its Airflow connection and its control API."""
        return dict(self._call("GET", ""))

    def reset(self) -> None:
        """Start over with a fresh tenant; only the speed stays."""
        self._call("POST", "/reset")

    def sources(self) -> list[Json]:
        """Return the sources: ``id``, ``name``, ``type``, ``header``, ``accounts``, ``busy`` and more."""
        return list(self._call("GET", "/sources"))

    def create_source(self, name: str, type: str = "delimited", **settings: Any) -> Json:
        """Create a source and return it.

        :param name: its name, unique in the tenant.
        :param type: ``delimited``, ``direct`` or ``cluster``.
        :param settings: ``header`` (list of columns), ``identity_attribute`` (first column),
            ``entitlement_types`` (names, ``["group"]``), ``upstream_entitlements`` that a connector finds of
            each type (a number), ``delete_threshold`` (percent, 0 for none), ``merge_rows`` (whether several
            rows of one identity are one account, false by default), ``accounts`` that it holds (rows or a
            number), ``upstream`` accounts that a connector finds (rows or a number; by default ``accounts``),
            ``collect_seconds``, ``process_seconds`` (at speed 1), ``id``.
        """
        return dict(self._call("POST", "/sources", {"name": name, "type": type} | settings))

    def accounts(self, source_id: str, limit: int = 1000, offset: int = 0) -> Json:
        """Return ``{"total": …, "accounts": [{"id": …, "attributes": {…}}, …]}``.

        An attribute to which several merged rows gave different values is a list.
        """
        page = urlencode({"limit": limit, "offset": offset})
        return dict(self._call("GET", f"/sources/{source_id}/accounts?{page}"))

    def next_run(
        self,
        source_id: str,
        outcome: str | None = None,
        *,
        messages: Sequence[Json | str] = (),
        collect_seconds: float | None = None,
        process_seconds: float | None = None,
        fail_at: float = 0.5,
        accounts: int | Sequence[Sequence[str]] | None = None,
        kind: str = "account_aggregation",
    ) -> None:
        """Script the source's next run; repeat it to script the run after that.

        :param source_id: ID of the source.
        :param outcome: ``success``, ``warning``, ``error``, ``terminated``, ``cancelled``, ``temperror`` or
            ``retried``.
        :param messages: texts, or ``{"type": "WARN", "text": …}``.
        :param collect_seconds: seconds in STARTED, at speed 1.
        :param process_seconds: seconds in ACCOUNTS_COLLECTED, at speed 1.
        :param fail_at: fraction of the processing after which a failing run ends; 0 ends it before any
            account is collected.
        :param accounts: accounts that a connector finds from this run on, rows or a number.
        :param kind: ``account_aggregation``, ``entitlement_aggregation`` or ``uncorrelated_accounts``.
        """
        body = {
            "outcome": outcome,
            "messages": list(messages),
            "collect_seconds": collect_seconds,
            "process_seconds": process_seconds,
            "fail_at": fail_at,
            "accounts": accounts,
            "kind": kind,
        }
        self._call("POST", f"/sources/{source_id}/next-run", body)

    def next_refresh(self, outcome: str | None = None, **settings: Any) -> None:
        """Script the next identity refresh; repeat it to script the one after that.

        :param outcome: as of :meth:`next_run`.
        :param settings: ``messages``, ``collect_seconds``, ``process_seconds``, ``fail_at``.
        """
        self._call("POST", "/refreshes/next-run", {"outcome": outcome} | settings)

    def start(self, source_id: str, kind: str = "account_aggregation") -> Json:
        """Start an aggregation as ISC's own schedule would, and return the run.

        A delimited source keeps what it holds. A busy source refuses the start, which is recorded as a run.

        :param kind: ``account_aggregation`` or ``entitlement_aggregation``.
        """
        return dict(self._call("POST", f"/sources/{source_id}/start", {"kind": kind}))

    def set_state(self, source_id: str, **state: str) -> Json:
        """Set the state of a source, and return it.

        :param state: ``connection``, ``SUCCESS`` or why ISC cannot log in; ``health``, such as
            ``SOURCE_STATE_HEALTHY`` or ``SOURCE_STATE_ERROR_SOURCE``.
        """
        return dict(self._call("POST", f"/sources/{source_id}/state", state))

    def runs(self, source_id: str | None = None) -> list[Json]:
        """Return every run and every refused start, oldest first."""
        return list(self._call("GET", "/runs" + (f"?source_id={source_id}" if source_id else "")))

    def advance(self, run_id: str, seconds: float) -> Json:
        """Move a run forward by this many seconds, at speed 1."""
        return dict(self._call("POST", f"/runs/{run_id}/advance", {"seconds": seconds}))

    def finish(self, run_id: str, outcome: str | None = None) -> Json:
        """End a run now, with this outcome or as planned."""
        return dict(self._call("POST", f"/runs/{run_id}/finish", {"outcome": outcome}))

    def requests(self) -> list[Json]:
        """Return the requests received by ISC's API, oldest first."""
        return list(self._call("GET", "/requests"))

    def clear_requests(self) -> None:
        """Clear the list of requests."""
        self._call("DELETE", "/requests")

    def fault(
        self,
        kind: str,
        *,
        method: str | None = None,
        path: str | None = None,
        api_version: str | None = None,
        start: str | None = None,
        nth: int | Sequence[int] | None = None,
        skip: int = 0,
        times: int | None = None,
        chance: float = 1.0,
        seed: int = 0,
        **settings: Any,
    ) -> Json:
        """Add a fault: which requests it hits, and what happens to them.

        :param kind: one of :data:`sailpoint_provider.simulator.faults.script.KINDS`.
        :param method: HTTP method, any by default.
        :param path: regular expression searched in the path, any path by default.
        :param api_version: API version, any by default.
        :param start: ``accepted`` or ``refused``: only starts that ISC answers so, after they took effect.
        :param nth: which of the matching requests, counted from 1; all by default.
        :param skip: number of matching requests that pass first.
        :param times: how often it strikes; without limit by default.
        :param chance: probability from 0 to 1.
        :param seed: seed of that probability.
        :param settings: settings of the kind: ``when`` (``before`` or ``after`` the request took effect),
            ``status``, ``headers``, ``body``, ``retry_after``, ``delay_seconds``, ``bytes``, ``location``,
            ``seconds``.
        """
        body = {
            "method": method,
            "path": path,
            "api_version": api_version,
            "start": start,
            "nth": nth if nth is None or isinstance(nth, int) else list(nth),
            "skip": skip,
            "times": times,
            "chance": chance,
            "seed": seed,
            "then": {"kind": kind} | settings,
        }
        return dict(self._call("POST", "/faults", body))

    def faults(self) -> list[Json]:
        """Return the faults, with how often each matched and struck."""
        return list(self._call("GET", "/faults"))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "/faults")

    def shapes(self, **switches: bool | float) -> Json:
        """Switch answer shapes on or off and return all; ``all=True`` stands for those seen in the wild."""
        return dict(self._call("POST", "/shapes", switches))

    def clock(self, skew_seconds: float | None = None) -> Json:
        """Return the tenant's time, ``{"now": …, "skew_seconds": …}``.

        :param skew_seconds: first set the clock ahead of this machine's by this much, or behind if negative.
        """
        if skew_seconds is None:
            return dict(self._call("GET", "/clock"))
        return dict(self._call("POST", "/clock", {"skew_seconds": skew_seconds}))

    def client(self, id: str, **settings: Any) -> Json:
        """Add an API client or change one.

        :param id: client ID.
        :param settings: ``secret``, ``user`` (whether it acts for a user), ``scopes``, ``token_lifetime``
            (real seconds).
        """
        return dict(self._call("POST", "/clients", {"id": id} | settings))

    def revoke_tokens(self, client_id: str | None = None) -> int:
        """Revoke the tokens of one client, or of all; return how many."""
        return int(self._call("POST", "/tokens/revoke", {"client_id": client_id})["revoked"])

    def subscribe(self, url: str, bearer_token: str | None = None) -> Json:
        """Post ISC's event ``idn:account-aggregation-completed`` to a URL of this machine from now on.

        :param url: an ``http://`` URL on loopback, without credentials and query.
        :param bearer_token: token that the events carry in their ``Authorization`` header.
        """
        return dict(self._call("POST", "/subscriptions", {"url": url, "bearer_token": bearer_token}))

    def invocations(self) -> list[Json]:
        """Return the posted events: ``subscription_id``, ``event``, and ``status`` of the answer."""
        return list(self._call("GET", "/subscriptions"))

    def unsubscribe(self) -> None:
        """Remove all subscriptions."""
        self._call("DELETE", "/subscriptions")

    def rate_limit(self, requests: int, seconds: float = 10.0) -> None:
        """Change the rate limit and restart the count."""
        self._call("POST", "/rate-limit", {"requests": requests, "seconds": seconds})

    def api_version(self, api_version: str, **switches: bool) -> None:
        """Switch ``retired`` (410) or ``deprecated`` (``X-Deprecated``) for an API version."""
        self._call("POST", "/api-versions", {"api_version": api_version} | switches)
