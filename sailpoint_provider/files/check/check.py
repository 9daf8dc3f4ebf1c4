"""The check of a file: read it beside the last good one, ask every rule, report."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check import judge_accounts, judge_content, judge_drop, judge_header
from sailpoint_provider.files.check.case import Case, counted, shortened
from sailpoint_provider.files.check.examine import Findings, LastFile, examine
from sailpoint_provider.files.check.judge_accounts import most_deletions
from sailpoint_provider.files.check.report import Accounts, FileReport, RuleOutcome, Verdict
from sailpoint_provider.files.check.staging import DamagedFileError, NoRoomError, StagedFile, private_folder
from sailpoint_provider.files.source import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.files.check.facts import SourceFacts
    from sailpoint_provider.files.check.last import LastLoaded
    from sailpoint_provider.files.check.rules import FileCheck
    from sailpoint_provider.files.source import FileSource

# In the order in which a refusal is named: what a file is comes before what it would do.
_RULES: tuple[tuple[str, Callable[[Case], RuleOutcome]], ...] = (
    ("readable", judge_content.readable),
    ("header", judge_header.header),
    ("shape", judge_content.shape),
    ("rows", judge_accounts.rows),
    ("foreign", judge_drop.foreign),
    ("keys", judge_content.keys),
    ("fresh", judge_drop.fresh),
    ("shrinkage", judge_accounts.shrinkage),
    ("growth", judge_accounts.growth),
    ("changes", judge_accounts.changes),
    ("repeat", judge_drop.repeat),
)
_BY_KEY = frozenset({"keys", "changes"})
"""The rules that a key makes meaningful, also where the tenant does not name it."""

_SWITCHES = frozenset({"readable", "header", "shape", "keys", "foreign", "fresh"})


def check_file(
    file: FileSource,
    rules: FileCheck,
    *,
    facts: SourceFacts | None = None,
    last: LastLoaded | None = None,
    dropped_at: float | None = None,
    now: float,
    name: str | None = None,
) -> FileReport:
    """
    Check a file before it is loaded, and return the report with the verdict.

    Nothing is sent, and the file is not changed. The digest in the report is that of the bytes that ISC would
    receive; whoever loads the file must make sure that it still has it.

    :param file: the file.
    :param rules: what is refused, with its limits.
    :param facts: what the tenant says about the source; None to apply only the rules that need no tenant.
    :param last: the last good file of the source; None if nothing was loaded yet.
    :param dropped_at: when the file was dropped, in seconds since the epoch; None where unknown.
    :param now: seconds since the epoch.
    :param name: name under which the file was dropped; None for its own.
    :raises InvalidInputError: the file could not be checked: it is missing, cannot be read or changed
        meanwhile, or memory or disk did not suffice (not final).
    """
    name = file.name if name is None else name
    key = _key(rules, facts)
    merges_rows = rules.merges_rows
    if merges_rows is None:
        merges_rows = facts.merges_rows if facts is not None else False
    needs_time = rules.fresh and rules.max_age_seconds is not None and dropped_at is None
    found = _findings(file, last, key, merges_rows=merges_rows or not rules.keys)
    modified_at = file.modified_at() if needs_time else None
    case = Case(name, rules, facts, last, dropped_at, modified_at, now, key, merges_rows, found)
    outcomes = tuple(_outcome(case, rule, judge) for rule, judge in _RULES)
    return _report(case, outcomes)


def _key(rules: FileCheck, facts: SourceFacts | None) -> str | None:
    """
    Return the column that identifies an account.

    :raises InvalidInputError: ISC uses another one than ``key``, by which it would delete other accounts than
        those that a check counts.
    """
    known = facts.identity_attribute if facts is not None else None
    if rules.key is None or known is None or rules.key == known:
        return rules.key or known
    source = facts.source_name if facts is not None else ""
    raise InvalidInputError(
        f"key is {rules.key!r}, but ISC identifies the {facts.noun if facts else 'account'}s of {source} by "
        f"{known!r}. Nothing was sent. Remove key, or set it to {known!r}."
    )


def _outcome(case: Case, rule: str, judge: Callable[[Case], RuleOutcome]) -> RuleOutcome:
    """Ask a rule, unless it is switched off or means nothing for such a file."""
    if rule in _SWITCHES and not getattr(case.rules, rule):
        return RuleOutcome(rule, "off")
    reason = case.facts.inapplicable.get(rule) if case.facts is not None else None
    if reason is None or (case.key is not None and rule in _BY_KEY):
        return judge(case)
    return RuleOutcome(rule, "not_checked", sentence=reason)


def _findings(file: FileSource, last: LastLoaded | None, key: str | None, *, merges_rows: bool) -> Findings:
    """Read the file, and make sure that it did not change meanwhile."""
    if _is_empty(file):
        return Findings(None, "empty")
    with private_folder() as folder:
        try:
            staged = StagedFile(file, os.path.join(folder, "new.csv"))
        except DamagedFileError:
            return Findings(None, "a damaged or incomplete gzip file")
        last_file = _last_file(last, os.path.join(folder, "last.csv")) if last is not None else None
        try:
            found = examine(staged.path, last_file, key=key, merges_rows=merges_rows, folder=folder)
        except OSError as error:
            raise unreadable(file, error) from None
        staged.check_unchanged()
    if found.content is not None and found.content.size_bytes == 0:
        return Findings(found.content, "empty")
    return found


def _is_empty(file: FileSource) -> bool:
    """Return whether the file is there, but without content, which its source reports as an error."""
    try:
        file.stat()
    except InvalidInputError:
        with contextlib.suppress(Exception), file.open() as stream:
            return not stream.read(1)
        raise
    return False


def _last_file(last: LastLoaded, path: str) -> LastFile:
    """Make the last good file readable, if it still is."""
    if last.file is None:
        return LastFile(None, last.sha256, "is no longer kept")
    try:
        return LastFile(StagedFile(last.file, path).path, last.sha256)
    except DamagedFileError:
        return LastFile(None, last.sha256, "is damaged")
    except NoRoomError:
        raise
    except InvalidInputError:
        return LastFile(None, last.sha256, "cannot be found or read")


def _report(case: Case, outcomes: tuple[RuleOutcome, ...]) -> FileReport:
    found = case.found
    keys = found.keys
    compared = keys if found.changed_columns is not None else None
    verdict, sentence = _verdict(case, outcomes)

    def accounts(group: Accounts, shown: bool = case.rules.show_keys) -> Accounts:
        return Accounts(group.count, tuple(map(shortened, group.keys)) if shown else ())

    return FileReport(
        verdict=verdict,
        sentence=sentence,
        name=case.name,
        sha256=found.content.sha256 if found.content is not None else "",
        size_bytes=found.content.size_bytes if found.content is not None else 0,
        source_id=case.facts.source_id if case.facts is not None else None,
        key=case.key,
        columns=_header(case, outcomes),
        rows=found.rows,
        accounts=keys.accounts if keys is not None else None,
        last_name=case.last.name if case.last is not None else None,
        last_sha256=case.last.sha256 if case.last is not None else None,
        last_accounts=case.last_accounts,
        tenant_accounts=case.tenant_accounts,
        joiners=accounts(compared.joiners, case.shows_keys) if compared is not None else None,
        movers=accounts(compared.movers) if compared is not None else None,
        leavers=accounts(compared.leavers) if compared is not None else None,
        deletions=most_deletions(case),
        changed_columns=found.changed_columns,
        rules=outcomes,
        notes=_notes(case, outcomes),
    )


def _header(case: Case, outcomes: tuple[RuleOutcome, ...]) -> tuple[str, ...] | None:
    """Return the first row if it is certainly a header, because the rule has compared it with one."""
    is_compared = case.found.last_columns is not None or (case.facts is not None and case.facts.columns)
    passed = any(one.rule == "header" and one.state == "passed" for one in outcomes)
    return case.found.columns if is_compared and passed else None


def _verdict(case: Case, outcomes: tuple[RuleOutcome, ...]) -> tuple[Verdict, str]:
    """Return the verdict and its sentence; a repeated file is not loaded, whatever else is wrong."""
    repeated = next((one for one in outcomes if one.state == "repeated"), None)
    if repeated is not None:
        return "repeated", repeated.sentence
    refused = next((one for one in outcomes if one.state == "refused"), None)
    if refused is not None:
        return "refused", refused.sentence
    keys = case.found.keys
    accounts = f"an unknown number of {case.noun}s"
    if case.accounts is not None:
        accounts = counted(case.accounts, "row" if keys is None and case.noun == "account" else case.noun)
    if keys is None or case.found.changed_columns is None:
        compared = "nothing was compared by key"
        if case.last is None:
            compared = "no earlier file is known"
        return "passed", f"{case.name} may be loaded: {accounts}; {compared}."
    return "passed", (
        f"{case.name} may be loaded: {accounts}, {keys.joiners.count:,} of them new and "
        f"{keys.movers.count:,} changed; {keys.leavers.count:,} of {keys.last_accounts:,} would be deleted."
    )


def _notes(case: Case, outcomes: tuple[RuleOutcome, ...]) -> tuple[str, ...]:
    notes = [one.sentence for one in outcomes if one.sentence and one.state in ("passed", "not_checked")]
    content = case.found.content
    if content is not None and content.has_mark:
        notes.append(
            "The file begins with a byte-order mark. If ISC calls its first column unknown, remove the mark."
        )
    if content is not None and content.mixes_line_ends:
        notes.append("Some lines end with CR LF and others with LF.")
    return tuple(dict.fromkeys(notes))
