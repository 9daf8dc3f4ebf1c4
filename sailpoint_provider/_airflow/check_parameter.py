"""Reads the parameter ``check`` of a task, without the modules that check a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.files.check import FileCheck

REPORT_KEY = "file_report"
"""Key of the XCom with the report of a check."""


def validate_check(check: Any) -> None:
    """
    Check the parameter ``check`` when the DAG is parsed; what needs no import is not imported.

    :raises InvalidInputError: as :func:`read_check`.
    """
    if check is not None and not isinstance(check, bool):
        read_check(check, default=True)


def read_check(check: Any, *, default: bool) -> FileCheck | None:
    """
    Return the check that a parameter describes, None for none.

    :param check: a :class:`FileCheck`, its settings as a mapping, a boolean, or None for the default.
    :param default: whether a file is checked if the parameter is None.
    :raises InvalidInputError: the parameter is none of these, or a setting is invalid.
    """
    from sailpoint_provider.files.check import FileCheck

    if check is None:
        check = default
    if isinstance(check, FileCheck):
        return check
    if isinstance(check, Mapping):
        return FileCheck.from_json(check)
    if not isinstance(check, bool):
        raise InvalidInputError(f"check must be a FileCheck, its settings, true or false, not {check!r}.")
    return FileCheck() if check else None
