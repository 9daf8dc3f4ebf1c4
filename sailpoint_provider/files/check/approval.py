"""A person's approval of a refused file: for exactly what its report showed, and never for a broken file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.files.check.report import FileReport

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

    def __str__(self) -> str:
        """Return it as a person passes it on."""
        rules = "+".join(sorted(self.rules)) or _NONE
        deletions = _NONE if self.deletions is None else str(self.deletions)
        return "/".join((self.sha256, self.last or _FIRST, self.source, rules, deletions))


def approval_of(report: FileReport) -> Approval:
    """Return the approval of all that a report shows."""
    return Approval(
        report.sha256,
        report.last_sha256 or _FIRST,
        report.source_id.lower() if report.source_id is not None else _NONE,
        frozenset(one.rule for one in report.rules if one.state in ("refused", "repeated")),
        report.deletions,
    )


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


def why_not_approved(report: FileReport, approved: Approval | None) -> str | None:
    """
    Return why a report is not approved, as a sentence; None if a person has approved it.

    :param report: a report whose verdict is not ``passed``.
    :param approved: what :func:`read_approval` returned.
    """
    if approved is None:
        return ""
    now = approval_of(report)
    if approved.sha256 != now.sha256:
        return f"The approval is for other content, with SHA-256 {approved.sha256}."
    if broken := report.broken_rules:
        return f"A person cannot approve what these rules refuse: {', '.join(broken)}."
    if approved.last is None:
        return _why_digest_is_too_little(report)
    if approved.source != now.source:
        return "The approval is not for this source."
    if approved.last != now.last:
        return "The approval no longer holds: another file has been loaded since the report was made."
    if unseen := sorted(now.rules - approved.rules):
        return f"The approval does not cover what these rules refuse now: {', '.join(unseen)}."
    return _why_too_many(approved.deletions, now.deletions)


def _why_digest_is_too_little(report: FileReport) -> str | None:
    """Return why the SHA-256 alone is no approval: it says nothing about how many accounts may go."""
    if report.last_sha256 is not None:
        return None
    return (
        "A SHA-256 alone approves a file only if there is a last file to compare it with. Pass the "
        "approval of the report."
    )


def _why_too_many(approved: int | None, deletions: int | None) -> str | None:
    """Return why an approval does not cover so many deletions; one of an unknown number covers any."""
    if approved is None:
        return None
    if deletions is None:
        return f"The approval is for {approved:,} deletions, and how many there would be now is unknown."
    if deletions > approved:
        return f"The approval is for {approved:,} deletions, and now there would be {deletions:,}."
    return None
