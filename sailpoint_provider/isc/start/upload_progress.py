"""Says how far a long upload is: rarely, and nothing about a short one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 30.0
"""Seconds before the first word about an upload, and between two."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class UploadProgress:
    """
    Follows one upload and puts into words how far it is.

    :param name: file name.
    :param size_bytes: how much there is to send.
    :param clock: tells seconds, from any beginning.
    """

    def __init__(self, name: str, size_bytes: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._size = size_bytes
        self._clock = clock
        self._begun = self._told = clock()
        self._told_bytes = 0
        self.sent_bytes = 0

    def add(self, count: int) -> str | None:
        """Count what was sent; return a sentence where one is due."""
        self.sent_bytes += count
        now = self._clock()
        since_told = now - self._told
        if since_told < INTERVAL:
            return None
        backoff = self._rate(self.sent_bytes - self._told_bytes, since_told)
        self._told, self._told_bytes = now, self.sent_bytes
        return f"Sent {self.so_far()} of {self._name}, {backoff}."

    def end(self) -> str | None:
        """Return the last sentence about an upload that took long, None where nothing was said before."""
        if self._told == self._begun:
            return None
        seconds = self._clock() - self._begun
        size, unit = amount(self._size)
        return (
            f"Sent all {size} {unit} of {self._name} in {seconds:.0f} s, {self._rate(self._size, seconds)}."
        )

    def so_far(self) -> str:
        """Return how much of the file was sent, such as ``1.2 of 2.0 GiB (60 %)``."""
        size, unit = amount(self._size)
        sent, _ = amount(self.sent_bytes, unit)
        share = 100 * self.sent_bytes // self._size if self._size else 100
        return f"{sent} of {size} {unit} ({share} %)"

    @staticmethod
    def _rate(count: int, seconds: float) -> str:
        size, unit = amount(count / seconds if seconds > 0 else count)
        return f"{size} {unit}/s"


def amount(count: float, unit: str | None = None) -> tuple[str, str]:
    """
    Return a number of bytes as a person reads it: number and unit.

    :param unit: the unit to use, None for the one that fits.
    """
    if unit is None:
        fitting = (one for power, one in enumerate(_UNITS) if count < 1024 ** (power + 1))
        unit = next(fitting, _UNITS[-1])
    size = count / 1024 ** _UNITS.index(unit)
    return (f"{size:.0f}" if unit == "bytes" or size >= 10 else f"{size:.1f}"), unit
