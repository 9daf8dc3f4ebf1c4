"""Shows a report as a text table and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.files.check.report import Accounts, FileReport

_VERDICTS = {"passed": "PASSED", "refused": "REFUSED", "repeated": "REPEATED"}
_STATES = {"passed": "passed", "refused": "REFUSED", "repeated": "repeated", "not_checked": "not checked"}
_HEADINGS = ("Rule", "Verdict", "Figure", "Limit")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def as_text(report: FileReport) -> str:
    """Return a report as lines for a log or a terminal."""
    facts = _facts(report, _plain)
    width = max(len(name) for name, _ in facts)
    lines = [f"{_VERDICTS[report.verdict]}: {_plain(report.sentence)}", ""]
    lines += [f"{name.ljust(width)}  {value}" for name, value in facts]
    lines += ["", *_table(_rules(report))]
    if report.notes:
        lines += ["", *(f"* {_plain(note)}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def as_markdown(report: FileReport) -> str:
    """Return a report as Markdown, for an approval or an issue."""
    parts = [f"**{_VERDICTS[report.verdict].capitalize()}.** {_escaped(report.sentence)}"]
    rows = [("", ""), ("---", "---"), *_facts(report, _code)]
    parts.append("\n".join(f"| {name} | {value} |" for name, value in rows))
    table = [_HEADINGS, ("---",) * 4, *(tuple(map(_escaped, row)) for row in _rules(report))]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in table))
    if report.notes:
        parts.append("\n".join(f"- {_escaped(note)}" for note in report.notes))
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
        facts += [("Size", _size(report.size_bytes)), ("SHA-256", show(report.sha256))]
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


def _size(size: int) -> str:
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size:,} {_UNITS[0]}"
