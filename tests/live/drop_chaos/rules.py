"""What must be true of each file, decided anew and simply: which may be loaded after which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.live.drop_chaos.dropper import Dropped

MOST_DELETIONS = 0.1


@dataclass
class Model:
    """
    A source as it must be after the files so far.

    :param last: the file that was loaded last.
    """

    last: Dropped | None = None

    def decide(self, drop: Dropped) -> str:
        """Return how the next file must be filed, and remember it."""
        last, keys = self.last, drop.plan.keys
        if last is not None and drop.plan.sha256 == last.plan.sha256:
            return "duplicate"
        if keys is None:
            return "refused"
        if last is not None:
            held = last.plan.keys or frozenset()
            if drop.mtime_ns / 1e9 < last.mtime_ns / 1e9 or not keys & held:
                return "refused"
            if len(held - keys) > MOST_DELETIONS * len(held):
                return "refused"
        self.last = drop
        return "loaded"
