"""What waits in a folder: the complete drops of each source, oldest first."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.completeness import companions_of, digest_in
from sailpoint_provider.drops.entries import in_order
from sailpoint_provider.drops.names import Unclaimed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.drops.entries import Entry, Listing
    from sailpoint_provider.drops.names import DropSource
    from sailpoint_provider.drops.place import Place
    from sailpoint_provider.drops.rules import FolderRules

log = logging.getLogger(__name__)

_BLOCK = 1024 * 1024
_DIGEST_TEXT_BYTES = 4096


@dataclass
class Waiting:
    """
    The files of a folder, sorted by what is to be done with them.

    :param sources: complete drops of each source, in the order in which they are loaded.
    :param incomplete: files that may become drops.
    :param unclaimed: why a file belongs to no source, by its name.
    """

    sources: dict[DropSource, list[Entry]] = field(default_factory=dict)
    incomplete: list[Entry] = field(default_factory=list)
    unclaimed: dict[str, str] = field(default_factory=dict)


def sort_out(
    listing: Listing, rules: FolderRules, companions: Companions, is_quiet: Callable[[Entry], bool]
) -> Waiting:
    """
    Sort the files of a listing.

    :param companions: decides about files with ``complete="companion"``.
    :param is_quiet: decides about those with ``complete="quiet"``.
    """

    def is_complete(entry: Entry) -> bool:
        if rules.complete == "companion":
            return companions.complete(entry, listing)
        return rules.complete == "renamed" or is_quiet(entry)

    waiting = Waiting()
    complete: dict[DropSource, list[Entry]] = {}
    for entry in listing.entries.values():
        if not rules.is_candidate(entry.name):
            continue
        source = rules.source_of(entry.name)
        if isinstance(source, Unclaimed):
            waiting.unclaimed[entry.name] = source.reason
        elif not entry.size_bytes or not is_complete(entry):
            waiting.incomplete.append(entry)
        else:
            complete.setdefault(source, []).append(entry)
    waiting.sources = {source: in_order(entries) for source, entries in complete.items()}
    return waiting


class Companions:
    """
    Decides by companions, and reads a file only once to compare its digest.

    :param place: where the files are.
    :param log: gets a warning about each digest that does not fit, once for each state of the files.
    """

    def __init__(self, place: Place, log: Any = log) -> None:
        self._place = place
        self._log = log
        self._digests: dict[tuple[Entry, Entry], bool] = {}

    def complete(self, entry: Entry, listing: Listing) -> bool:
        """Return whether a file has a companion, and fits the digest in it if there is one."""
        companions = companions_of(entry, listing)
        return bool(companions) and all(
            self._fits(entry, one) for one in companions if one.name.endswith(".sha256")
        )

    def forget_all_but(self, listing: Listing) -> None:
        """Forget the digests of files that are gone."""
        self._digests = {
            pair: fits for pair, fits in self._digests.items() if listing.entries.get(pair[0].name) == pair[0]
        }

    def _fits(self, entry: Entry, companion: Entry) -> bool:
        if (entry, companion) not in self._digests:
            self._digests[entry, companion] = self._compare(entry, companion)
        return self._digests[entry, companion]

    def _compare(self, entry: Entry, companion: Entry) -> bool:
        try:
            with self._place.open(companion.name) as stream:
                expected = digest_in(stream.read(_DIGEST_TEXT_BYTES))
            digest = hashlib.sha256()
            with self._place.open(entry.name) as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
        except FileNotFoundError:
            return False
        actual = digest.hexdigest()
        if expected is None:
            self._log.warning(
                "%s is not complete: %s holds no SHA-256 that can be read. The file has the SHA-256 %s.",
                entry.name,
                companion.name,
                actual,
            )
        elif expected != actual:
            self._log.warning(
                "%s is not complete: it has the SHA-256 %s, but %s says %s.",
                entry.name,
                actual,
                companion.name,
                expected,
            )
        return expected == actual
