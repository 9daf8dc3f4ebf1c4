"""What a watcher of ended loads is asked to report, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.identifiers import id_from_user
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, KINDS
from sailpoint_provider.results import State

if TYPE_CHECKING:
    from typing import Self

    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.kinds import LoadKind

_ENDS = tuple(state for state in get_args(State) if state != "running")


@dataclass(frozen=True)
class EndedLoadsFilter:
    """
    Which ended loads are reported.

    :param source_ids: IDs of their sources in lower case, sorted; None for all sources.
    :param task_types: types of ISC's tasks, sorted.
    :param states: how they ended, sorted; None for every end.
    """

    source_ids: tuple[str, ...] | None
    task_types: tuple[str, ...]
    states: tuple[str, ...] | None

    @classmethod
    def from_arguments(cls, source_ids: Any, task_types: Any, states: Any) -> Self:
        """
        Return what these arguments name, each one value, several, or None for all.

        :raises InvalidInputError: a value is invalid, or there is none.
        """
        ids = _values(source_ids, "source_ids")
        types = _values(task_types, "task_types") or ()
        ends = _values(states, "states")
        if unknown := [one for one in ends or () if one not in _ENDS]:
            raise InvalidInputError(f"states has {unknown[0]!r}; known are {', '.join(_ENDS)}.")
        if unusual := [one for one in types if not one.isascii() or not one.replace("_", "").isalpha()]:
            raise InvalidInputError(
                f"task_types has {unusual[0]!r}; a type has only letters and underscores, such as "
                f"{ACCOUNT_AGGREGATION.task_type}."
            )
        return cls(
            None if ids is None else tuple(sorted({id_from_user(one, "source_ids").lower() for one in ids})),
            tuple(sorted(set(types))),
            None if ends is None else tuple(sorted(set(ends))),
        )

    def identity(self, *more: str) -> str:
        """Return 12 characters that are the same whenever the same is watched."""
        described = json.dumps([self.source_ids, self.task_types, self.states, *more])
        return hashlib.sha256(described.encode()).hexdigest()[:12]

    def reports(self, state: str) -> bool:
        """Return whether a load that ended so is reported."""
        return self.states is None or state in self.states


def recorded_kind(record: TaskStatus) -> LoadKind | None:
    """Return the kind of load that a task record is about; None if it is none that this package starts."""
    return next((kind for kind in KINDS.values() if kind.task_type == record.task_type), None)


def _values(given: Any, name: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    values = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else ()
    if not values or not all(isinstance(one, str) for one in values):
        raise InvalidInputError(f"{name} must be a string or several strings, not {given!r}.")
    return values
