"""How errors leave an operator: what no retry can mend also is an ``AirflowFailException``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    CheckpointError,
    ExecutionTimeoutError,
    InvalidInputError,
    SailPointError,
    TenantUnavailableError,
)

if TYPE_CHECKING:
    from types import TracebackType


class FinalInvalidInputError(InvalidInputError, AirflowFailException):
    """An :class:`~sailpoint_provider.exceptions.InvalidInputError` that fails the task without a retry."""


class FinalAuthenticationError(AuthenticationError, AirflowFailException):
    """An :class:`~sailpoint_provider.exceptions.AuthenticationError` that fails the task without a retry."""


class FinalAccessDeniedError(AccessDeniedError, AirflowFailException):
    """An :class:`~sailpoint_provider.exceptions.AccessDeniedError` that fails the task without a retry."""


class FinalTenantUnavailableError(TenantUnavailableError, AirflowFailException):
    """A certificate that is not trusted: an invalid connection, which fails the task without a retry."""


class FinalCheckpointError(CheckpointError, AirflowFailException):
    """A :class:`~sailpoint_provider.exceptions.CheckpointError` that fails the task without a retry."""


class FinalSailPointError(SailPointError, AirflowFailException):
    """Any other :class:`~sailpoint_provider.exceptions.SailPointError` that no retry can mend."""


_FINAL: dict[type[SailPointError], type[SailPointError]] = {
    InvalidInputError: FinalInvalidInputError,
    AuthenticationError: FinalAuthenticationError,
    AccessDeniedError: FinalAccessDeniedError,
    TenantUnavailableError: FinalTenantUnavailableError,
    CheckpointError: FinalCheckpointError,
}


def as_airflow_sees_it(error: SailPointError) -> SailPointError:
    """Return the error, as an ``AirflowFailException`` too where no retry can mend it."""
    if not error.final or isinstance(error, AirflowFailException):
        return error
    kind = _FINAL.get(type(error), FinalSailPointError)
    final = kind.__new__(kind)
    final.args = error.args
    final.__dict__.update(error.__dict__)
    return final


class airflow_errors:
    """
    Lets errors leave the block as Airflow should see them.

    A class, because a generator costs every task in every DAG file a microsecond more.
    """

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what Airflow should see in place of our own error."""
        if isinstance(error, ExecutionTimeoutError):
            raise AirflowTaskTimeout(str(error)) from error
        if isinstance(error, SailPointError):
            seen = as_airflow_sees_it(error)
            if seen is not error:
                raise seen from error.__cause__
