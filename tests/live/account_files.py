"""CSV files of numbered accounts, written the way a careful dropper writes them."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class AccountFile:
    """A file of accounts, each known by its number.

    :param accounts: account number to version; another version is another row.
    :param marker: stands in every row, so that files of the same accounts differ; empty for none.
    """

    accounts: dict[int, int]
    marker: str = ""

    @classmethod
    def numbered(cls, number: int, marker: str = "") -> AccountFile:
        """Return a file of the accounts 1 to ``number``."""
        return cls(dict.fromkeys(range(1, number + 1), 1), marker)

    def changed(self, *, new: int, changed: int, removed: int) -> AccountFile:
        """Return the next file: the first accounts are changed, the last ones gone, and new ones come."""
        numbers = sorted(self.accounts)
        if changed + removed > len(numbers):
            raise ValueError(f"Cannot change {changed} and remove {removed} of {len(numbers)} accounts.")
        versions = {number: self.accounts[number] for number in numbers[: len(numbers) - removed]}
        versions |= {number: versions[number] + 1 for number in numbers[:changed]}
        versions |= dict.fromkeys(range(numbers[-1] + 1, numbers[-1] + 1 + new), 1)
        return AccountFile(versions, self.marker)

    def counts_after(self, before: AccountFile | None) -> dict[str, int]:
        """Return what an aggregation of this file must count when the source held ``before``."""
        held = before.accounts if before else {}
        common = self.accounts.keys() & held.keys()
        unchanged = sum(self.accounts[number] == held[number] for number in common)
        return {
            "created": len(self.accounts) - len(common),
            "updated": len(common) - unchanged,
            "deleted": len(held) - len(common),
            "unchanged": unchanged,
        }

    def rows(self, header: Sequence[str]) -> Iterable[list[str]]:
        """Yield the rows; the number stands in every column, so each account is different."""
        mark = f" {self.marker}" if self.marker else ""
        for number, version in self.accounts.items():
            identity = f"A{number:05d}"
            yield [identity, *(f"{column} {version} of {identity}{mark}" for column in header[1:])]

    def content(self, header: Sequence[str]) -> bytes:
        """Return the file's bytes."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(self.rows(header))
        return text.getvalue().encode()

    def drop(self, folder: Path, name: str, header: Sequence[str]) -> Path:
        """Put the file into the folder so that nobody ever sees half of it."""
        growing = folder / f".{name}.part"
        with growing.open("wb") as file:
            file.write(self.content(header))
            file.flush()
            os.fsync(file.fileno())
        return growing.rename(folder / name)
