"""The rules on what a file holds: readable, header, shape, keys."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.case import counted, listed, outcome, shortened, verb

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sailpoint_provider.files.check.case import Case
    from sailpoint_provider.files.check.report import RuleOutcome

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SHOWN = 5


def readable(case: Case) -> RuleOutcome:
    """Refuse what is not UTF-8 text."""
    if case.found.not_text is None:
        content = case.found.content
        marked = content is not None and content.has_mark
        return outcome("readable", None, "UTF-8 with a byte-order mark" if marked else "UTF-8")
    return outcome(
        "readable",
        f"ISC could not read {case.name}: it is {case.found.not_text}. Export it again as CSV in UTF-8.",
    )


def header(case: Case) -> RuleOutcome:
    """Refuse columns that the source does not expect or lacks, that occur twice, or in the wrong case."""
    if case.found.not_text is not None:
        return case.without_rows("header")
    columns = case.found.columns
    expected = case.facts.columns if case.facts is not None else None
    figure = counted(len(columns), "column")
    refusal = _header_refusal(case, expected)
    if refusal is not None or expected is not None:
        return outcome("header", refusal, figure, counted(len(expected), "column") if expected else "")
    instead = "Only duplicate column names were looked for"
    if case.found.last_columns is not None:
        instead = "The header was compared with that of the last loaded file"
    return case.lacking("header", "columns", f"{instead}.", figure=figure, is_partly_checked=True)


def shape(case: Case) -> RuleOutcome:
    """
    Refuse rows that are not as RFC 4180 says, and a last line that breaks off.

    RFC 4180 lets the last line end without a line feed, so a file that is cut within its last value is
    complete by its shape. But a program that wrote one the last time writes one every time.
    """
    faults = case.found.faults
    if faults is None:
        if case.found.rows is None:
            return case.without_rows("shape")
        refusal = None
        content = case.found.content
        ends = content is None or content.ends_a_line or not case.found.rows
        if case.found.last_ends_a_line and not ends:
            refusal = (
                f"Loading {case.name} could lose its end: its last line breaks off without a line end, which "
                "the last loaded file has."
            )
        return outcome("shape", refusal, counted(case.found.rows, "row"))
    count = counted(faults.count, "row") if faults.is_counted else f"{faults.count:,} rows or more"
    more = ", …" if faults.count > len(faults.first) else ""
    return outcome(
        "shape",
        f"Loading {case.name} would lose {case.noun}s or mix up their values, because "
        f"{count} {verb(faults.count, 'is', 'are')} malformed: {'; '.join(faults.first)}{more}.",
        count,
    )


def keys(case: Case) -> RuleOutcome:
    """Refuse rows without a key, and keys that occur twice unless the source merges rows."""
    if case.obstacle is not None:
        return case.without_rows("keys")
    found = case.found.keys
    if case.key is None:
        instead = (
            "Rows were counted in place of accounts. To have accounts counted, set key to the name of that "
            "column."
        )
        return case.lacking("keys", "identity_attribute", instead)
    if found is None:
        return outcome("keys", f"{case.name} has no column {case.key!r}, which identifies an {case.noun}.")
    faults = []
    if found.blank_rows:
        faults.append(
            f"{counted(found.blank_rows, 'row')} {verb(found.blank_rows, 'has', 'have')} no {case.key}"
        )
    if found.repeated.count and not case.merges_rows:
        repeated = found.repeated
        faults.append(
            f"{counted(repeated.count, 'key')} {verb(repeated.count, 'occurs', 'occur')} more than once"
            f"{_examples(case, repeated.keys)}"
        )
    if found.padded.count:
        faults.append(
            f"{counted(found.padded.count, 'key')} "
            f"{verb(found.padded.count, 'begins or ends', 'begin or end')} with a space"
            f"{_examples(case, found.padded.keys)}"
        )
    figure = f"{case.key}: {counted(found.accounts, case.noun)}"
    if not faults:
        return outcome("keys", None, figure)
    return outcome("keys", f"Loading {case.name} would mix up {case.noun}s: {listed(faults)}.", figure)


def _header_refusal(case: Case, expected: Sequence[str] | None) -> str | None:
    columns = case.found.columns
    if case.found.header_fault is not None:
        return f"ISC would refuse {case.name}: line 1, its header, {case.found.header_fault}."
    wanted = expected or case.found.last_columns or ((case.key,) if case.key is not None else ())
    if fault := _separator_fault(columns, wanted):
        return f"ISC could not tell the columns of {case.name} apart: {fault}."
    if wanted and not {_plain(name) for name in columns} & {_plain(name) for name in wanted}:
        # Without a header the first row holds values of a person, which must not be named.
        return (
            f"ISC would refuse {case.name}: its first line names none of the columns {_names(wanted)}. The "
            "header is missing, or the file is that of another source."
        )
    faults = _repeated_columns(columns, wanted)
    if expected or case.found.last_columns:
        faults += _differences(columns, wanted)
    elif case.key is not None and case.key not in columns:
        faults += _differences([name for name in columns if _plain(name) == _plain(case.key)], wanted)
    if faults:
        return f"ISC would refuse {case.name}: {listed(faults)}."
    if case.found.keys is not None and case.found.keys.headers.count:
        lines = (case.found.key_lines or {}).get(case.found.keys.headers.keys[0]) or ()
        where = f" on line {lines[0]:,}" if lines else ""
        return (
            f"Loading {case.name} would load a repeated header{where} as an {case.noun}. The file seems "
            "to be several files joined together."
        )
    return None


def _separator_fault(columns: Sequence[str], wanted: Collection[str]) -> str | None:
    if len(columns) > max(len(wanted) // 2, 1):
        return None
    for separator, words in _SEPARATORS.items():
        if any(separator in name for name in columns) and not any(separator in name for name in wanted):
            return f"they are separated by {words}, not by commas. Export the file with commas"
    return None


def _repeated_columns(columns: Sequence[str], wanted: Collection[str]) -> list[str]:
    faults = []
    if unnamed := sum(1 for name in columns if not name.strip()):
        faults.append(f"{counted(unnamed, 'column')} {verb(unnamed, 'has', 'have')} no name")
    for name, count in Counter(columns).items():
        if count > 1 and name.strip():
            faults.append(
                f"column {name!r} occurs {count} times" if name in wanted else "a column name occurs twice"
            )
    return faults


def _differences(columns: Sequence[str], wanted: Collection[str]) -> list[str]:
    """Return what distinguishes a header from the expected one."""
    missing = {_plain(name): name for name in wanted if name not in columns}
    unknown = [name for name in dict.fromkeys(columns) if name not in wanted and name.strip()]
    faults = []
    for name in unknown:
        if (right := missing.pop(_plain(name), None)) is not None:
            faults.append(f"column {name!r} must be written {right!r}")
        else:
            faults.append(f"column {name!r} is unknown")
    return faults + [f"column {name!r} is missing" for name in missing.values()]


def _plain(name: str) -> str:
    return name.strip(" \t\ufeff\u00a0\"'").casefold()


def _names(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    return listed(shown) if len(names) <= _SHOWN else f"{', '.join(shown)}, …"


def _examples(case: Case, keys: Sequence[str]) -> str:
    """Return the first keys with their lines, or the lines alone."""
    lines = case.found.key_lines or {}
    shown = []
    for key in keys[:_SHOWN]:
        places = lines.get(key) or []
        words = (
            f"{'line' if len(places) == 1 else 'lines'} {listed([f'{one:,}' for one in places])}"
            if places
            else ""
        )
        if case.rules.show_keys:
            shown.append(f"{shortened(key)!r}" + (f" ({words})" if words else ""))
        elif words:
            shown.append(words)
    more = ", …" if len(keys) > len(shown) else ""
    return f": {'; '.join(shown)}{more}" if shown else ""
