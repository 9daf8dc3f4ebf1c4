"""
Procedures of several calls, written once for workers and for event loops.

A procedure is a generator. It yields a :class:`~sailpoint_provider.isc.api.endpoints.Call` and is sent its value, or
is thrown its error; it yields a :class:`Pause` and goes on when that is over; it yields :class:`Together` for
calls whose order does not matter; it returns what it found. Two transports drive it, each in its own world.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sailpoint_provider.isc.api.endpoints import Call

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """
    A wish to wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True)
class Together:
    """
    Calls that may go side by side, each of them once.

    What comes back is a list: for each call its value, or the
    :class:`~sailpoint_provider.exceptions.SailPointError` that it met.

    :param calls: the calls.
    """

    calls: tuple[Call[Any], ...]


Wish: TypeAlias = Call[Any] | Pause | Together
Steps: TypeAlias = Generator[Wish, Any, T]


def ask(call: Call[T]) -> Steps[T]:
    """Carry out one call as a step of a procedure, with the type of its value kept."""
    value: T = yield call
    return value
