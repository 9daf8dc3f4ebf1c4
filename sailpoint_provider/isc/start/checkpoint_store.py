"""Where a task keeps its checkpoint, whatever the checkpoint holds."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

C = TypeVar("C")


class CheckpointStore(Protocol[C]):
    """Stores a checkpoint across retries, crashes, deferrals and clears."""

    def load(self) -> C | None:
        """Return the stored checkpoint, None for none."""

    def save(self, checkpoint: C, *, required: bool = False) -> None:
        """
        Replace the stored checkpoint.

        :param required: whether the task must not continue unless it is stored.
        :raises CheckpointError: a required checkpoint could not be stored.
        """


class NoCheckpointStore(Generic[C]):
    """Stores nothing, for Airflow 3.0 to 3.2 and ``durable=False``."""

    def load(self) -> C | None:
        """Return None."""
        return None

    def save(self, checkpoint: C, *, required: bool = False) -> None:
        """Store nothing."""
