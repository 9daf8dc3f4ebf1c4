"""The accounts of a source, and what an aggregation changes in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row: TypeAlias = "tuple[str | tuple[str, ...], ...]"
"""A row; a value that several rows of one account gave is a tuple of all different ones."""

ROWS_KEPT = 50_000
"""Above this many accounts, a source keeps a digest of each row instead of the row."""


def row_digest(row: Sequence[str]) -> bytes:
    """Return a 16-byte digest of the row."""
    return blake2b("\x1f".join(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def merged_digest(known: bytes, further: bytes) -> bytes:
    """Return the digest of an account of several rows, which does not depend on their order."""
    bits = (1 << 8 * len(known)) - 1
    return ((int.from_bytes(known) + int.from_bytes(further)) & bits).to_bytes(len(known))


def merged_row(known: Row, further: Sequence[str]) -> Row:
    """Return the row of an account of several rows: each column with all its values but the empty one."""
    return tuple(_merged(cell, value) for cell, value in zip(known, further, strict=True))


def _merged(cell: str | tuple[str, ...], value: str) -> str | tuple[str, ...]:
    values = cell if isinstance(cell, tuple) else (cell,)
    if not value or value in values:
        return cell
    return (*values, value) if cell else value


@dataclass
class AccountSet:
    """Accounts by native identity.

    :param digests: digest of the row by identity.
    :param rows: row by identity, None above :data:`ROWS_KEPT` accounts.
    :param merges_rows: whether several rows of one identity are one account.
    :param scanned: number of rows read.
    :param ignored: number of rows without an identity.
    """

    digests: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, Row] | None = field(default_factory=dict)
    merges_rows: bool = False
    scanned: int = 0
    ignored: int = 0

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.digests)

    def scan(self, identity: str, row: Sequence[str]) -> None:
        """Read a row; of several rows of an identity the last one wins, unless they are merged."""
        self.scanned += 1
        if not identity:
            self.ignored += 1
            return
        digest, kept = row_digest(row), tuple(row) if self.rows is not None else None
        if self.merges_rows and identity in self.digests:
            self._merge(identity, digest, kept)
        else:
            self.put(identity, digest, kept)

    def _merge(self, identity: str, digest: bytes, row: tuple[str, ...] | None) -> None:
        merged = None if self.rows is None or row is None else merged_row(self.rows[identity], row)
        self.put(identity, merged_digest(self.digests[identity], digest), merged)

    def put(self, identity: str, digest: bytes, row: Row | None) -> None:
        """Add or replace an account."""
        self.digests[identity] = digest
        if self.rows is not None:
            if row is None or len(self.digests) > ROWS_KEPT:
                self.rows = None
            else:
                self.rows[identity] = row

    def remove(self, identity: str) -> None:
        """Remove an account."""
        self.digests.pop(identity, None)
        if self.rows is not None:
            self.rows.pop(identity, None)

    @classmethod
    def of_rows(
        cls, rows: Iterable[Sequence[str]], identity_column: int, merges_rows: bool = False
    ) -> AccountSet:
        """Build a set from rows whose columns are in the order of the source's header."""
        accounts = cls(merges_rows=merges_rows)
        for row in rows:
            accounts.scan(row[identity_column] if len(row) > identity_column else "", row)
        return accounts


def numbered_rows(header: Sequence[str], number: int) -> Iterable[tuple[str, ...]]:
    """Yield this many numbered rows: ``0001``, ``Account 0001``, ``column 0001``."""
    for n in range(1, number + 1):
        yield tuple(
            f"{n:04d}" if at == 0 else f"Account {n:04d}" if column == "name" else f"{column} {n:04d}"
            for at, column in enumerate(header)
        )


@dataclass(frozen=True)
class Changes:
    """The accounts that an aggregation found, compared with those that the source holds.

    :param found: accounts found.
    :param created: new identities.
    :param updated: identities whose row differs.
    :param deleted: held identities that were not found.
    :param unchanged: number of unchanged accounts.
    :param deletion_skipped: whether the delete threshold was exceeded, which skips all deletions.
    """

    found: AccountSet
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unchanged: int = 0
    deletion_skipped: bool = False

    @property
    def deletions(self) -> int:
        """Number of accounts to delete."""
        return 0 if self.deletion_skipped else len(self.deleted)

    def work(self, optimized: bool) -> int:
        """Return the number of accounts to process; without optimization, unchanged ones count too."""
        return len(self.created) + len(self.updated) + self.deletions + (0 if optimized else self.unchanged)

    def split(self, processed: int, optimized: bool) -> tuple[int, int, int]:
        """Return how many of the processed accounts were created, updated (or reprocessed) and deleted."""
        created = min(processed, len(self.created))
        reprocessed = len(self.updated) + (0 if optimized else self.unchanged)
        updated = min(processed - created, reprocessed)
        return created, updated, min(processed - created - updated, self.deletions)

    def apply(self, held: AccountSet, processed: int, optimized: bool) -> None:
        """Apply the first ``processed`` changes to the accounts held."""
        created, updated, deleted = self.split(processed, optimized)
        for identity in (*self.created[:created], *self.updated[:updated]):
            row = None if self.found.rows is None else self.found.rows[identity]
            held.put(identity, self.found.digests[identity], row)
        for identity in self.deleted[:deleted]:
            held.remove(identity)


def compare(held: AccountSet, found: AccountSet, delete_threshold: int) -> Changes:
    """Compare the accounts found with the accounts held.

    :param held: accounts held.
    :param found: accounts found.
    :param delete_threshold: percentage of the held accounts; if more would be deleted, none is (ISC OpenAPI,
        sources, ``deleteThreshold``). 0 means no threshold.
    """
    before = held.digests
    created = tuple(identity for identity in found.digests if identity not in before)
    updated = tuple(
        identity for identity, digest in found.digests.items() if before.get(identity, digest) != digest
    )
    deleted = tuple(identity for identity in before if identity not in found.digests)
    skipped = bool(delete_threshold and before) and len(deleted) * 100 > delete_threshold * len(before)
    return Changes(
        found=found,
        created=created,
        updated=updated,
        deleted=deleted,
        unchanged=len(found) - len(created) - len(updated),
        deletion_skipped=skipped,
    )
