"""What can go wrong with Identity Security Cloud, as one tree of exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailpoint_provider.results import AggregationResult


class SailPointError(Exception):
    """
    Any failure of a call to Identity Security Cloud, or of preparing one.

    :param message: a sentence for a person: what was tried, on what, what ISC answered, what to do.
    :param status: HTTP status of ISC's answer; None where nothing was answered.
    :param detail_code: ISC's ``detailCode``, such as ``400.1.3 Illegal value``; None where there was none.
    :param tracking_id: ISC's ``trackingId``, which SailPoint's support asks for; None where none was given.
    :param retry_after: seconds that ISC asked to wait before the next request, None where it did not.
    :param final: True where the same attempt can never succeed, so that no retry is worth it;
        None takes the default of the class.
    """

    final: bool = False
    sent: bool = True
    """False once it is certain that the request had no effect: it never left, or ISC refused it."""

    exhausted: bool = False
    """True once a transport has given up on the call, so that nobody around it retries it again."""

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
        """Pickle by attributes, because the constructors of the tree differ."""
        return _rebuild, (type(self), self.args, self.__dict__)


class InvalidInputError(SailPointError):
    """A parameter, a connection or a file that cannot work as given; ISC's 400, 410 and a source's 404."""

    final = True


class AuthenticationError(SailPointError):
    """ISC does not accept the credentials (final), or rejects a token that it has just issued (not final)."""


class AccessDeniedError(SailPointError):
    """ISC's 403: the credentials are good but lack a scope, a user level or a user."""

    final = True


class RateLimitError(SailPointError):
    """ISC's 429, still there after all the waiting that the retry policy allows."""


class TenantUnavailableError(SailPointError):
    """
    No usable answer: no connection, no answer in time, or ISC answered 408 or 5xx.

    :param sent: False where it is certain that the request had no effect: it never left, or ISC refused it.
    """

    def __init__(self, message: str = "", *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class AggregationAlreadyRunningError(SailPointError):
    """ISC refused the start because an aggregation of that source is running; it does not queue."""


class AggregationFailedError(SailPointError):
    """
    The aggregation ended, and not well.

    :param result: the result of the aggregation, as an operator would have returned it.
    :param message: a sentence for a person; by default made from the result.
    """

    def __init__(self, result: AggregationResult, message: str | None = None, **details: Any) -> None:
        super().__init__(_sentence(result) if message is None else message, **details)
        self.result = result


class AggregationTimeoutError(SailPointError):
    """The aggregation did not end in time. It goes on in ISC, which has no call to stop it."""


class ExecutionTimeoutError(AggregationTimeoutError):
    """The task's ``execution_timeout`` was over first; leaves an operator as ``AirflowTaskTimeout``."""


class UnknownAggregationError(SailPointError):
    """ISC does not know the aggregation: it never was, or its record is gone."""


class CheckpointError(SailPointError):
    """Airflow's task state store cannot be read, or cannot keep what a later try must know."""


class ProtocolError(SailPointError):
    """
    An answer that is not what ISC documents: not JSON, another shape, a redirect, or no result at all.

    So is one that does not end, in time or in size.
    """


def _sentence(result: AggregationResult) -> str:
    state = result["state"].replace("_", " ")
    source = result["source_name"] or result["source_id"] or "unknown"
    words = [f"Account aggregation {result['aggregation_id']} of source {source!r} ended as {state}"]
    words.append(f" (completionStatus {result['completion_status']}, status {result['status']}).")
    texts = [message["text"] for message in result["messages"] if message["text"]]
    if texts:
        words.append(" ISC says: " + " | ".join(texts))
    if result["completion_status"] is not None and _is_temporary(result["completion_status"]):
        words.append(" ISC calls this error temporary: a retry is worth it.")
    return "".join(words)


def _is_temporary(completion_status: str) -> bool:
    return completion_status.upper().replace("_", "").replace(" ", "") == "TEMPERROR"


def _rebuild(kind: type[SailPointError], args: tuple[Any, ...], attributes: dict[str, Any]) -> SailPointError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
