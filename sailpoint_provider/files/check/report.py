"""The report on a file: what it holds, what loading it would do, and what each rule says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sailpoint_provider.amounts import size
from sailpoint_provider.exceptions import FileRefusedError
from sailpoint_provider.files.check.approval import Approval
from sailpoint_provider.results import CheckSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Verdict = Literal["passed", "refused", "repeated"]
State = Literal["passed", "refused", "repeated", "not_checked", "off"]

_VERSION = 1
APPROVABLE = frozenset({"rows", "shrinkage", "growth", "changes", "fresh", "repeat"})
"""Rules that a person can overrule. What the others refuse, ISC could not load correctly."""

_VERDICTS = {"passed": "PASSED", "refused": "REFUSED", "repeated": "REPEATED"}
_STATES = {"passed": "passed", "refused": "REFUSED", "repeated": "repeated", "not_checked": "not checked"}
_HEADINGS = ("Rule", "Verdict", "Figure", "Limit")


@dataclass(frozen=True)
class Accounts:
    """
    Accounts that a load would treat alike.

    :param count: how many there are.
    :param keys: the first twenty, sorted; empty with ``show_keys=False``.
    """

    count: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleOutcome:
    """
    What one rule says.

    :param rule: its name, such as ``shrinkage``.
    :param state: ``passed``, ``refused``, ``repeated``, ``not_checked`` or ``off``.
    :param figure: what was measured, as text; empty if nothing was.
    :param limit: the limit, as text; empty if there is none.
    :param sentence: why it refuses, or why it could not check all; empty otherwise.
    """

    rule: str
    state: State
    figure: str = ""
    limit: str = ""
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """
    The report on a file. Keys of accounts are the only values of the file in it.

    :param verdict: ``passed``, ``refused``, or ``repeated`` for the bytes of the last load.
    :param sentence: the verdict in one sentence.
    :param name: name of the file as it was dropped.
    :param sha256: SHA-256 of the bytes that ISC would receive; empty if they cannot be read.
    :param size_bytes: how many bytes these are.
    :param source_id: ID of the source that it is for; None where unknown.
    :param key: column that identifies an account; None if none is known.
    :param columns: its header, if the rule ``header`` has compared it with another and passed; None
        otherwise, because the first row of a file without a header holds the values of a person.
    :param rows: rows without the header; None if they cannot be read.
    :param accounts: accounts in them; None without a key.
    :param last_name: name of the last loaded file; None if there is none.
    :param last_sha256: SHA-256 of the bytes that ISC received of it; None if there is none.
    :param last_accounts: accounts in it; None if nothing was compared.
    :param tenant_accounts: accounts that ISC holds; None where unknown.
    :param joiners: accounts that would be new; None if nothing was compared.
    :param movers: accounts that would change; None if nothing was compared.
    :param leavers: accounts that would be deleted; None if nothing was compared.
    :param deletions: accounts that would be deleted, by the largest count; None where unknown.
    :param changed_columns: accounts with a changed value, by column; None if nothing was compared.
    :param rules: what each rule says, in the order in which they are asked.
    :param notes: what else is worth knowing.
    """

    verdict: Verdict
    sentence: str
    name: str
    sha256: str
    size_bytes: int
    source_id: str | None = None
    key: str | None = None
    columns: tuple[str, ...] | None = None
    rows: int | None = None
    accounts: int | None = None
    last_name: str | None = None
    last_sha256: str | None = None
    last_accounts: int | None = None
    tenant_accounts: int | None = None
    joiners: Accounts | None = None
    movers: Accounts | None = None
    leavers: Accounts | None = None
    deletions: int | None = None
    changed_columns: Mapping[str, int] | None = None
    rules: tuple[RuleOutcome, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def approval(self) -> str:
        """
        What a person who approves this report passes to the operator as ``approved``.

        It names the bytes of the file and of the file that it was compared with, the source, the rules that
        refuse, and the number of deletions: if any of it is no longer as shown, the approval does not hold.
        """
        return str(self.needed_approval)

    @property
    def needed_approval(self) -> Approval:
        """The approval of all that this report shows."""
        rules = (one.rule for one in self.rules if one.state in ("refused", "repeated"))
        return Approval.needed(self.sha256, self.last_sha256, self.source_id, rules, self.deletions)

    @property
    def needs_approval(self) -> bool:
        """Whether the file is refused, and only by rules that a person can overrule."""
        return self.verdict == "refused" and not self.broken_rules

    @property
    def broken_rules(self) -> list[str]:
        """The rules that refuse the file and that no person can overrule, sorted."""
        return sorted(
            one.rule
            for one in self.rules
            if one.state in ("refused", "repeated") and one.rule not in APPROVABLE
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON primitives, for an XCom or a file."""
        values = {"version": _VERSION, **asdict(self)}
        values |= {"approval": self.approval, "needs_approval": self.needs_approval}
        described: dict[str, Any] = json.loads(json.dumps(values))
        return described

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FileReport:
        """Return the report that :meth:`to_json` described; what a later version added is left out."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        for group in ("joiners", "movers", "leavers"):
            if known.get(group) is not None:
                known[group] = Accounts(known[group]["count"], tuple(known[group]["keys"]))
        if known.get("columns") is not None:
            known["columns"] = tuple(known["columns"])
        known["rules"] = tuple(RuleOutcome(**rule) for rule in known.get("rules", ()))
        known["notes"] = tuple(known.get("notes", ()))
        return cls(**known)

    def summary(self, *, approved: bool) -> CheckSummary:
        """
        Return the report in short, without keys and values.

        :param approved: whether a person has approved what the rules do not let pass.
        """
        joiners, movers, leavers = (
            None if group is None else group.count for group in (self.joiners, self.movers, self.leavers)
        )
        return CheckSummary(
            verdict=self.verdict,
            approved=approved,
            rows=self.rows,
            accounts=self.accounts,
            last_accounts=self.last_accounts,
            tenant_accounts=self.tenant_accounts,
            joiners=joiners,
            movers=movers,
            leavers=leavers,
            refused_by=[rule.rule for rule in self.rules if rule.state == "refused"],
        )

    def refusal(self) -> FileRefusedError:
        """Return the error that a refused file raises."""
        return FileRefusedError(f"{self.sentence} Nothing was sent.", report=self.to_json())

    def as_text(self) -> str:
        """Return the report as lines for a log or a terminal."""
        facts = _facts(self, _plain)
        width = max(len(name) for name, _ in facts)
        lines = [f"{_VERDICTS[self.verdict]}: {_plain(self.sentence)}", ""]
        lines += [f"{name.ljust(width)}  {value}" for name, value in facts]
        lines += ["", *_table(_rules(self))]
        if self.notes:
            lines += ["", *(f"* {_plain(note)}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def as_markdown(self) -> str:
        """Return the report as Markdown, for an approval or an issue."""
        parts = [f"**{_VERDICTS[self.verdict].capitalize()}.** {_escaped(self.sentence)}"]
        rows = [("", ""), ("---", "---"), *_facts(self, _code)]
        parts.append("\n".join(f"| {name} | {value} |" for name, value in rows))
        table = [_HEADINGS, ("---",) * 4, *(tuple(map(_escaped, row)) for row in _rules(self))]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in table))
        if self.notes:
            parts.append("\n".join(f"- {_escaped(note)}" for note in self.notes))
        return "\n\n".join(parts) + "\n"


def _facts(report: FileReport, show: Callable[[str], str]) -> list[tuple[str, str]]:
    facts = [("File", show(report.name))]
    if report.rows is not None:
        facts.append(("Rows", f"{report.rows:,}"))
    if report.accounts is not None:
        facts.append(("Accounts", f"{report.accounts:,}{_compared(report)}"))
    for name, group in (("Joiners", report.joiners), ("Movers", report.movers), ("Leavers", report.leavers)):
        if group is not None:
            facts.append((name, _group(group, show)))
    if report.changed_columns:
        changed = ", ".join(f"{show(name)} {count:,}" for name, count in report.changed_columns.items())
        facts.append(("Changed columns", changed))
    if report.last_name is not None:
        facts.append(("Last loaded file", show(report.last_name)))
    if report.sha256:
        facts += [("Size", size(report.size_bytes)), ("SHA-256", show(report.sha256))]
    return facts


def _compared(report: FileReport) -> str:
    others = []
    if report.last_accounts is not None:
        others.append(f"last file: {report.last_accounts:,}")
    if report.tenant_accounts is not None:
        others.append(f"ISC: {report.tenant_accounts:,}")
    return f" ({', '.join(others)})" if others else ""


def _group(group: Accounts, show: Callable[[str], str]) -> str:
    if not group.keys:
        return f"{group.count:,}"
    more = f", and {group.count - len(group.keys):,} more" if group.count > len(group.keys) else ""
    return f"{group.count:,}: {', '.join(show(key) for key in group.keys)}{more}"


def _rules(report: FileReport) -> list[tuple[str, ...]]:
    return [
        (rule.rule, _STATES[rule.state], rule.figure, rule.limit)
        for rule in report.rules
        if rule.state != "off"
    ]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    lines = [_HEADINGS, *(tuple(map(_plain, row)) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_HEADINGS))]
    written = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return [written[0], "  ".join("-" * width for width in widths), *written[1:]]


def _plain(text: str) -> str:
    """Return text on one line: a key may contain line ends, or what moves the cursor of a terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _code(text: str) -> str:
    """Return text as code, in which nothing is Markdown or HTML."""
    text = _plain(text)
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`" if text else ""


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    text = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for one in "\\`*_[]|#":
        text = text.replace(one, f"\\{one}")
    return text
