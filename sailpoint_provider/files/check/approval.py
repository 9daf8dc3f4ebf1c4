"""A person's approval of a refused file: for exactly what its report showed, and never for a broken file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NONE = "-"
_FIRST = "first"
_FORM = re.compile(
    r"([0-9a-f]{64})"
    rf"(?:/([0-9a-f]{{64}}|{_FIRST})/([0-9a-z_-]{{1,64}})/({_NONE}|[a-z]+(?:\+[a-z]+)*)/({_NONE}|[0-9]{{1,12}}))?"
)


@dataclass(frozen=True)
class Approval:
    """
    What a person has approved.

    :param sha256: SHA-256 of the file.
    :param last: SHA-256 of the file that it was compared with, ``first`` if there was none; None for an
        approval that is only the SHA-256 of the file.
    :param source: ID of the source that the file is for, ``-`` where unknown.
    :param rules: the rules that did not let the file pass.
    :param deletions: accounts that would be deleted; None where unknown.
    """

    sha256: str
    last: str | None = None
    source: str = _NONE
    rules: frozenset[str] = frozenset()
    deletions: int | None = None

    @classmethod
    def needed(
        cls,
        sha256: str,
        last_sha256: str | None,
        source_id: str | None,
        rules: Iterable[str],
        deletions: int | None,
    ) -> Approval:
        """
        Return the approval that a file needs.

        :param last_sha256: SHA-256 of the file that it was compared with; None if there was none.
        :param source_id: None where the source is unknown.
        """
        source = source_id.lower() if source_id is not None else _NONE
        return cls(sha256, last_sha256 or _FIRST, source, frozenset(rules), deletions)

    def __str__(self) -> str:
        """Return it as a person passes it on."""
        rules = "+".join(sorted(self.rules)) or _NONE
        deletions = _NONE if self.deletions is None else str(self.deletions)
        return "/".join((self.sha256, self.last or _FIRST, self.source, rules, deletions))


def read_approval(approved: str | None) -> Approval | None:
    """
    Return an approval that a user gave, None for an empty one.

    :raises InvalidInputError: it is neither an approval nor a digest.
    """
    if approved is None or not (text := str(approved).strip().lower()) or text == "none":
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            f"approved must be the approval of a file's report, or the SHA-256 of the file, not {approved!r}."
        )
    sha256, last, source, rules, deletions = found.groups()
    if last is None:
        return Approval(sha256)
    return Approval(
        sha256,
        last,
        source,
        frozenset(() if rules == _NONE else rules.split("+")),
        None if deletions == _NONE else int(deletions),
    )
