"""Which file of a source was loaded last, also where the record of it was lost."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.journal import Journal
from sailpoint_provider.drops.names import DropSource, file_key
from sailpoint_provider.drops.place import README, FolderUnavailableError
from sailpoint_provider.drops.places import folder_of, place_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sailpoint_provider.drops.entries import Entry, Listing
    from sailpoint_provider.drops.journal import Record
    from sailpoint_provider.drops.place import Place
    from sailpoint_provider.drops.rules import FolderRules

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}/")
_UNKNOWN_DIGEST = "0" * 64


def last_loaded(drop: Mapping[str, Any], source_id: str) -> tuple[str | None, dict[str, Any]] | None:
    """
    Return the file of a source that was loaded last from the folder of a drop, and what is known of it.

    :param drop: a drop of the folder.
    :param source_id: ID of the source, 32 hex characters.
    :returns: the path or URL, None if the file is gone, and the record with ``name``, ``sha256``,
        ``location``, ``loaded_at``, ``dropped_at``, ``aggregation_id`` and what else was recorded; None if
        no file was loaded yet. If only filed files show that there was a load, the record has a digest that
        fits no file.
    :raises FolderUnavailableError: the folder cannot be reached, or has lost its records.
    """
    rules, place = folder_of(drop)
    source = DropSource.of_drop(drop)
    journal = Journal(place, source.key)
    known = _newest(place, journal, source_id)
    if known is None:
        check_state_is_there(place, rules)
        trace = _trace(place, rules, source, journal, source_id)
        return None if trace is None else (None, trace)
    filed_as = str(known["filed_as"])
    # The folder may have moved since, or have another connection ID in its URL.
    location = place.location(filed_as)
    is_there = place.entry(filed_as) is not None
    return (location if is_there else None), {**known, "location": location}


def remember(place: Place, journal: Journal, decided: Record) -> None:
    """
    Keep a drop that is filed as loaded as the last file of its source.

    A process that stalled while it filed the drop changes nothing if a newer drop was taken meanwhile: then
    another process has finished its work.
    """
    top = journal.top()
    if top is None or top.claim == decided.claim:
        place.replace(_pointer(decided.body["source_id"]), json.dumps(_remembered(place, decided)).encode())


def check_records_are_there(place: Place, rules: FolderRules, listing: Listing) -> None:
    """
    Make sure that a folder from which files were loaded still has its records.

    Without them, the next file would count as the first of its source, which may delete any number of
    accounts.

    :raises FolderUnavailableError: there are loaded files, but no state folder.
    """
    if listing.is_known or not place.names(rules.loaded):
        return
    raise FolderUnavailableError(
        f"The folder {rules.url} has files in {rules.loaded}, but no {STATE_FOLDER} subfolder: its records "
        f"of what was loaded are gone. Restore {STATE_FOLDER}, or move {rules.loaded} away to start over."
    )


def check_state_is_there(place: Place, rules: FolderRules) -> None:
    """
    Make sure that missing records are missing because nothing was recorded.

    :raises FolderUnavailableError: the state folder is gone, as with a mount.
    """
    if place.entry(README) is None:
        raise FolderUnavailableError(
            f"The folder {rules.url} has no {STATE_FOLDER} subfolder any more. Is it mounted?"
        )


def _newest(place: Place, journal: Journal, source_id: str) -> dict[str, Any] | None:
    """
    Return what is known of the last load.

    The journal is asked as well as the pointer, which can be lost, and which a process that stalls between
    its look at the journal and its writing sets back. The pointer alone knows of loads that are no longer in
    the journal, or in that of another description of the source.
    """
    pointed = _pointed(place, source_id)
    loads = (one for one in _loads(journal) if _is_of(one, source_id))
    newest = next(loads, None)
    if newest is None:
        return pointed
    recorded = _remembered(place, newest)
    if pointed is None or pointed["filed_as"] == recorded["filed_as"]:
        return recorded
    is_set_back = pointed["loaded_at"] < recorded["loaded_at"] or any(
        pointed["filed_as"] == older.body["target"] for older in loads
    )
    return recorded if is_set_back else pointed


def _pointed(place: Place, source_id: str) -> dict[str, Any] | None:
    """Return what the pointer holds, None if there is none or it is damaged."""
    try:
        found = json.loads(place.read(_pointer(source_id)) or b"null")
    except ValueError:
        return None
    is_whole = isinstance(found, dict) and isinstance(found.get("loaded_at"), int | float)
    return found if is_whole and isinstance(found.get("filed_as"), str) else None


def _loads(journal: Journal) -> Iterator[Record]:
    """Yield the records of drops that were filed as loaded, the newest first."""
    for record in journal.newest_first():
        if record.kind == "filed" and record.body["outcome"] == "loaded":
            yield record


def _is_of(record: Record, source_id: str) -> bool:
    return str(record.body["source_id"]).lower() == source_id.lower()


def _trace(
    place: Place, rules: FolderRules, source: DropSource, journal: Journal, source_id: str
) -> dict[str, Any] | None:
    """Return what filed files show of a load whose records are lost; None if there are none."""
    of_others = {str(one.body["target"]) for one in _loads(journal) if not _is_of(one, source_id)}
    found = [
        (entry.modified, name, target)
        for target, name, entry in _filed_as_loaded(place, rules)
        if target not in of_others and rules.is_candidate(name) and rules.source_of(name) == source
    ]
    if not found and place.entry(_pointer(source_id)) is None:
        return None
    # A damaged pointer shows a load, too.
    modified, name, target = max(found, default=(0.0, "an unknown file", ""))
    return {
        "sha256": _UNKNOWN_DIGEST,
        "aggregation_id": None,
        "name": name,
        "location": place.location(target),
        "filed_as": target,
        "loaded_at": modified,
        "dropped_at": None,
    }


def _filed_as_loaded(place: Place, rules: FolderRules) -> Iterator[tuple[str, str, Entry]]:
    """Yield path, name before the filing and state of each file below the folder of loaded files."""
    if not place.names(rules.loaded):
        return
    listing = place_at(place.location(rules.loaded)).scan(recursive=True, skipped=frozenset())
    for path, entry in listing.entries.items():
        yield f"{rules.loaded}/{path}", _DATE.sub("", path, count=1), entry


def _remembered(place: Place, decided: Record) -> dict[str, Any]:
    body = decided.body
    return {
        "aggregation_id": None,
        **body["record"],
        "sha256": body["record"].get("sha256") or _UNKNOWN_DIGEST,
        "name": decided.entry.name,
        "location": place.location(str(body["target"])),
        "filed_as": body["target"],
        "loaded_at": body["filed_at"],
        "dropped_at": decided.entry.modified,
    }


def _pointer(source_id: str) -> str:
    return f"{STATE_FOLDER}/last/{file_key(source_id.lower())}.json"
