r"""The filter grammar of ISC's collections: ``name eq "A \"quoted\" name" and id in ("1", "2")``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import ApiError, error_answer, illegal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<mark>[(),])|(?P<word>[^\s"(),]+))')
_PARTIAL = frozenset({"sw", "co"})
_OPERATORS = frozenset({"eq", "ne", "in", "sw", "co", "isnull", "gt", "ge", "lt", "le"})


class IllegalFilter(Exception):
    """The filter is malformed, or the collection does not support its field or operator."""


class BrokenFilter(Exception):
    """The filter names a field that ISC answers with a 500."""


@dataclass(frozen=True)
class Comparison:
    """One term of a filter.

    :param field: name of the field.
    :param operator: operator, such as ``eq`` or ``in``.
    :param values: values to compare with; empty for ``isnull``.
    """

    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, actual: Any) -> bool:
        """Whether a record with this value matches."""
        if self.operator == "isnull":
            return actual is None
        if isinstance(actual, bool):
            actual = "true" if actual else "false"
        value = self.values[0] if self.values else ""
        match self.operator:
            case "eq" | "in":
                return actual in self.values
            case "ne":
                return bool(actual != value)
            case "sw":
                return actual is not None and str(actual).startswith(value)
            case "co":
                return actual is not None and value in str(actual)
        return actual is not None and _ordered(self.operator, str(actual), value)


def _ordered(operator: str, actual: str, value: str) -> bool:
    return {
        "gt": actual > value,
        "ge": actual >= value,
        "lt": actual < value,
        "le": actual <= value,
    }[operator]


@dataclass(frozen=True)
class Field:
    """A field that a collection can be filtered by.

    :param operators: operators that it supports.
    :param fold: normalizes a whole value before it is compared; raises ValueError if the field cannot have
        that value.
    """

    operators: frozenset[str]
    fold: Callable[[str], str] = str


def fields(**operators: str) -> dict[str, Field]:
    """Build a field table from ``name="eq in"``; a double underscore in a name stands for a dot."""
    return {name.replace("__", "."): Field(frozenset(allowed.split())) for name, allowed in operators.items()}


def parse(text: str, known: Mapping[str, Field], broken: frozenset[str] = frozenset()) -> list[Comparison]:
    """Parse a filter whose terms are joined with ``and``.

    :param text: the filter; an empty one matches everything.
    :param known: fields of the collection.
    :param broken: fields that raise :class:`BrokenFilter`.
    :raises IllegalFilter: if it is malformed or unsupported.
    """
    tokens = _tokens(text)
    comparisons: list[Comparison] = []
    at = 0
    while at < len(tokens):
        if comparisons:
            if tokens[at] != ("word", "and"):
                raise IllegalFilter(f'Expected "and", found {tokens[at][1]!r}')
            at += 1
        comparison, at = _comparison(tokens, at)
        comparisons.append(_checked(comparison, known, broken))
    return comparisons


def filters_of(
    query: Mapping[str, str], known: Mapping[str, Field], broken: frozenset[str] = frozenset()
) -> list[Comparison]:
    """Read the ``filters`` parameter, or end the call with 400, or 500 for a field that breaks ISC."""
    try:
        return parse(query.get("filters", ""), known, broken)
    except IllegalFilter as error:
        raise illegal(str(error)) from error
    except BrokenFilter as error:
        raise ApiError(error_answer(500, "An unexpected error occurred.")) from error


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise IllegalFilter(f"Cannot read the filter from character {at + 1}")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        tokens.append((kind, value))
        at = match.end()
    return tokens


def _comparison(tokens: list[tuple[str, str]], at: int) -> tuple[Comparison, int]:
    if at + 1 >= len(tokens) or tokens[at][0] != "word" or tokens[at + 1][0] != "word":
        raise IllegalFilter("A field and an operator are expected")
    field, operator = tokens[at][1], tokens[at + 1][1]
    if operator not in _OPERATORS:
        raise IllegalFilter(f'Unknown operator "{operator}"')
    at += 2
    if operator == "isnull":
        return Comparison(field, operator, ()), at
    if operator == "in":
        values, at = _listed(tokens, at)
        return Comparison(field, operator, values), at
    if at >= len(tokens) or tokens[at][0] == "mark":
        raise IllegalFilter(f'A value is expected after "{field} {operator}"')
    return Comparison(field, operator, (tokens[at][1],)), at + 1


def _listed(tokens: list[tuple[str, str]], at: int) -> tuple[tuple[str, ...], int]:
    values: list[str] = []
    expected = "("
    while at < len(tokens):
        kind, value = tokens[at]
        at += 1
        if expected in "(,":
            if kind == "mark" and value == ")" and values:
                return tuple(values), at
            if (kind, value) != ("mark", expected):
                break
            expected = "value"
        else:
            if kind == "mark":
                break
            values.append(value)
            expected = ","
    raise IllegalFilter('A list such as ("a", "b") is expected after "in"')


def _checked(
    comparison: Comparison, known: Mapping[str, Field], broken: frozenset[str] = frozenset()
) -> Comparison:
    if comparison.field in broken:
        raise BrokenFilter(comparison.field)
    field = known.get(comparison.field)
    if field is None:
        raise IllegalFilter(f'Filtering on field "{comparison.field}" is not supported')
    if comparison.operator not in field.operators:
        raise IllegalFilter(
            f'Operator "{comparison.operator}" is not supported for field "{comparison.field}"'
        )
    if comparison.operator in _PARTIAL:
        return comparison
    try:
        values = tuple(field.fold(value) for value in comparison.values)
    except ValueError as error:
        raise IllegalFilter(str(error)) from error
    return Comparison(comparison.field, comparison.operator, values)
