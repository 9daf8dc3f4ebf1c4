"""
What happened to the drops of one source, as a row of small files that only grows.

A drop is ``taken`` by a run, perhaps taken over by others, then ``filing`` and ``filed``; or ``void`` if the
file was gone or changed before it could be moved. Each record has the next number and is created only if that
number is free, so of two runs that decide at once one loses. This works on every disk and store.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.entries import STATE_FOLDER, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sailpoint_provider.drops.place import Place

log = logging.getLogger(__name__)

_KEPT = 40
"""How many records stay, so that a late retry finds where its file went."""

_NAME = re.compile(r"(\d{12})\.json")
_HALF_WRITTEN_SECONDS = 1.0
_ACTIVE_STATES = ["queued", "running"]


@dataclass(frozen=True)
class Record:
    """
    A record of the journal.

    :param number: its number, from 1.
    :param kind: ``taken``, ``void``, ``filing`` or ``filed``.
    :param body: all that it says, as a JSON object.
    """

    number: int
    kind: str
    body: Mapping[str, Any]

    @property
    def claim(self) -> int:
        """Number of the record with which the drop was first taken; it identifies the drop."""
        return int(self.body.get("claim") or self.number)

    @property
    def is_open(self) -> bool:
        """Whether the drop is taken and not decided yet."""
        return self.kind in ("taken", "filing")

    @property
    def run(self) -> Run:
        """The run that has the drop."""
        return Run(str(self.body.get("dag_id")), str(self.body.get("run_id")))

    @property
    def entry(self) -> Entry:
        """The file as it lay in the folder."""
        return Entry(**self.body["entry"])


@dataclass(frozen=True)
class Run:
    """A run of a DAG."""

    dag_id: str
    run_id: str


def is_active(run: Run) -> bool | None:
    """
    Return whether a run is not over yet; a run that was deleted is over.

    This asks Airflow and waits for its answer, so on an event loop it belongs in a thread.

    :returns: None if Airflow does not say, as outside a task or a triggerer.
    """
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return bool(RuntimeTaskInstance.get_dr_count(run.dag_id, run_ids=[run.run_id], states=_ACTIVE_STATES))
    except Exception as error:  # the type depends on the version and on who asks
        log.debug("Airflow does not say whether run %s is over: %s", run.run_id, type(error).__name__)
        return None


class Journal:
    """
    The records of one source in one folder.

    :param place: the folder.
    :param key: the source's :attr:`~sailpoint_provider.drops.names.DropSource.key`.
    """

    def __init__(self, place: Place, key: str) -> None:
        self._place = place
        self._folder = f"{STATE_FOLDER}/sources/{key}"

    def top(self) -> Record | None:
        """Return the newest record, which says how things stand; None if there is none."""
        return next(self.newest_first(), None)

    def of_claim(self, claim: int) -> Record | None:
        """Return the newest record of a drop; None if none can be read."""
        return next((one for one in self.newest_first() if one.body and one.claim == claim), None)

    def newest_first(self) -> Iterator[Record]:
        """
        Yield all records, the newest first.

        A record that was cut off while it was written decided nothing. The one before it stands in its place,
        with its number, so that the drop of that one stays undecided and the next record finds a free number.
        """
        numbers = self._numbers()
        cut_off: list[int] = []
        for number in reversed(numbers):
            record = self._read(number)
            if record is None and number == numbers[-1]:
                # On a disk without hard links, the newest record may still be being written.
                time.sleep(_HALF_WRITTEN_SECONDS)
                record = self._read(number)
            if record is None:
                cut_off.append(number)
                continue
            yield from (replace(record, number=one) for one in cut_off)
            yield record
            cut_off = []
        yield from (Record(one, "void", {}) for one in cut_off)

    def add(self, after: Record | None, kind: str, body: Mapping[str, Any]) -> Record | None:
        """
        Add a record.

        :param after: the newest record that the caller knows.
        :returns: the new record; None if another process was faster.
        """
        number = 1 if after is None else after.number + 1
        written = {**body, "kind": kind, "token": uuid.uuid4().hex}
        name, content = self._name(number), json.dumps(written).encode()
        # A request that was repeated because its answer was lost finds what it wrote itself.
        if not self._place.create(name, content) and self._place.read(name) != content:
            return None
        numbers = self._numbers()
        if numbers[-1] != number:
            # The number was free only because old records had been removed.
            return None
        for old in numbers[:-_KEPT]:
            self._place.remove(self._name(old))
        return Record(number, kind, written)

    def _numbers(self) -> list[int]:
        found = (_NAME.fullmatch(name) for name in self._place.names(self._folder))
        return sorted(int(one[1]) for one in found if one)

    def _read(self, number: int) -> Record | None:
        """Return a record, None if it cannot be read."""
        content = self._place.read(self._name(number))
        try:
            body = json.loads(content or b"")
            return Record(number, str(body["kind"]), body)
        except (ValueError, KeyError, TypeError):
            return None

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:012}.json"
