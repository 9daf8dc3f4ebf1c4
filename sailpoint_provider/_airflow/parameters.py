"""Checks the parameters of operators, sensors and hook methods."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from sailpoint_provider.coercion import as_bool
from sailpoint_provider.coercion import seconds as seconds
from sailpoint_provider.exceptions import InvalidInputError

_MISSING = object()


def boolean(value: Any, name: str) -> bool:
    """
    Return a boolean, which a template may have turned into text.

    :raises InvalidInputError: the value is neither a boolean nor the text true or false.
    """
    known = as_bool(value)
    if known is None:
        raise InvalidInputError(f"{name} must be true or false, not {value!r}.")
    return known


def switch(value: Any, name: str) -> bool:
    """
    Return a parameter that is true or false and not a template field.

    :raises InvalidInputError: it is not a boolean; text or None would silently count as one.
    """
    if value is True or value is False:
        return value
    raise InvalidInputError(
        f"{name} must be True or False, not {value!r}. It is not a template field, so neither a template nor "
        "an XCom can set it."
    )


def one_of(value: Any, name: str, *choices: str) -> str:
    """
    Return the value if it is one of the choices.

    :raises InvalidInputError: it is not.
    """
    if value not in choices:
        raise InvalidInputError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return str(value)


def set_parameters(task: Any, **values: Any) -> None:
    """
    Set the attributes of a task, apart from those whose value is the default in its class.

    Airflow examines each attribute that a task sets, which costs time in every DAG, and most parameters have
    their default.
    """
    for name, value in values.items():
        if getattr(task, name, _MISSING) is not value:
            setattr(task, name, value)


def given_parameters(task: Any) -> tuple[str, ...]:
    """
    Return the names of the templated parameters that the DAG sets, for :func:`check_rendered`.

    Not ``approved``: a task that asks for an approval may be skipped, and without one a check decides.
    """
    return tuple(
        [
            name
            for name in task.template_fields
            if name != "approved" and getattr(task, name, None) is not None
        ]
    )


def check_rendered(task: Any, given: tuple[str, ...]) -> None:
    """
    Check that what the DAG sets is still there: an XCom of a skipped task, for example, is None.

    A mapped task is constructed at run time, with the values of its expanded parameters; these count as set.

    :param given: names of the parameters, from :func:`given_parameters`.
    :raises InvalidInputError: the value of one is None.
    """
    expanded = (name for name in _expanded(task) if name in task.template_fields and name != "approved")
    for name in (*given, *expanded):
        if getattr(task, name) is None:
            raise InvalidInputError(
                f"{name} was set, but its value is None at run time: the task that returns it was "
                "skipped or returned nothing. Nothing was sent."
            )


def _expanded(task: Any) -> Mapping[str, Any]:
    """Return what ``expand`` got, by the names of the parameters; nothing for a task that is not mapped."""
    mapped = task.dag.task_dict.get(task.task_id) if task.has_dag() else None
    value = getattr(getattr(mapped, "expand_input", None), "value", None)
    return value if isinstance(value, Mapping) else {}


def plain_path(file: Any) -> Any:
    """
    Return a ``pathlib`` path as text, and anything else unchanged.

    Airflow calls ``resolve(context)`` on a template field that has such a method, and the one of a
    ``pathlib.Path`` takes no context. An ``ObjectStoragePath``, which has a ``protocol``, is left alone.
    """
    if isinstance(file, pathlib.PurePath) and not hasattr(file, "protocol"):
        return os.fspath(file)
    return file
