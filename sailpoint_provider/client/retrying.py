"""One retry policy for both transports, in the words of tenacity."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

from tenacity import retry_if_exception, stop_after_attempt

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from sailpoint_provider.client.attempt import Deadline
    from sailpoint_provider.isc.api.endpoints import Request
    from sailpoint_provider.isc.policy import RetryPolicy

log = logging.getLogger(__name__)


def retrying_options(call: Request[Any], policy: RetryPolicy, deadline: Deadline) -> dict[str, Any]:
    """
    Return the arguments with which ``Retrying`` and ``AsyncRetrying`` follow the policy for this call.

    A pause ends at the deadline, and the attempt after it finds that there is no time left.
    """

    def wait(state: RetryCallState) -> float:
        return deadline.bounded(policy.pause(state.attempt_number, _error(state), random.random()))

    def tell(state: RetryCallState) -> None:
        deadline.last_error = _error(state)
        if state.upcoming_sleep < deadline.left():
            log.info("Trying again in %.1f s: %s", state.upcoming_sleep, deadline.last_error)
        else:
            log.info("Not trying again, because the deadline comes first: %s", deadline.last_error)

    return {
        "retry": retry_if_exception(lambda error: policy.may_repeat(call, error)),
        "wait": wait,
        "stop": stop_after_attempt(policy.attempts),
        "before_sleep": tell,
        "reraise": True,
    }


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
