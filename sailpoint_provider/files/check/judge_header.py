"""The rule on the header of a file. Its first row may hold values of a person, which must not be named."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.case import counted, listed, outcome, shortened, verb

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sailpoint_provider.files.check.case import Case
    from sailpoint_provider.files.check.report import RuleOutcome

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SHOWN = 5
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of control characters and of line and paragraph separators."""


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


def _header_refusal(case: Case, expected: Sequence[str] | None) -> str | None:
    columns = case.found.columns
    if case.found.header_fault is not None:
        return f"ISC would refuse {case.name}: line 1, its header, {case.found.header_fault}."
    wanted = expected or case.found.last_columns or ((case.key,) if case.key is not None else ())
    if fault := _separator_fault(columns, wanted):
        return f"ISC could not tell the columns of {case.name} apart: {fault}."
    if any(name not in wanted and _has_control(name) for name in columns):
        return (
            f"ISC would refuse {case.name}: a name in its first line contains a control character or a line "
            "separator. The header is missing, or the lines do not end with a line feed."
        )
    if wanted and not {_plain(name) for name in columns} & {_plain(name) for name in wanted}:
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
    repeated = {name: count for name, count in Counter(columns).items() if count > 1 and name.strip()}
    known = [name for name in repeated if name in wanted]
    faults += [f"column {_quoted(name)} occurs {repeated[name]} times" for name in known[:_SHOWN]]
    others = len(repeated) - len(known[:_SHOWN])
    if others == 1:
        faults.append("a column name occurs twice")
    elif others:
        faults.append(f"{others:,} column names occur more than once")
    return faults


def _differences(columns: Sequence[str], wanted: Collection[str]) -> list[str]:
    """Return what distinguishes a header from the expected one."""
    missing = {_plain(name): name for name in wanted if name not in columns}
    unknown, misspelt = [], []
    for name in dict.fromkeys(columns):
        if name in wanted or not name.strip():
            continue
        if (right := missing.pop(_plain(name), None)) is not None:
            misspelt.append(f"column {_quoted(name)} must be written {_quoted(right)}")
        else:
            unknown.append(name)
    faults = _first(misspelt, "spelled differently")
    if _is_a_header(columns, wanted, unknown):
        faults += _first([f"column {_quoted(name)} is unknown" for name in unknown], "unknown")
    elif unknown:
        faults.append(f"{counted(len(unknown), 'column')} {verb(len(unknown), 'is', 'are')} unknown")
    return faults + _first([f"column {_quoted(name)} is missing" for name in missing.values()], "missing")


def _is_a_header(columns: Sequence[str], wanted: Collection[str], unknown: Sequence[str]) -> bool:
    """
    Return whether the first row is certainly a header, so that its unknown names can be shown.

    A value of a person may equal the name of a column, or the first row may hold all rows of the file.
    """
    known = {_plain(name) for name in columns} & {_plain(name) for name in wanted}
    has_most = len(known) >= max(2, (len(wanted) + 1) // 2)
    return has_most and len(unknown) <= max(1, len(wanted) // 2)


def _first(faults: list[str], state: str) -> list[str]:
    """Return the first faults of a kind, and how many more there are."""
    more = len(faults) - _SHOWN
    if more <= 0:
        return faults
    return [*faults[:_SHOWN], f"{counted(more, 'more column')} {verb(more, 'is', 'are')} {state}"]


def _has_control(name: str) -> bool:
    return any(unicodedata.category(one) in _CONTROLS for one in name)


def _plain(name: str) -> str:
    return name.strip(" \t\ufeff\u00a0\"'").casefold()


def _quoted(name: str) -> str:
    return repr(shortened(name))


def _names(names: Collection[str]) -> str:
    shown = [shortened(name) for name in list(names)[:_SHOWN]]
    return listed(shown) if len(names) <= _SHOWN else f"{', '.join(shown)}, …"
