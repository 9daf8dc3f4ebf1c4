"""How a run takes its drops: one of each source, the oldest, and never past one that is not decided."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.completeness import companions_of, is_quiet_by_clock
from sailpoint_provider.drops.entries import DROP_VERSION, STATE_FOLDER, Entry, Listing
from sailpoint_provider.drops.filing import close_claim, finish_filing, open_name
from sailpoint_provider.drops.journal import Journal, Record, is_active
from sailpoint_provider.drops.last_load import check_records_are_there
from sailpoint_provider.drops.names import DropSource, file_key, safe_name
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.drops.waiting import Companions, Waiting, sort_out
from sailpoint_provider.exceptions import SailPointError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sailpoint_provider.drops.journal import Run
    from sailpoint_provider.drops.place import Place
    from sailpoint_provider.drops.rules import FolderRules

log = logging.getLogger(__name__)


@dataclass
class Takings:
    """
    What a run got from a folder.

    :param drops: its drops, oldest first, as the JSON objects that a task is mapped over.
    :param left: why other files were left, as sentences.
    """

    drops: list[dict[str, Any]]
    left: list[str]


def take_drops(
    rules: FolderRules,
    run: Run,
    *,
    seen_complete: Collection[tuple[str, int, str]] = (),
    limit: int | None = None,
    active: Callable[[Run], bool | None] = is_active,
) -> Takings:
    """
    Take the drops of a run; a repetition returns the same ones.

    :param rules: the folder.
    :param run: the run that takes them.
    :param seen_complete: name, size and marker of files that a watcher has seen complete.
    :param limit: how many drops to take, None for one of every source.
    :param active: returns whether another run is not over yet.
    :raises FolderUnavailableError: the folder cannot be listed, or may not be the right one.
    :raises InvalidInputError: its parts lie on different file systems.
    """
    place = place_at(rules.url)
    listing = usable_listing(place, rules)
    place.prepare(rules.skipped)
    waiting = _waiting(place, rules, listing, seen_complete)
    taker = _Taker(place, rules, run, listing, active)
    for source, journal in _journals(place, rules, run, waiting):
        if limit is not None and len(taker.records) >= limit:
            break
        taker.take_of(source, journal, waiting.sources.get(source, []))
    if taker.failures and not taker.records:
        raise taker.failures[0]
    drops = [taker.described(source, record) for source, record in taker.records]
    taker.left += [
        f"{one.name} is empty." if not one.size_bytes else f"{one.name} is not complete yet."
        for one in waiting.incomplete
    ]
    taker.left += waiting.unclaimed.values()
    return Takings(sorted(drops, key=lambda drop: (drop["dropped_at"], drop["name"])), taker.left)


def usable_listing(place: Place, rules: FolderRules) -> Listing:
    """
    List a folder that is certainly the right one.

    :raises FolderUnavailableError: it cannot be listed, it is empty and was never used, or it has lost its
        records.
    """
    listing = place.scan(recursive=rules.recursive, skipped=rules.skipped)
    if listing.is_blank:
        raise FolderUnavailableError(
            f"The folder {rules.url} is empty and has no {STATE_FOLDER} subfolder: either nothing was ever "
            "dropped there, or its file system is not mounted. If it is the right folder, create "
            f"{STATE_FOLDER} in it."
        )
    check_records_are_there(place, rules, listing)
    return listing


def _waiting(
    place: Place, rules: FolderRules, listing: Listing, seen_complete: Collection[tuple[str, int, str]]
) -> Waiting:
    now = place.clock() if rules.complete == "quiet" else 0.0
    return sort_out(
        listing,
        rules,
        Companions(place),
        lambda entry: (
            (entry.name, *entry.state) in seen_complete or is_quiet_by_clock(entry, now, rules.quiet_for)
        ),
    )


def _journals(
    place: Place, rules: FolderRules, run: Run, waiting: Waiting
) -> list[tuple[DropSource, Journal]]:
    """Return the journals of all sources with files here: the run's own first, then by the oldest file."""
    sources = {source: (True, entries[0].modified) for source, entries in waiting.sources.items()}
    for source, record in open_records(place, rules):
        sources[source] = (record.run != run, record.entry.modified)
    return [(source, Journal(place, source.key)) for source in sorted(sources, key=lambda one: sources[one])]


def open_records(
    place: Place, rules: FolderRules, *, is_read_only: bool = False
) -> list[tuple[DropSource, Record]]:
    """
    Return the drops of this folder's sources that some run has taken and not decided.

    :param is_read_only: whether to leave it to others to remove what is outdated.
    """
    found = []
    for name in place.names(f"{STATE_FOLDER}/open"):
        key, _, claim = name.rpartition(".")
        record = None
        if claim.isdigit():
            journal = Journal(place, key)
            record = journal.of_claim(int(claim)) or _restored(place, journal, name, is_read_only)
        if record is None or not record.is_open:
            if not is_read_only:
                place.remove(f"{STATE_FOLDER}/open/{name}")
            continue
        source = rules.source_of(record.entry.name)
        # Other descriptions of the same place have drops of their own.
        if isinstance(source, DropSource) and source.key == key and rules.is_candidate(record.entry.name):
            found.append((source, record))
    return found


