"""How errors leave a task: those that a retry cannot fix are ``AirflowFailException`` as well."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from sailpoint_provider.exceptions import (
    AggregationFailedError,
    ExecutionTimeoutError,
    InvalidInputError,
    SailPointError,
    rebuild,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from airflow.providers.common.compat.sdk import Context

REASON_KEY = "reason"
"""Key of the XCom that says why a task failed or was skipped; the page in Airflow shows it."""


_log = logging.getLogger(__name__)
_failing_classes: dict[type[SailPointError], type[SailPointError]] = {}


def failing_class(kind: type[SailPointError]) -> type[SailPointError]:
    """
    Return the subclass of an error class that Airflow does not retry.

    It has the name of the class itself, so that logs show the documented name.
    """
    if kind not in _failing_classes:
        members = {
            "__module__": kind.__module__,
            "__doc__": kind.__doc__,
            "__reduce__": lambda error: (_failing, (kind, error.args, error.__dict__)),
        }
        _failing_classes[kind] = type(kind.__name__, (kind, AirflowFailException), members)
    return _failing_classes[kind]


def _failing(kind: type[SailPointError], args: tuple[Any, ...], attributes: dict[str, Any]) -> SailPointError:
    return rebuild(failing_class(kind), args, attributes)


def for_airflow(error: SailPointError) -> BaseException:
    """Return the error as Airflow must see it: timeouts and final errors get Airflow's own classes."""
    if isinstance(error, ExecutionTimeoutError):
        return AirflowTaskTimeout(str(error))
    if error.final and not isinstance(error, AirflowFailException):
        return _failing(type(error), error.args, error.__dict__)
    return error


def located(error: SailPointError, place: str) -> SailPointError:
    """Return the error with a message that ends with the place, such as connection, source and file."""
    if not error.is_located:
        error.args = (f"{error} [{place}]",)
        error.is_located = True
    return error


class InvalidTriggerArgumentError(InvalidInputError, TypeError):
    """
    An argument of a trigger is invalid.

    A triggerer fails only the trigger whose constructor raises a ``TypeError``; any other error ends the
    triggerer, with all its waits. A newer worker can defer with a value that an older triggerer does not
    know.
    """


@contextmanager
def trigger_arguments() -> Iterator[None]:
    """Raise an invalid argument as the error that a triggerer survives."""
    try:
        yield
    except InvalidInputError as error:
        raise rebuild(InvalidTriggerArgumentError, error.args, error.__dict__) from None


class airflow_errors:
    """
    Raises the errors of a block as Airflow must see them.

    A class, because a generator costs every task of every DAG file another microsecond.

    :param context: the context of the running task, whose XCom ``reason`` gets the error; None
        outside of a run.
    :param place: returns where the task works, such as connection, source and file, for the messages; None
        while that is not known.
    """

    def __init__(self, context: Context | None = None, place: Callable[[], str] | None = None) -> None:
        self._context = context
        self._place = place

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Replace an error of this package."""
        if error is None:
            return
        if self._place is not None and isinstance(error, SailPointError):
            located(error, self._place())
        if self._context is not None and isinstance(error, SailPointError | AirflowSkipException):
            push_reason(error, self._context)
        if isinstance(error, SailPointError) and (seen := for_airflow(error)) is not error:
            raise seen from error.__cause__


def push_reason(error: BaseException, context: Context) -> None:
    """Push why a task fails or is skipped as an XCom; if Airflow cannot store it, the error itself counts."""
    result = error.result if isinstance(error, AggregationFailedError) else None
    reason = {"type": type(error).__name__, "message": str(error), "result": result}
    try:
        context["ti"].xcom_push(key=REASON_KEY, value=reason)
    except Exception as problem:
        _log.debug("The reason could not be stored as an XCom: %s", type(problem).__name__)
