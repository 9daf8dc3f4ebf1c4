"""The exceptions of this package, all of them subclasses of :class:`SailPointError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sailpoint_provider.results import AggregationResult, IdentityRefreshResult, SourceReadiness


class SailPointError(Exception):
    """
    A call to Identity Security Cloud (ISC) failed, or could not be prepared.

    :param message: what was tried, how ISC responded and what to do.
    :param status: HTTP status of ISC's response; None if there was none.
    :param detail_code: ISC's ``detailCode``, such as ``400.1.3 Illegal value``; None if there was none.
    :param tracking_id: ISC's ``trackingId``, for SailPoint's support; None if there was none.
    :param retry_after: seconds that ISC asked to wait before the next request; None if it did not ask.
    :param final: True if the same attempt cannot succeed, so that a retry is pointless; None for the default
        of the class.
    """

    final: bool = False
    sent: bool = True
    """False if the request certainly had no effect: it was not sent, or ISC refused it."""

    exhausted: bool = False
    """True if the client has already used up its retries for this call."""

    is_located: bool = False
    """True if the message already names the task's connection, source and file."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        detail_code: str | None = None,
        tracking_id: str | None = None,
        retry_after: float | None = None,
        final: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail_code = detail_code
        self.tracking_id = tracking_id
        self.retry_after = retry_after
        if final is not None:
            self.final = final

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes, because the constructors differ."""
        return rebuild, (type(self), self.args, self.__dict__)


class InvalidInputError(SailPointError):
    """A parameter, connection or file is invalid; also ISC's 400 and 410, and its 404 for a source."""

    final = True


class FileRefusedError(InvalidInputError):
    """
    A check refused the file, so nothing was sent; or ISC refused it (400) and loaded nothing.

    :param message: what loading the file would have done, or what ISC says.
    :param report: the report of the check as JSON primitives; see
        :class:`~sailpoint_provider.files.check.report.FileReport`. None if ISC refused the file.
    """

    def __init__(self, message: str = "", *, report: Mapping[str, Any] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.report = dict(report) if report is not None else None


class FileRepeatedError(InvalidInputError):
    """
    The file has the same bytes as the last one that was loaded, and such a file is skipped.

    :param message: which file it repeats.
    :param report: the report of the check as JSON primitives.
    """

    def __init__(self, message: str = "", *, report: Mapping[str, Any], **details: Any) -> None:
        super().__init__(message, **details)
        self.report = dict(report)


class AuthenticationError(SailPointError):
    """ISC rejects the credentials (final), or a token that it has just issued (not final)."""


class AccessDeniedError(SailPointError):
    """ISC's 403: the credentials are valid but lack a scope, a user level or a user."""

    final = True


class RateLimitError(SailPointError):
    """ISC's 429, after all retries that the retry policy allows."""


class TenantUnavailableError(SailPointError):
    """
    No usable response: no connection, no response in time, or ISC's 408 or 5xx.

    :param sent: False if the request certainly had no effect: it was not sent, or ISC refused it.
    """

    def __init__(self, message: str = "", *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class AggregationAlreadyRunningError(SailPointError):
    """Another aggregation of the source is running, so nothing was started; ISC does not queue."""


class AggregationFailedError(SailPointError):
    """
    The aggregation failed, was cancelled or was terminated, or had warnings with ``fail_on_warning``.

    :param result: the result of the aggregation.
    :param message: how it ended, with ISC's messages.
    """

    def __init__(self, result: AggregationResult, message: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.result = result


class RefreshFailedError(SailPointError):
    """
    A part of an identity refresh failed, or had warnings with ``fail_on_warning``.

    :param result: the result of the refresh.
    :param message: which parts failed, with ISC's messages.
    """

    def __init__(self, result: IdentityRefreshResult, message: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.result = result


class SourceNotReadyError(SailPointError):
    """
    A source cannot be loaded now: ISC cannot log in to it, or reports that it is not healthy.

    :param sources: what the check found, one entry per source.
    :param message: which sources are not ready, and why.
    """

    def __init__(self, sources: Sequence[SourceReadiness], message: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.sources = list(sources)


class AggregationTimeoutError(SailPointError):
    """The aggregation did not end in time. It is still running in ISC, which has no API to cancel it."""


class ExecutionTimeoutError(AggregationTimeoutError):
    """The task's ``execution_timeout`` passed first; the operator raises it as ``AirflowTaskTimeout``."""


class UnknownAggregationError(SailPointError):
    """ISC does not know the aggregation: it never existed, or its record has expired."""


class CheckpointError(SailPointError):
    """Airflow's task state store cannot be read, or cannot store what a later try must know."""


class ProtocolError(SailPointError):
    """A response is not what ISC documents: not JSON, malformed, a redirect, too big or without a result."""


def rebuild(kind: type[SailPointError], args: tuple[Any, ...], attributes: dict[str, Any]) -> SailPointError:
    """Return an error of this class without calling its constructor, for pickle."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
