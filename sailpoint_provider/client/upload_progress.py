"""Reports the progress of a long upload, rarely; a short one is not reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.amounts import bytes_in_units

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 30.0
"""Seconds before the first report on an upload, and between two reports."""


class UploadProgress:
    """
    Follows one upload and words its progress.

    :param name: file name.
    :param size_bytes: number of bytes to send.
    :param clock: returns seconds, from any origin.
    """

    def __init__(self, name: str, size_bytes: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._size = size_bytes
        self._clock = clock
        self._begun = self._reported = clock()
        self._reported_bytes = 0
        self._sent_bytes = 0

    def add(self, count: int) -> str | None:
        """Add bytes that were sent; return a report if one is due."""
        self._sent_bytes += count
        now = self._clock()
        seconds = now - self._reported
        if seconds < INTERVAL:
            return None
        rate = _rate(self._sent_bytes - self._reported_bytes, seconds)
        self._reported, self._reported_bytes = now, self._sent_bytes
        return f"Sent {self._share()} of {self._name}, {rate}."

    def end(self) -> str | None:
        """Return the last report on a long upload; None if nothing was reported before."""
        if self._reported == self._begun:
            return None
        seconds = self._clock() - self._begun
        size, unit = bytes_in_units(self._size)
        return f"Sent all {size} {unit} of {self._name} in {seconds:.0f} s, {_rate(self._size, seconds)}."

    def _share(self) -> str:
        """Return how much was sent, such as ``1.2 of 2.0 GiB (60 %)``."""
        size, unit = bytes_in_units(self._size)
        sent, _ = bytes_in_units(self._sent_bytes, unit)
        percent = 100 * self._sent_bytes // self._size if self._size else 100
        return f"{sent} of {size} {unit} ({percent} %)"


def _rate(count: int, seconds: float) -> str:
    size, unit = bytes_in_units(count / seconds if seconds > 0 else count)
    return f"{size} {unit}/s"
