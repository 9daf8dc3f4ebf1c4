"""The kinds of load that ISC offers, and all that differs between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadKind:
    """
    One kind of load: a long-running task that reads a source.

    :param name: what it is called in logs and errors.
    :param path: last part of the start's path, below the source.
    :param task_type: ``type`` of its task records.
    :param takes_file: whether a delimited-file source takes a file; other sources never do.
    :param needs_file: whether a delimited-file source without a virtual appliance needs one.
    :param has_status: whether ISC reports its progress at a status endpoint besides the task record.
    """

    name: str
    path: str
    task_type: str
    takes_file: bool
    needs_file: bool
    has_status: bool

    @property
    def title(self) -> str:
        """The name at the beginning of a sentence."""
        return self.name[0].upper() + self.name[1:]


ACCOUNT_AGGREGATION = LoadKind(
    name="account aggregation",
    path="load-accounts",
    task_type="CLOUD_ACCOUNT_AGGREGATION",
    takes_file=True,
    needs_file=True,
    has_status=True,
)
