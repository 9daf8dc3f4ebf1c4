"""ISC's filter language, as far as the lists of task statuses know it, to check it before it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([(),])|([^\s(),"]+))')
_MARKS = [(False, "("), (False, ")"), (False, ",")]
_OPERATORS = {
    "id": ("eq", "in"),
    "sourceId": ("eq", "in"),
    "type": ("eq", "in"),
    "completionStatus": ("eq", "in", "isnull"),
    "launcher": ("eq", "in"),
}


@dataclass(frozen=True)
class Condition:
    """
    One condition of a filter, for example ``completionStatus isnull``.

    :param field: name of the field.
    :param operator: ``eq``, ``in`` or ``isnull``.
    :param values: the values asked for, unescaped.
    """

    field: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, task: TaskStatus) -> bool:
        """Tell whether the task record meets the condition."""
        if self.operator == "isnull":
            return task.completion_status is None
        value = {
            "id": task.id,
            "sourceId": task.source_id,
            "type": (task.unique_name or "").upper().replace(" ", "_"),
            "completionStatus": task.completion_status,
            "launcher": task.launcher,
        }[self.field]
        return value in self.values


def parse_task_filters(text: str, generation: ApiVersion | None = None) -> tuple[Condition, ...]:
    """
    Read a filter for task statuses.

    :param generation: the API generation that will be asked, None for a filter of any of them.
    :raises InvalidInputError: it is none, or uses a field or an operator that ISC does not document for them.
    """
    words = _words(text)
    conditions = []
    while True:
        if not words:
            raise _wrong(text, "a condition is missing")
        conditions.append(_condition(text, words, generation))
        if not words:
            return tuple(conditions)
        if words.pop(0) != (False, "and"):
            raise _wrong(text, "conditions are joined with 'and'")


def _condition(text: str, words: list[tuple[bool, str]], generation: ApiVersion | None) -> Condition:
    field = words.pop(0)[1]
    operator = words.pop(0)[1] if words else ""
    if field not in _OPERATORS:
        raise _wrong(text, f"{field!r} cannot be filtered; {', '.join(_OPERATORS)} can")
    if generation is not None and field not in generation.task_filters:
        known = ", ".join(generation.task_filters)
        raise _wrong(text, f"API generation {generation.name} cannot filter by {field}; {known} can be used")
    if operator not in _OPERATORS[field]:
        raise _wrong(text, f"{field} knows {', '.join(_OPERATORS[field])}, not {operator!r}")
    if operator == "isnull":
        return Condition(field, operator)
    if operator == "eq":
        if not words or words[0] in _MARKS:
            raise _wrong(text, f"{field} eq has no value")
        return Condition(field, operator, (words.pop(0)[1],))
    return Condition(field, operator, _values(text, field, words))


def _values(text: str, field: str, words: list[tuple[bool, str]]) -> tuple[str, ...]:
    values: list[str] = []
    if not words or words.pop(0) != (False, "("):
        raise _wrong(text, f"{field} in needs values in parentheses")
    while words:
        quoted, word = words.pop(0)
        if not quoted and word == ")" and values:
            return tuple(values)
        if quoted or word != ",":
            values.append(word)
    raise _wrong(text, f"{field} in has no values, or a parenthesis is not closed")


def _words(text: str) -> list[tuple[bool, str]]:
    words = []
    position = 0
    rest = text.rstrip()
    while position < len(rest):
        match = _TOKEN.match(rest, position)
        if match is None:
            raise _wrong(text, "a quotation mark is not closed")
        quoted, mark, plain = match.groups()
        words.append(
            (True, re.sub(r"\\(.)", r"\1", quoted)) if quoted is not None else (False, mark or plain)
        )
        position = match.end()
    return words


def _wrong(text: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"The filter {text!r} cannot be used for task statuses: {why}.")
