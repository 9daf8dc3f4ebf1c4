"""A fast clock for the package, its tenants and Airflow alike: forty seconds pass in one real second."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.sdk.bases import sensor as airflow_sensors
from tenacity import nap

from sailpoint_provider._airflow import deferral
from sailpoint_provider.client import async_client, attempt, blocking, call_flow, tenant_state
from sailpoint_provider.hooks import asynchronous, connection, sailpoint
from sailpoint_provider.operators import load as operators
from sailpoint_provider.polling import poller, progress
from sailpoint_provider.sensors import aggregation as sensors
from sailpoint_provider.simulator.model.clock import TenantClock
from sailpoint_provider.triggers import aggregation as triggers

if TYPE_CHECKING:
    from types import ModuleType

FACTOR = 40.0
"""Seconds of the fast clock in one real second. Only sockets and late gateways keep real time."""


class QuickTime:
    """Stands in for the module ``time``; its epoch runs ahead of the real one."""

    def __init__(self) -> None:
        self._epoch, self._begun = time.time(), time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._begun) * FACTOR

    def time(self) -> float:
        return self._epoch + self.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / FACTOR)


CLOCK = QuickTime()
"""The fast clock of this process; all times that chaos compares are its epoch seconds."""


class SocketTime:
    """Stands in for the module ``time`` where sockets are waited for, which takes real time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return CLOCK.time()


class QuickTenantClock(TenantClock):
    """The clock of a tenant; the only difference from Airflow's is its skew."""

    def now(self) -> float:
        return CLOCK.time() + self.skew_seconds

    def steady(self) -> float:
        return CLOCK.monotonic()


class QuickDates:
    """Stands in for Airflow's module ``timezone``."""

    def __init__(self, right: ModuleType) -> None:
        self._right = right

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(CLOCK.time(), UTC)


class QuickSleeps:
    """Stands in for the module ``asyncio``."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FACTOR)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return asyncio.timeout(None if seconds is None else seconds / FACTOR)


class QuickLoops(QuickSleeps):
    """Stands in for the module ``asyncio`` where the loop's own clock is read, too."""

    def get_running_loop(self) -> QuickLoop:
        return QuickLoop(asyncio.get_running_loop())


class QuickLoop:
    """Stands in for an event loop whose clock is read."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._loop.time() * FACTOR


def make_time_pass_quickly() -> None:
    """Give the package's modules a clock that runs ahead, for the rest of this process."""
    clock, loops = CLOCK, QuickLoops()
    package = (
        blocking,
        async_client,
        call_flow,
        tenant_state,
        poller,
        progress,
        operators,
        sensors,
        triggers,
        sailpoint,
        asynchronous,
        connection,
        deferral,
    )
    for module in (*package, airflow_sensors, nap):
        _replace(module, "time", clock)
    _replace(attempt, "time", SocketTime())
    _replace(airflow_sensors, "timezone", QuickDates(timezone))
    for module in (poller, progress, triggers):
        _replace(module, "asyncio", loops)
    # Transports are kept by the real loop.
    _replace(async_client, "asyncio", QuickSleeps())


def _replace(module: ModuleType, name: str, stand_in: object) -> None:
    if not hasattr(module, name):
        raise AttributeError(f"{module.__name__} no longer has {name}: adapt tests/live/chaos/clock.py")
    setattr(module, name, stand_in)