def _restored(place: Place, journal: Journal, name: str, is_read_only: bool) -> Record | None:
    """
    Return the record of a taken drop that only its file and the record of the open drop show.

    Its record in the journal was damaged, as by a disk that lost what it had confirmed. It becomes the newest
    one again, so that the next run takes the drop over.

    :returns: None if the drop is decided and forgotten.
    """
    try:
        body = json.loads(place.read(f"{STATE_FOLDER}/open/{name}") or b"null")
    except ValueError:
        return None
    if not isinstance(body, dict) or place.entry(str(body["file"])) is None:
        return None
    log.warning("The record of the taken file %s was damaged.", place.location(str(body["file"])))
    lost, top = Record(body["claim"], "taken", body), journal.top()
    if is_read_only or (top is not None and top.is_open):
        return lost
    return journal.add(top, "taken", body) or lost


class _Taker:
    def __init__(
        self,
        place: Place,
        rules: FolderRules,
        run: Run,
        listing: Listing,
        active: Callable[[Run], bool | None],
    ) -> None:
        self._place = place
        self._rules = rules
        self._run = run
        self._listing = listing
        self._active = active
        self.records: list[tuple[DropSource, Record]] = []
        self.left: list[str] = []
        self.failures: list[SailPointError] = []

    def take_of(self, source: DropSource, journal: Journal, entries: list[Entry]) -> None:
        """Take the next drop of one source, if no other is open."""
        top = journal.top()
        if top is not None and top.is_open:
            top = self._own(source, journal, top)
            if top is None or top.is_open:
                return
        elif top is not None and top.kind == "filed" and top.run == self._run:
            if entries:
                self.left.append(
                    f"{entries[0].name} is left to the next run: this run has already taken a file of source "
                    f"{source}."
                )
            return
        for entry in entries:
            record = journal.add(top, "taken", self._claim(source, entry, top))
            if record is None:
                self.left.append(f"{entry.name} is being taken by another run.")
                return
            top = self._secure(source, journal, record)
            if top is None or top.is_open:
                return

    def described(self, source: DropSource, record: Record) -> dict[str, Any]:
        """Return a taken drop as the JSON object that later tasks get."""
        entry = record.entry
        return {
            "version": DROP_VERSION,
            "folder": self._rules.to_json(),
            "name": entry.name,
            "file": self._place.location(str(record.body["file"])),
            "source_id": source.source_id,
            "source_name": source.source_name,
            "size_bytes": entry.size_bytes,
            "change_marker": entry.marker,
            "dropped_at": entry.modified,
            "dag_id": self._run.dag_id,
            "run_id": self._run.run_id,
            "claim": record.claim,
        }

    def _own(self, source: DropSource, journal: Journal, top: Record) -> Record | None:
        """Go on with an open drop of this run, or take over that of a run that is over."""
        if top.run != self._run:
            if self._active(top.run) is not False:
                self.left.append(
                    f"Source {source} waits until run {top.run.run_id} of DAG {top.run.dag_id} has filed "
                    f"{top.entry.name}."
                )
                return None
            log.warning(
                "Run %s of DAG %s ended without filing %s; this run takes the file over.",
                top.run.run_id,
                top.run.dag_id,
                top.entry.name,
            )
            record = journal.add(top, top.kind, {**top.body, **asdict(self._run)})
            if record is None:
                self.left.append(f"{top.entry.name} is being taken over by another run.")
                return None
            top = record
        return self._secure(source, journal, top)

    def _claim(self, source: DropSource, entry: Entry, top: Record | None) -> dict[str, Any]:
        number = 1 if top is None else top.number + 1
        # The number keeps a second file of this name apart from what an interrupted attempt left behind.
        folder = f"{STATE_FOLDER}/taken/{source.key}/{file_key(self._run.run_id)}.{number}"
        companions = companions_of(entry, self._listing) if self._rules.complete == "companion" else []
        return {
            **asdict(self._run),
            "key": source.key,
            "claim": number,
            "entry": asdict(entry),
            "companions": [asdict(one) for one in companions],
            "file": f"{folder}/{safe_name(entry.name)}",
        }

    def _secure(self, source: DropSource, journal: Journal, record: Record) -> Record | None:
        """
        Move a claimed file aside; repeats what an interrupted attempt has done.

        :returns: the record of the drop if it is there, ``void`` if the file was gone, or ``filed`` if an
            earlier attempt had decided about it; None if another process decided meanwhile.
        """
        if record.kind == "filing":
            return self._finish(journal, record)
        self._place.replace(open_name(source.key, record.claim), json.dumps(record.body).encode())
        entry, file = record.entry, str(record.body["file"])
        companions = [Entry(**one) for one in record.body["companions"]]
        # Companions go first: one that stayed would declare the next file of this name complete.
        for companion in companions:
            self._place.take(companion, _beside(file, entry, companion))
        if self._place.take(entry, file):
            self.records.append((source, record))
            log.info("Took %s for source %s.", entry.name, source)
            return record
        self.left.append(f"{entry.name} changed or vanished while it was being taken.")
        # Without them, a file that is still there, or comes late, would never be complete.
        for companion in companions:
            self._place.move(_beside(file, entry, companion), companion.name)
        void = journal.add(record, "void", record.body)
        if void is not None:
            close_claim(self._place, record)
        return void

    def _finish(self, journal: Journal, record: Record) -> Record | None:
        """Finish what another attempt decided; if that fails, other sources are not held up by it."""
        try:
            return finish_filing(self._place, journal, record, self._rules)
        except SailPointError as error:
            self.failures.append(error)
            self.left.append(
                f"The outcome of {record.entry.name} is recorded, but the file could not be moved: {error}"
            )
            return None


def _beside(file: str, entry: Entry, companion: Entry) -> str:
    """Return where the companion of a file is while the file is taken."""
    return file + companion.name[len(entry.name) :]
