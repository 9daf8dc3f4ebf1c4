"""Why ISC does not recognize the columns of a CSV, where its message leaves that open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSAL = re.compile(
    r'column:\s*"\[(?P<unknown>.*?)\]"\s*is unknown\s*and/or\s*column:\s*"\[(?P<missing>.*?)\]"\s*is missing',
    re.IGNORECASE | re.DOTALL,
)
# The second one is the byte-order mark in UTF-8, read as Latin-1.
_MARKS = ("\ufeff", "\u00ef\u00bb\u00bf")
_QUOTES = "\"'\u201c\u201d\u2018\u2019`"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def column_advice(text: str) -> str | None:
    """
    Return advice if the rejected columns differ from the expected ones only in formatting.

    :param text: ISC's message, such as ``Column: "[ID]" is unknown and/or column: "[id]" is missing``.
    :returns: the difference and what to do; None if the columns are really different, or if the text is about
        something else.
    """
    refusal = _REFUSAL.search(text)
    if refusal is None:
        return None
    unknown, missing = _names(refusal["unknown"]), _names(refusal["missing"])
    if not unknown or not missing:
        return None
    return _separator_advice(unknown, missing) or _spelling_advice(unknown, missing)


def without_first_row(text: str) -> str:
    """
    Return ISC's message without the names that it does not know, unless they are certainly column names.

    If a file has no header, they are the values of a person.

    :param text: ISC's message, which may be about something else.
    """

    def shown(refusal: re.Match[str]) -> str:
        unknown, missing = _names(refusal["unknown"]), _names(refusal["missing"])
        # Without a missing column, the first row names all columns of the source.
        if not missing or column_advice(refusal[0]) is not None:
            return refusal[0]
        count = f"{len(unknown)} name{'' if len(unknown) == 1 else 's'} of the first line"
        start, end = (position - refusal.start() for position in refusal.span("unknown"))
        return f"{refusal[0][:start]}{count}{refusal[0][end:]}"

    return _REFUSAL.sub(shown, text)


def _separator_advice(unknown: list[str], missing: list[str]) -> str | None:
    if len(unknown) != 1:
        return None
    for separator, name in _SEPARATORS.items():
        parts = unknown[0].split(separator)
        if len(parts) > 1 and {_plain(one) for one in missing} <= {_plain(part) for part in parts}:
            return (
                f"The file separates its columns with {name}, but the source expects another delimiter: "
                "change the file, or the delimiter in the source's configuration."
            )
    return None


def _spelling_advice(unknown: list[str], missing: list[str]) -> str | None:
    """Undo one difference after the other until the columns are those expected."""
    applied: list[str] = []
    found, wanted = unknown, missing
    for undo, sentence in _DIFFERENCES:
        changed = [undo(name) for name in found]
        if changed != found or [undo(name) for name in wanted] != wanted:
            applied.append(sentence)
        found, wanted = changed, [undo(name) for name in wanted]
        if sorted(found) == sorted(wanted):
            return " ".join(applied) if applied else None
    return None


def _without_mark(name: str) -> str:
    for mark in _MARKS:
        name = name.removeprefix(mark)
    return name


def _without_quotes(name: str) -> str:
    bare = name.strip()
    return bare.strip(_QUOTES) if bare[:1] in _QUOTES or bare[-1:] in _QUOTES else name


_DIFFERENCES: tuple[tuple[Callable[[str], str], str], ...] = (
    (
        _without_mark,
        "The file begins with a byte-order mark, which ISC reads as part of the first column name: save the "
        "file as UTF-8 without it.",
    ),
    (_without_quotes, "The column names differ only in quotation marks: remove them."),
    (str.strip, "The column names differ only in surrounding spaces: remove them."),
    (
        str.casefold,
        "The column names differ only in upper and lower case: write them exactly as in the source's account "
        "schema.",
    ),
)


def _plain(name: str) -> str:
    for undo, _ in _DIFFERENCES:
        name = undo(name)
    return name


def _names(text: str) -> list[str]:
    return [name for name in text.split(", ") if name.strip()]
