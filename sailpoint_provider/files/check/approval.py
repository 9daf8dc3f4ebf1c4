"""A person's approval of a file that a check refuses: for exactly these bytes, and not for a broken file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.files.check.report import FileReport

_FORM = re.compile(r"([0-9a-f]{64})(?:/([0-9a-f]{64}|first))?")


def read_approval(approved: str | None) -> str | None:
    """
    Return an approval in its usual form, None for an empty one.

    :raises InvalidInputError: it is neither an approval nor a digest.
    """
    if approved is None or not (text := str(approved).strip().lower()) or text == "none":
        return None
    if not _FORM.fullmatch(text):
        raise InvalidInputError(
            f"approved must be the approval of a file's report, or the SHA-256 of the file, not {approved!r}."
        )
    return text


def why_not_approved(report: FileReport, approved: str | None) -> str | None:
    """
    Return why a report is not approved, as a sentence; None if a person has approved it.

    :param report: a report whose verdict is not ``passed``.
    :param approved: what :func:`read_approval` returned; a digest alone holds whatever the file is compared
        with.
    """
    if approved is None:
        return ""
    digest, _, last = approved.partition("/")
    if digest != report.sha256:
        return f"The approval is for other content, with SHA-256 {digest}."
    if last and last != report.approval.partition("/")[2]:
        return "The approval no longer holds: another file has been loaded since the report was made."
    if broken := report.broken_rules:
        return f"A person cannot approve what these rules refuse: {', '.join(broken)}."
    return None
