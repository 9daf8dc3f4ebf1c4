"""
Procedures of several calls, written once for workers and for event loops.

A procedure is a generator. It yields a :class:`~sailpoint_provider.isc.api.exchange.Request` and is sent its
value, or is thrown its error; it yields :class:`Sleep` to pause, and :class:`Gather` for calls whose order
does not matter; it returns its result. The blocking and the async client drive it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sailpoint_provider.isc.api.exchange import Request

T = TypeVar("T")


@dataclass(frozen=True)
class Sleep:
    """
    A pause.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True)
class Gather:
    """
    Calls that may run in parallel, each without retries.

    The result is a list: for each call its value, or the
    :class:`~sailpoint_provider.exceptions.SailPointError` that it raised.
    """

    calls: tuple[Request[Any], ...]


Effect: TypeAlias = Request[Any] | Sleep | Gather
Flow: TypeAlias = Generator[Effect, Any, T]


def ask(call: Request[T]) -> Flow[T]:
    """Carry out one call as a step of a procedure; keeps the type of its value."""
    value: T = yield call
    return value
