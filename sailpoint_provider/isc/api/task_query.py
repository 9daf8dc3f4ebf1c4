"""Which task records to list: checked values that become ISC's filter, or are matched here."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.identifiers import id_from_user, task_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.isc.api.models import TaskStatus

_WORD = re.compile(r"[A-Za-z][A-Za-z_]*", re.ASCII)


@dataclass(frozen=True)
class TaskQuery:
    """
    A query of the list of task statuses; a record must meet every condition that is not None.

    ISC cannot filter for "not running", and the lists of running tasks in beta and v2024 cannot be filtered
    at all. Those conditions are checked with :meth:`matches`.

    :param task_ids: IDs of the tasks.
    :param source_ids: IDs of the sources that the tasks work on.
    :param types: types of task, such as ``CLOUD_ACCOUNT_AGGREGATION``.
    :param completion_statuses: completion statuses, such as ``SUCCESS``; running tasks have none.
    :param running: True for running tasks only, False for ended ones only.
    """

    task_ids: tuple[str, ...] | None = None
    source_ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    completion_statuses: tuple[str, ...] | None = None
    running: bool | None = None

    @classmethod
    def from_arguments(
        cls,
        *,
        task_ids: str | Collection[str] | None = None,
        source_ids: str | Collection[str] | None = None,
        types: str | Collection[str] | None = None,
        completion_statuses: str | Collection[str] | None = None,
        running: bool | None = None,
    ) -> TaskQuery:
        """
        Return the query for these arguments of a user, each one value or several.

        :raises InvalidInputError: a value is invalid, or ``running=True`` comes with ``completion_statuses``.
        """
        if not (running is None or isinstance(running, bool)):
            raise InvalidInputError(f"running is {running!r}; it must be True, False or None.")
        if running and completion_statuses is not None:
            raise InvalidInputError(
                "running=True and completion_statuses exclude each other: a running task has no completion "
                "status."
            )
        return cls(
            task_ids=_ids(task_ids, "task_ids", task_id),
            source_ids=_ids(source_ids, "source_ids", id_from_user),
            types=_words(types, "types"),
            completion_statuses=_words(completion_statuses, "completion_statuses"),
            running=running,
        )

    @property
    def is_empty(self) -> bool:
        """Whether no record can match, because one of the collections has no value."""
        return () in (self.task_ids, self.source_ids, self.types, self.completion_statuses)

    @property
    def only_running(self) -> bool:
        """Whether only running tasks can match."""
        return self.running is True

    @property
    def only_ended(self) -> bool:
        """Whether only ended tasks can match."""
        return self.running is False or self.completion_statuses is not None

    @property
    def filters(self) -> str | None:
        """The conditions in ISC's filter language, None for no filter."""
        fields = {
            "id": self.task_ids,
            "sourceId": self.source_ids,
            "type": self.types,
            "completionStatus": self.completion_statuses,
        }
        terms = [_term(field, values) for field, values in fields.items() if values]
        if self.only_running:
            terms.append("completionStatus isnull")
        return " and ".join(terms) or None

    def matches(self, task: TaskStatus) -> bool:
        """Return whether a record meets the conditions, except ``completion_statuses``, which ISC filters."""
        return (
            (self.running is None or self.running is (task.completion_status is None))
            and (self.task_ids is None or task.id in self.task_ids)
            and (self.source_ids is None or task.source_id in self.source_ids)
            and (self.types is None or task.task_type in self.types)
        )


def quoted(text: str) -> str:
    """Return a text as a quoted value for ISC's filters, with quotes and backslashes escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _term(field: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f"{field} eq {quoted(values[0])}"
    return f"{field} in ({', '.join(map(quoted, values))})"


def _ids(given: Any, name: str, check: Callable[[object, str], str]) -> tuple[str, ...] | None:
    values = _values(given, name)
    return None if values is None else tuple(check(value, name) for value in values)


def _words(given: Any, name: str) -> tuple[str, ...] | None:
    values = _values(given, name)
    for value in values or ():
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise InvalidInputError(
                f"{name} contains {value!r}; a value has only letters and underscores, such as "
                "CLOUD_ACCOUNT_AGGREGATION or SUCCESS."
            )
    return values


def _values(given: Any, name: str) -> tuple[Any, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Collection) or isinstance(given, bytes):
        raise InvalidInputError(f"{name} is {given!r}; it must be a string or a collection of strings.")
    return tuple(given)
