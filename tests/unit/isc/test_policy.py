"""When a failed call is tried again, and after which pause."""

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.policy import RetryPolicy
from tests.unit.isc.isc_cases import SOURCE, load_accounts

SAFE = endpoints.source(API_VERSIONS["v1"], SOURCE)


START = load_accounts(API_VERSIONS["v1"], SOURCE)


def unavailable(**details):
    return exceptions.TenantUnavailableError("x", **details)


def exhausted(error):
    error.exhausted = True
    return error


@pytest.mark.parametrize(
    ("error", "safe", "start"),
    [
        (unavailable(status=408), True, False),
        (unavailable(status=500), True, False),
        (unavailable(status=502), True, False),
        (unavailable(status=503), True, False),
        (unavailable(status=504), True, False),
        (unavailable(), True, False),
        (unavailable(sent=False), True, True),
        (unavailable(sent=False, final=True), False, False),
        (unavailable(status=503, retry_after=120.0), True, False),
        (unavailable(status=503, retry_after=120.1), False, False),
        (exceptions.RateLimitError("x", status=429), True, True),
        (exceptions.RateLimitError("x", status=429, retry_after=5.0), True, True),
        (exceptions.RateLimitError("x", status=429, retry_after=121.0), False, False),
        (exhausted(exceptions.RateLimitError("x")), False, False),
        (exhausted(unavailable(sent=False)), False, False),
        (exceptions.InvalidInputError("x", status=400), False, False),
        (exceptions.InvalidInputError("x", final=False), False, False),
        (exceptions.AuthenticationError("x", status=401), False, False),
        (exceptions.AccessDeniedError("x", status=403), False, False),
        (exceptions.UnknownAggregationError("x", status=404), False, False),
        (exceptions.ProtocolError("x"), False, False),
        (exceptions.SailPointError("x"), False, False),
        (ValueError("x"), False, False),
        (None, False, False),
    ],
)
def test_what_may_be_sent_again(error, safe, start):
    policy = RetryPolicy()
    assert policy.may_repeat(SAFE, error) is safe
    assert policy.may_repeat(START, error) is start


@pytest.mark.parametrize(
    ("attempt", "pause"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 30.0), (500, 30.0)]
)
def test_pauses_double_up_to_the_longest_and_jitter_takes_up_to_half(attempt, pause):
    policy = RetryPolicy()
    assert policy.pause(attempt, unavailable(), 1.0) == pause
    assert policy.pause(attempt, unavailable(), 0.0) == pause / 2
    assert pause / 2 < policy.pause(attempt, None, 0.3) < pause


@pytest.mark.parametrize(("effect", "jitter", "pause"), [(9.0, 0.0, 9.0), (9.0, 1.0, 10.0), (0.0, 0.5, 0.75)])
def test_retry_after_is_waited_for_in_full(effect, jitter, pause):
    assert RetryPolicy().pause(1, exceptions.RateLimitError("x", retry_after=effect), jitter) == pause
