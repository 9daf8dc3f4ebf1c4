"""The rules on what a file holds: readable, shape, keys; the one on its header is in ``judge_header``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.files.check.case import counted, listed, outcome, shortened, verb
from sailpoint_provider.files.check.csv_rows import SHOWN_LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailpoint_provider.files.check.case import Case
    from sailpoint_provider.files.check.report import RuleOutcome


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
                f"{case.name} may be truncated: its last line has no line ending, but that of the last "
                "loaded file does."
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
            "Rows were counted instead of accounts. To have accounts counted, set key to the name of that "
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


def _examples(case: Case, keys: Sequence[str]) -> str:
    """Return the first keys with their lines, or the lines alone."""
    lines = case.found.key_lines or {}
    shown = []
    for key in keys[:SHOWN_LINES]:
        places = lines.get(key) or []
        words = (
            f"{'line' if len(places) == 1 else 'lines'} {listed([f'{one:,}' for one in places])}"
            if places
            else ""
        )
        if case.shows_keys:
            shown.append(f"{shortened(key)!r}" + (f" ({words})" if words else ""))
        elif words:
            shown.append(words)
    more = ", …" if len(keys) > len(shown) else ""
    return f": {'; '.join(shown)}{more}" if shown else ""
