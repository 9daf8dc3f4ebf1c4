"""A tenant that meets each request with the trouble which the request itself asks for."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.answers import error_answer
from sailpoint_provider.simulator.app import TenantApplication
from sailpoint_provider.simulator.faults import FaultScript, Trouble
from sailpoint_provider.simulator.server import SimulatorServer
from sailpoint_provider.simulator.trouble import send_answer
from tests.live.chaos_clock import FACTOR

if TYPE_CHECKING:
    import uvicorn

    from sailpoint_provider.simulator.connection import Message, Receive, Send

HEADER = "x-chaos"
MANY = 1_000_000
SKEWS = (0.0, 600.0, -600.0)
_SHAPES: tuple[dict[str, bool | float], ...] = (
    {},
    {"all": True, "busy_without_record": True, "busy_success_false": True, "zero_counts": True},
    {
        "not_found_status": True,
        "early_not_found_seconds": 6.0,
        "busy_without_task_id": True,
        "null_start": True,
    },
)
_wanted: ContextVar[dict[str, Any] | None] = ContextVar("wanted", default=None)


class _WantedFaults(FaultScript):
    """Meets a request with what its header asks for."""

    def pick(self, method: str, path: str, generation: str | None) -> Trouble | None:
        wanted = _wanted.get()
        return None if wanted is None else Trouble.of_json(wanted)


class _Application(TenantApplication):
    """Reads the header; the trouble ``late`` it carries out itself."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        wanted = _wish(scope)
        if wanted is None or wanted["kind"] != "late":
            _wanted.set(wanted)
            await super().__call__(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        if messages[-1]["type"] != "http.request":
            return
        await send_answer(send, error_answer(504, "The gateway waits no longer."), self.tenant)
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

    def __init__(self, number: int) -> None:
        super().__init__(speed=FACTOR)
        self.skew = SKEWS[number % len(SKEWS)]
        self._shapes = _SHAPES[number % len(_SHAPES)]

    def start(self) -> None:
        super().start()
        self.control.rate_limit(MANY)
        self.control.clock(self.skew)
        self.control.shapes(**self._shapes)
        self.tenant.faults = _WantedFaults()

    def _config(self) -> uvicorn.Config:
        config = super()._config()
        config.app = _Application(self.tenant)
        return config


def _wish(scope: Message) -> dict[str, Any] | None:
    for name, text in scope.get("headers", ()):
        if name == HEADER.encode():
            return dict(json.loads(text))
    return None


async def _to_nobody(message: Message) -> None:
    """Throw an answer away, whose client has left."""
