"""Puts crashes and faults between the steps of the package: at each request, pause and read of a file."""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sailpoint_provider.client import async_client, blocking, multipart, tenant_state
from sailpoint_provider.client.async_client import AsyncClient
from sailpoint_provider.client.blocking import BlockingClient
from sailpoint_provider.client.call_flow import CallFlow, CallSteps
from sailpoint_provider.client.tenant_state import TenantState
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.flow import Sleep
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.live.chaos.faults import name_of
from tests.live.chaos.mischief import current
from tests.live.chaos.tenant import HEADER, NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token
    from tests.live.chaos.mischief import Mischief

_NOBODY = "http://127.0.0.1:9"
_refused: ContextVar[bool] = ContextVar("refused", default=False)


class _Listener(logging.Handler):
    """Keeps and checks every line that is logged for a task."""

    def emit(self, record: logging.LogRecord) -> None:
        mischief = current.get()
        if mischief is not None:
            text = self.format(record)
            mischief.note(f"{record.levelname} {record.name.rpartition('.')[2]}: {text}")
            mischief.check(text, f"the log of {record.name}")


def listen_to_logs() -> None:
    """Record and check what the package and its libraries log, from DEBUG on."""
    root = logging.getLogger()
    root.handlers[:] = [_Listener()]
    root.setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)
    for kind in (
        SailPointHook,
        SailPointAccountAggregationOperator,
        SailPointEntitlementAggregationOperator,
        SailPointUncorrelatedAccountsOperator,
        SailPointAccountAggregationSensor,
        SailPointAccountAggregationTrigger,
    ):
        # Airflow's own loggers bypass the standard library.
        setattr(kind, "log", logging.getLogger(f"chaos.{kind.__name__}"))  # noqa: B010


def tell_of(mischief: Mischief, error: BaseException) -> None:
    """Record and check an exception as Airflow would show it."""
    text = "".join(traceback.format_exception(error))
    mischief.note(text)
    mischief.check(f"{text} {error!r}", f"the exception {type(error).__name__}")


def put_mischief_between_steps(revoke: Callable[[str, str], None]) -> None:
    """
    Patch both clients for the rest of this process.

    :param revoke: revokes the tokens of a client, given the tenant's URL and the client ID.
    """

    def prepared(
        tenant: Tenant, call: Request[Any], token: Token | None, headers: dict[str, str]
    ) -> dict[str, str]:
        mischief, name = current.get(), name_of(call)
        if mischief is None:
            return headers
        if name in ("list_pending", "list_tasks") and not (
            name == "list_tasks" and tenant.api_version.pending_tasks
        ):
            mischief.ledger.look_begins()
        mischief.reach(f"before {name}")
        mischief.note(f"{call.method} {call.path}")
        bearer = token.value if token is not None else None
        order: dict[str, Any] = {"kind": NOTHING}
        if name == "load_accounts":
            trouble, rival = mischief.trouble_for_start(bearer)
            order |= {"tag": mischief.ledger.send().tag}
            if rival is not None:
                order |= {"rival": rival.to_json()}
        else:
            trouble = mischief.trouble_for(name, bearer)
        if trouble is not None and trouble["kind"] == "refuse":
            _refused.set(True)
        elif trouble is not None and trouble["kind"] == "revoke":
            revoke(tenant.base_url, tenant.client_id)
        elif trouble is not None:
            order |= trouble
        return headers | {HEADER: json.dumps(order)}

    def failed(call: Request[Any], error: SailPointError) -> None:
        mischief = current.get()
        if mischief is not None and name_of(call) == "load_accounts" and not getattr(error, "sent", True):
            mischief.ledger.never_sent()
        done(call, error)

    def answered(call: Request[Any], answer: Response, token: Token | None) -> None:
        mischief, name = current.get(), name_of(call)
        if mischief is not None and name == "list_tasks":
            mischief.ledger.look_is_answered()
        if mischief is not None and name == "load_accounts":
            mischief.ledger.answered(answer.status, answer.body)
        done(call, f"HTTP {answer.status} {answer.body[:300]!r}" if token else answer.status)

    def done(call: Request[Any], what: object) -> None:
        _refused.set(False)
        if (mischief := current.get()) is not None:
            mischief.note(f"  {what}")
            mischief.reach(f"after {name_of(call)}")

    blocking_request, event_loop_request = BlockingClient._request, AsyncClient._request

    def request(
        self: Any, call: Request[Any], token: Any, body: Any, headers: dict[str, str], *rest: Any
    ) -> Any:
        headers = prepared(self.tenant, call, token, headers)
        try:
            answer = blocking_request(self, call, token, body, headers, *rest)
        except SailPointError as error:
            failed(call, error)
            raise
        answered(call, answer, token)
        return answer

    async def arequest(
        self: Any, call: Request[Any], token: Any, body: Any, headers: dict[str, str], *rest: Any
    ) -> Any:
        headers = prepared(self.tenant, call, token, headers)
        try:
            answer = await event_loop_request(self, call, token, body, headers, *rest)
        except SailPointError as error:
            failed(call, error)
            raise
        answered(call, answer, token)
        return answer

    put(BlockingClient, "_request", request)
    put(AsyncClient, "_request", arequest)
    _put_points_at_pauses()
    _put_points_into_uploads()
    _put_nobody_behind_addresses()
    _note_tokens()


def forget_shares(client_id: str) -> None:
    """Forget what the process of an earlier try knew of a client."""
    with tenant_state._lock:
        for key in [key for key in tenant_state._states if key[2] == client_id]:
            del tenant_state._states[key]


def _put_points_at_pauses() -> None:
    right_fulfil = CallFlow._fulfil

    def fulfil(self: CallFlow, effect: Any, *rest: Any) -> CallSteps[Any]:
        _reach("before pause", isinstance(effect, Sleep))
        value = yield from right_fulfil(self, effect, *rest)
        _reach("after pause", isinstance(effect, Sleep))
        return value

    put(CallFlow, "_fulfil", fulfil)


def _put_points_into_uploads() -> None:
    check_file = multipart._FileReader.check

    def check(self: Any) -> None:
        _reach("during upload", True)
        check_file(self)

    put(multipart._FileReader, "check", check)


def _put_nobody_behind_addresses() -> None:
    """Send a refused request to a port on which nothing listens."""
    for module in (blocking, async_client):
        right_address = module.address_of

        def address_of(tenant: Tenant, call: Request[Any], right: Any = right_address) -> str:
            address: str = right(tenant, call)
            return address.replace(tenant.base_url, _NOBODY, 1) if _refused.get() else address

        put(module, "address_of", address_of)


def _note_tokens() -> None:
    keep_token = TenantState.keep

    def keep(self: TenantState, token: Token, asked: float) -> None:
        if (mischief := current.get()) is not None:
            mischief.secrets.append(token.value)
        keep_token(self, token, asked)

    put(TenantState, "keep", keep)


def _reach(point: str, comes: bool) -> None:
    mischief = current.get()
    if comes and mischief is not None:
        mischief.reach(point)


def put(owner: object, name: str, stand_in: object) -> None:
    """Replace an attribute, which must be there, for the rest of this process."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner!r} no longer has {name}: adapt the caller of this function")
    setattr(owner, name, stand_in)
