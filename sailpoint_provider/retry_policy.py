"""A retry policy for tasks that call ISC (Airflow 3.3 and later)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import seconds
from sailpoint_provider.exceptions import SailPointError

# Not in version_compat, which every DAG file loads: this module of Airflow takes longer than most of ours.
try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:  # Airflow 3.0 to 3.2, whose tasks have retries alone
    RetryDecision = RetryPolicy = None  # type: ignore[assignment,misc] # what is missing

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    _Base = RetryPolicy
else:
    # On an older Airflow, a DAG file can import the class, and is told what is missing when it uses it.
    _Base = RetryPolicy or object

_JITTER_SHARE = 0.1
_LONGEST_JITTER = 30.0


class SailPointRetryPolicy(_Base):
    """
    Lets a task wait as long as ISC says before its next try, and retries nothing that cannot succeed.

    - An error with a ``Retry-After`` (of a 429 or 503) is retried after that time, plus up to a tenth of it,
      so that tasks that were refused together do not come back together.
    - An error that a retry cannot fix (``final``) fails the task at once. Operators and sensors raise such
      errors as ``AirflowFailException`` anyway; with this policy a ``@task`` function with a hook fails at
      once too.
    - Everything else follows the task's ``retries`` and ``retry_delay``.

    The task's ``retries`` always limits how often it is retried.

    :param longest_delay: longest wait, in seconds or as a ``timedelta``, whatever ISC says; one day by
        default.
    :raises InvalidInputError: ``longest_delay`` is not a duration above 0.
    :raises RuntimeError: this Airflow is older than 3.3, and its tasks have no retry policies.
    """

    def __init__(self, longest_delay: float | timedelta = 86400.0) -> None:
        if RetryPolicy is None:
            raise RuntimeError(
                "SailPointRetryPolicy needs Airflow 3.3 or newer: tasks of this Airflow have no "
                "retry_policy. Set retries and retry_delay instead."
            )
        with airflow_errors():
            self.longest_delay = seconds(longest_delay, "longest_delay")

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """
        Decide about the next try.

        :param exception: why the task failed.
        :param try_number: number of the try that failed, from 1.
        :param max_tries: how often the task may be tried again.
        :param context: the task's context.
        """
        error = _sailpoint_error(exception)
        if error is None:
            return RetryDecision.default()
        if error.final:
            return RetryDecision.fail(f"A retry cannot fix this {type(error).__name__}.")
        if error.retry_after is None:
            return RetryDecision.default()
        asked = min(error.retry_after, self.longest_delay)
        jitter = random.random() * min(_LONGEST_JITTER, asked * _JITTER_SHARE)
        return RetryDecision.retry(
            timedelta(seconds=asked + jitter),
            f"ISC accepts the next request in {error.retry_after:,.0f} s.",
        )

    def serialize(self) -> dict[str, Any]:
        """Return the settings of this policy as JSON primitives."""
        return {"longest_delay": self.longest_delay}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SailPointRetryPolicy:
        """Return the policy with the settings that :meth:`serialize` returned."""
        return cls(**data)


def _sailpoint_error(exception: BaseException) -> SailPointError | None:
    """Return the error of this package that an exception is, or was raised from; None for none."""
    seen: set[int] = set()
    cause: BaseException | None = exception
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, SailPointError):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__
    return None
