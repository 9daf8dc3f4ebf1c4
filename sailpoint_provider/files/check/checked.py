"""A file that is examined only after its check has passed, or after a person has approved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.exceptions import FileRefusedError, FileRepeatedError, InvalidInputError
from sailpoint_provider.files.source import FileSource, FileState, Upload

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.files.check.approval import Approval
    from sailpoint_provider.files.check.report import FileReport


class CheckedFile(FileSource):
    """
    A file that is sent only if its check passes.

    It is checked early, so that a refusal does not wait for a busy source, and that result holds for one more
    call. Every later call checks again: meanwhile another load may have changed what the file is compared
    with. The upload carries the digest of the check, so that nothing else can be sent.

    :param file: the file.
    :param check: checks the file as it is now.
    :param approved: the approval of a person; None for none.
    :param log: gets a line if the file is sent only because of the approval.
    """

    def __init__(
        self,
        file: FileSource,
        check: Callable[[FileSource], FileReport],
        approved: Approval | None,
        log: logging.Logger,
    ) -> None:
        self.name = file.name
        self.location = file.location
        self._file = file
        self._check = check
        self._approved = approved
        self._log = log
        self._early: Upload | None = None
        self._is_first = True

    def stat(self) -> FileState:
        return self._file.stat()

    def open(self) -> BinaryIO:
        return self._file.open()

    def examine(self) -> Upload:
        """
        Check the file, and return what to send.

        :raises FileRefusedError: a rule refuses the file, and no person has approved it.
        :raises FileRepeatedError: the file was loaded before, and such a file is skipped.
        :raises InvalidInputError: as :meth:`FileSource.examine`; also if the file changed meanwhile.
        """
        state = self.stat()
        early, self._early = self._early, None
        if early is not None and state.is_certainly(early.state):
            return early
        upload = self._check_in(state)
        if self._is_first:
            self._early, self._is_first = upload, False
        return upload

    def _check_in(self, state: FileState) -> Upload:
        report = self._check(self._file)
        if report.verdict != "passed":
            objection = why_not_approved(report, self._approved)
            if objection is not None:
                message = " ".join(filter(None, (report.sentence, objection, "Nothing was sent.")))
                if report.verdict == "repeated":
                    raise FileRepeatedError(message, report=report.to_json())
                raise FileRefusedError(message, report=report.to_json())
            self._log.warning("A person has approved this content. %s", report.sentence)
        if self.stat() != state:
            raise InvalidInputError(
                f"The file {self.location} changed while it was being checked. Nothing was sent. Write the "
                "file under a temporary name and rename it once it is complete.",
                final=False,
            )
        summary = report.summary(approved=report.verdict != "passed")
        return Upload(self, state, report.size_bytes, report.sha256, summary)


def why_not_approved(report: FileReport, approved: Approval | None) -> str | None:
    """
    Return why a report is not approved, as a sentence; None if a person has approved it.

    :param report: a report whose verdict is not ``passed``.
    :param approved: what :func:`read_approval` returned.
    """
    if approved is None:
        return ""
    now = report.needed_approval
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
    if report.last_accounts is not None:
        return None
    return (
        "A SHA-256 alone approves a file only if it was compared with the last one. Pass the approval of the "
        "report."
    )


def _why_too_many(approved: int | None, deletions: int | None) -> str | None:
    """Return why an approval does not cover so many deletions; one of an unknown number covers any."""
    if approved is None:
        return None
    if deletions is None:
        return f"The approval covers {approved:,} deletions, but their number is now unknown."
    if deletions > approved:
        return f"The approval covers {approved:,} deletions, but there could now be {deletions:,}."
    return None
