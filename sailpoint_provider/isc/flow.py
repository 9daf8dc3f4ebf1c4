"""
Procedures of several calls, written once for workers and for event loops.

A procedure is a generator. It yields a :class:`~sailpoint_provider.isc.api.exchange.Request` and is sent its
value, or is thrown its error; it yields a :class:`Sleep` and continues later; it yields :class:`Gather` for
calls whose order does not matter; it returns what it found. Two transports drive it, each in its own world.
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
    A effect to wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True)
class Gather:
    """
    Calls that may go side by side, each of them once.

    What comes back is a list: for each call its value, or the
    :class:`~sailpoint_provider.exceptions.SailPointError` that it met.

    :param calls: the calls.
    """

    calls: tuple[Request[Any], ...]


Effect: TypeAlias = Request[Any] | Sleep | Gather
Flow: TypeAlias = Generator[Effect, Any, T]


def ask(call: Request[T]) -> Flow[T]:
    """Carry out one call as a step of a procedure, with the type of its value kept."""
    value: T = yield call
    return value
