"""The terminal output of the demo and ``make up``."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COUNTED = ("created", "updated", "deleted", "unchanged")


class Console:
    """Writes lines with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that cannot show the progress bars must not end the demo.
            sys.stdout.reconfigure(errors="replace")

    def say(self, subject: str, what: str) -> None:
        """Write one line."""
        print(f"{time.monotonic() - self._began:6.1f} s  {subject:<14} {what}", flush=True)


def table(lines: Sequence[tuple[str, Mapping[str, int | None], str]]) -> str:
    """Return a table of counts; each line begins with its name and ends with a remark."""
    width = max(len(name) for name, _, _ in lines)
    heading = "".join(f"{count:>11}" for count in COUNTED)
    text = [" " * width + heading]
    for name, counts, remark in lines:
        numbers = "".join(f"{'-' if counts.get(count) is None else counts[count]:>11}" for count in COUNTED)
        text.append(f"{name:<{width}}{numbers}   {remark}".rstrip())
    return "\n".join(text)
