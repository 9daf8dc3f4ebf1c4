"""When a wait is given up."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TOLERATE_OUTAGE = 1800.0


@dataclass(frozen=True)
class Patience:
    """
    How long a wait goes on.

    :param deadline: epoch seconds at which the wait is over; None for no end.
    :param tolerate_outage: seconds without a good answer after which the wait ends with an error.
    :param execution_deadline: epoch seconds at which the task's ``execution_timeout`` is over; None for no
        end.
    """

    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    execution_deadline: float | None = None

    @property
    def end(self) -> float | None:
        """Epoch seconds of whichever comes first."""
        return min((end for end in (self.deadline, self.execution_deadline) if end is not None), default=None)
