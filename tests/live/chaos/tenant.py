"""A tenant that meets each request with the fault that a header of the request orders."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import error_answer
from sailpoint_provider.simulator.app import TenantApplication
from sailpoint_provider.simulator.faults.connection import send_answer
from sailpoint_provider.simulator.faults.script import Effect, FaultScript
from sailpoint_provider.simulator.model.tenant import Tenant
from sailpoint_provider.simulator.server import SimulatorServer
from tests.live.chaos.clock import QuickTenantClock
from tests.live.chaos.rivals import RivalAtStart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sailpoint_provider.simulator.faults.connection import Message, Receive, Send
    from sailpoint_provider.simulator.model.aggregations import Run
    from tests.live.chaos.rivals import Rival

HEADER = "x-chaos"
MANY = 1_000_000
NOTHING = "nothing"
SOMEBODY = "somebody"
_SOURCE = re.compile(r"/sources(?:/v1)?/([0-9a-f]{32})/load-(?:uncorrelated-)?(?:accounts|entitlements)$")
_RIVAL_SECONDS = 10.0


@dataclass(frozen=True)
class Traits:
    """
    What makes one tenant different from another.

    :param skew: seconds by which its clock is ahead of Airflow's.
    :param keeps_refusals: whether a refused start leaves a record.
    :param shapes: other shapes of its answers.
    """

    skew: float
    keeps_refusals: bool
    shapes: dict[str, bool | float] = field(default_factory=dict)


_SEEN: dict[str, bool | float] = {"all": True, "busy_success_false": True, "zero_counts": True}
_ODD: dict[str, bool | float] = {
    "not_found_status": True,
    "early_not_found_seconds": 6.0,
    "busy_without_task_id": True,
    "null_start": True,
}
TENANTS = (
    Traits(0.0, True),
    Traits(600.0, False, _SEEN),
    Traits(-600.0, True, _ODD),
    Traits(600.0, True, {"missing_counts": True}),
    Traits(0.0, False, _ODD | {"busy_without_status": True}),
    Traits(-240.0, False, _SEEN),
)
_wanted: ContextVar[dict[str, Any] | None] = ContextVar("wanted", default=None)
_origin: ContextVar[str] = ContextVar("origin", default=SOMEBODY)


class ChaosTenant(Tenant):
    """Remembers who sent each start: ``origins`` maps a run's ID to the tag of its request."""

    def __post_init__(self) -> None:
        self.origins: dict[str, str] = {}
        super().__post_init__()

    def _run(self, *arguments: Any, **options: Any) -> Run:
        run = super()._run(*arguments, **options)
        self.origins[run.id] = _origin.get()
        return run

    def start_rival(self, rival: Rival, source_id: str) -> Run:
        """Start a rival, or have it refused."""
        with _sent_by(rival.name):
            return rival.start(self, source_id)


class _WantedFaults(FaultScript):
    """Meets a request with the fault that its header orders."""

    def pick(
        self, method: str, path: str, api_version: str | None, start: str | None = None
    ) -> Effect | None:
        wanted = _wanted.get()
        # It has met the request already, before ISC answered.
        return None if wanted is None or start is not None else Effect.of_json(wanted)


class _Application(TenantApplication):
    """Reads the header, and carries out rivals and the fault ``late`` itself."""

    tenant: ChaosTenant
    loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        wanted = _ordered(scope)
        _origin.set(wanted.pop("tag", SOMEBODY))
        asked = wanted.pop("rival", None)
        at_start = None if asked is None else RivalAtStart.of_json(asked)
        if at_start is not None and at_start.comes_first:
            self._start(at_start, scope)
        await self._meet(wanted, scope, receive, send)
        if at_start is not None and not at_start.comes_first:
            self._start(at_start, scope)

    def _start(self, at_start: RivalAtStart, scope: Message) -> None:
        found = _SOURCE.search(scope["path"])
        if found is None:
            raise ValueError(f"no rival can meet {scope['path']}, which is not a start")
        self.tenant.start_rival(at_start.rival, found[1])

    async def _meet(self, wanted: dict[str, Any], scope: Message, receive: Receive, send: Send) -> None:
        if wanted["kind"] != "late":
            _wanted.set(None if wanted["kind"] == NOTHING else wanted)
            await super().__call__(scope, receive, send)
            return
        _wanted.set(None)
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        if messages[-1]["type"] != "http.request":
            return
        await send_answer(send, error_answer(504, "The gateway timed out."), self.tenant.clock)
        await asyncio.sleep(wanted["delay_seconds"])
        waiting = iter(messages)

        async def again() -> Message:
            return next(waiting, {"type": "http.disconnect"})

        await super().__call__(scope, again, _to_nobody)


class ChaosServer(SimulatorServer):
    """
    A tenant at the speed of chaos.

    :param number: which one of the tenants, each with a clock and shapes of its own.
    """

    tenant: ChaosTenant
    application: _Application

    def __init__(self, number: int) -> None:
        super().__init__()
        self.tenant = ChaosTenant(QuickTenantClock())
        self.traits = TENANTS[number % len(TENANTS)]
        self.application = _Application(self.tenant, _WantedFaults())

    def start(self) -> None:
        super().start()
        self.control.rate_limit(MANY)
        self.control.clock(self.traits.skew)
        self.control.shapes(**self.traits.shapes, busy_without_record=not self.traits.keeps_refusals)

    def start_rival(self, rival: Rival, source_id: str) -> str:
        """Start a rival from another thread, and return its ID."""

        async def start() -> str:
            return self.tenant.start_rival(rival, source_id).id

        loop = self.application.loop
        if loop is None:
            raise RuntimeError("the tenant has received no request, so its event loop is unknown")
        return asyncio.run_coroutine_threadsafe(start(), loop).result(_RIVAL_SECONDS)


def _ordered(scope: Message) -> dict[str, Any]:
    for name, text in scope.get("headers", ()):
        if name == HEADER.encode():
            return dict(json.loads(text))
    return {"kind": NOTHING}


@contextmanager
def _sent_by(origin: str) -> Iterator[None]:
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


async def _to_nobody(message: Message) -> None:
    """Discard an answer whose client has left."""
