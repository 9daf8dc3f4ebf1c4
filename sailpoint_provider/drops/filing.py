"""Where a drop goes once it is decided."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.journal import Journal, Record, Run
from sailpoint_provider.drops.last_load import check_state_is_there, remember
from sailpoint_provider.drops.names import COMPANION_SUFFIXES, DropSource, safe_name, with_suffix
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import folder_of
from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sailpoint_provider.drops.place import Place
    from sailpoint_provider.drops.rules import FolderRules

log = logging.getLogger(__name__)

Outcome = Literal["loaded", "refused", "duplicate"]

_MOST_ATTEMPTS = 20
_REPORT = ".report.json"
_REPORT_TEXT = ".report.txt"
_ROOM = max(map(len, (_REPORT, _REPORT_TEXT, *COMPANION_SUFFIXES)))
"""What the name of a filed file must leave for the files beside it."""


def file_away(
    drop: Mapping[str, Any],
    outcome: Outcome,
    *,
    source_id: str,
    report: Mapping[str, Any] | None = None,
    report_text: str | None = None,
    record: Mapping[str, Any],
    now: float,
) -> str:
    """
    File a taken drop, so that the next one of its source can be taken.

    The decision is recorded before anything is moved. So a repetition after a crash ends at the same place,
    even if another run repeats it.

    :param drop: the taken drop.
    :param outcome: ``loaded`` for a good end, ``refused`` for a failed check, ``duplicate`` for a file that
        was loaded before.
    :param source_id: ID of the source, 32 hex characters.
    :param report: the report of the check as a JSON object; it is filed beside the file, as is its text.
    :param record: what to remember of a loaded file, such as its ``sha256`` and ``aggregation_id``.
    :param now: epoch seconds.
    :returns: the path or URL of the filed file.
    :raises InvalidInputError: the drop is not taken, another run has taken it over and not decided yet, or it
        was filed so long ago that it is forgotten.
    :raises FolderUnavailableError: the folder cannot be reached.
    """
    rules, place = folder_of(drop)
    journal = Journal(place, DropSource.of_drop(drop).key)
    for _ in range(_MOST_ATTEMPTS):
        newest = _newest_record(drop, rules, place, journal)
        if newest.kind == "taken":
            _check_run(drop, newest)
            decision = {
                "outcome": outcome,
                "target": _free_target(place, rules, outcome, str(drop["name"]), now),
                "source_id": source_id,
                "report": report,
                "report_text": report_text,
                "record": dict(record),
                "filed_at": now,
            }
            added = journal.add(newest, "filing", {**newest.body, **decision})
            if added is None:
                continue  # another process was faster
            newest = added
        filed = finish_filing(place, journal, newest, rules)
        if filed:
            if filed.body["outcome"] != outcome:
                log.warning(
                    "%s was already filed as %s, so it is not filed as %s.",
                    drop["name"],
                    filed.body["outcome"],
                    outcome,
                )
            return place.location(str(filed.body["target"]))
    raise FolderUnavailableError(
        f"Other processes are filing {drop['name']} at the same time. Retry the task."
    )


@dataclass(frozen=True)
class Decision:
    """
    What was decided about a drop.

    :param outcome: ``loaded``, ``refused`` or ``duplicate``.
    :param location: path or URL at which it is filed.
    :param record: what was recorded with the decision.
    """

    outcome: Outcome
    location: str
    record: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """What was decided, as a sentence."""
        name = self.location.rpartition("/")[2]
        return str(self.record.get("sentence") or f"{name} was filed as {self.outcome}.")


def decision_of(drop: Mapping[str, Any]) -> Decision | None:
    """
    Return what an earlier try decided about a drop; finishes a filing that was interrupted.

    :returns: None if the drop is taken and nothing is decided.
    :raises InvalidInputError: it is not a drop, another run has taken it over, or it is forgotten.
    :raises FolderUnavailableError: the folder cannot be reached.
    """
    rules, place = folder_of(drop)
    journal = Journal(place, DropSource.of_drop(drop).key)
    for _ in range(_MOST_ATTEMPTS):
        newest = _newest_record(drop, rules, place, journal)
        _check_run(drop, newest)
        if newest.kind == "taken":
            return None
        if filed := finish_filing(place, journal, newest, rules):
            body = filed.body
            return Decision(body["outcome"], place.location(str(body["target"])), body["record"])
    raise FolderUnavailableError(
        f"Other processes are filing {drop['name']} at the same time. Retry the task."
    )


def _check_run(drop: Mapping[str, Any], newest: Record) -> None:
    """
    Make sure that a drop still belongs to the run that took it.

    :raises InvalidInputError: another run has taken it over.
    """
    if newest.run != Run(str(drop["dag_id"]), str(drop["run_id"])):
        raise InvalidInputError(
            f"{drop['name']} was taken over by run {newest.run.run_id} of DAG {newest.run.dag_id}, "
            f"because run {drop['run_id']} had ended without filing it."
        )


def _newest_record(drop: Mapping[str, Any], rules: FolderRules, place: Place, journal: Journal) -> Record:
    """
    Return the record that says how things stand with a drop.

    :raises InvalidInputError: the drop is not taken, or was filed so long ago that it is forgotten.
    :raises FolderUnavailableError: the folder has lost its records.
    """
    newest = journal.of_claim(int(drop["claim"]))
    if newest is None:
        check_state_is_there(place, rules)
    if newest is None or newest.kind == "void":
        raise InvalidInputError(
            f"Run {drop['run_id']} does not hold {drop['name']} any more: the file was filed long ago, or it "
            "vanished while it was being taken."
        )
    return newest


def finish_filing(place: Place, journal: Journal, decided: Record, rules: FolderRules) -> Record | None:
    """
    Carry out what a ``filing`` record says, from wherever an earlier attempt stopped.

    :returns: the ``filed`` record; None if another process is doing the same, so that the caller looks again.
    """
    if decided.kind == "filed":
        return decided
    body = decided.body
    file, target = str(body["file"]), str(body["target"])
    if not place.move(file, target):
        if place.entry(file) is not None:  # another file has got this name meanwhile
            free = _free_target(place, rules, body["outcome"], decided.entry.name, body["filed_at"])
            journal.add(decided, "filing", {**body, "target": free})
            return None
        log.error("The taken file %s is gone; somebody removed it.", place.location(file))
    for suffix in COMPANION_SUFFIXES:
        if place.entry(file + suffix) is not None:
            place.move(file + suffix, target + suffix)
    if body["report"] is not None:
        text = json.dumps(body["report"], indent=2, ensure_ascii=False)
        place.replace(target + _REPORT, text.encode())
    if body["report_text"] is not None:
        place.replace(target + _REPORT_TEXT, body["report_text"].encode())
    if body["outcome"] == "loaded":
        remember(place, journal, decided)
    left_out = ("report", "report_text")
    filed = journal.add(decided, "filed", {key: value for key, value in body.items() if key not in left_out})
    if filed is not None:
        close_claim(place, decided)
    return filed


def close_claim(place: Place, record: Record) -> None:
    """Remove what showed that a drop was taken."""
    place.remove(open_name(str(record.body["key"]), record.claim))
    place.remove(str(record.body["file"]).rpartition("/")[0])


def open_name(key: str, claim: int) -> str:
    """Return the name of the record that makes an undecided drop findable without its source."""
    return f"{STATE_FOLDER}/open/{key}.{claim}"


def _free_target(place: Place, rules: FolderRules, outcome: str, name: str, now: float) -> str:
    folder = str(getattr(rules, outcome))
    if "://" in rules.url:
        # The last loaded file is opened by its URL.
        name = "/".join(map(safe_name, name.split("/")))
    if outcome == "loaded":
        folder = f"{folder}/{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    number = 1
    while place.is_used(target := f"{folder}/{with_suffix(name, number, room=_ROOM)}"):
        number += 1
    return target
