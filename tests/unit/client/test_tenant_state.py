import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import sailpoint_provider
from sailpoint_provider.client import tenant_state
from sailpoint_provider.client.request_budget import RequestBudget
from sailpoint_provider.client.tenant_state import TenantState, redacted, state_of
from sailpoint_provider.exceptions import RateLimitError, TenantUnavailableError
from sailpoint_provider.isc.tenant.oauth import Token
from tests.unit.client.client_cases import FAST, tenant_at


def test_clients_of_one_credential_share_and_others_do_not():
    base = tenant_at("acme")
    assert state_of(base) is state_of(tenant_at("https://acme.api.identitynow.com"))
    others = [
        tenant_at("other"),
        tenant_at("acme", login="other"),
        tenant_at("acme", password="other"),
        tenant_at("acme", api_version="beta"),
        tenant_at("acme", extra={"token_url": "https://login.example.com"}),
    ]
    assert len({id(state_of(tenant)) for tenant in [base, *others]}) == 6


def test_a_token_that_was_replaced_is_not_dropped():
    share = state_of(tenant_at("acme"))
    old, new = Token("old", 750), Token("new", 750)
    share.keep(old, asked=1e9)
    share.keep(new, asked=1e9)
    share.drop(old)
    assert share.token() is new
    share.drop(new)
    assert share.token() is None


def test_secrets_of_one_client_id_share_a_budget_because_isc_counts_them_together():
    base = tenant_at("acme")
    for other in (tenant_at("acme", password="other"), tenant_at("acme", extra={"timeout": 5})):
        assert state_of(other).budget is state_of(base).budget
    for other in (
        tenant_at("acme", login="other"),
        tenant_at("acme", api_version="beta"),
        tenant_at("other"),
    ):
        assert state_of(other).budget is not state_of(base).budget


def test_the_newest_setting_of_the_budget_counts():
    share = state_of(tenant_at("acme", extra={"requests_per_10s": 80}))
    assert state_of(tenant_at("acme", extra={"requests_per_10s": 20})).budget is share.budget
    assert share.budget.requests_per_10s == 20


@pytest.mark.parametrize(
    "error",
    [
        TenantUnavailableError("x", status=500, retry_after=50.0),
        TenantUnavailableError("x", status=503),
        TenantUnavailableError("x"),
    ],
)
def test_an_outage_without_a_retry_after_makes_nobody_pause(error):
    share = state_of(tenant_at("acme"))
    share.on_throttled(error)
    assert share.reserve(FAST).seconds == 0.0


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TenantUnavailableError("x", status=503, retry_after=50.0), 50),
        (RateLimitError("x", status=429, retry_after=50.0), 50),
        (RateLimitError("x", status=429), 1),
    ],
)
def test_retry_after_makes_all_pause(error, seconds):
    share = state_of(tenant_at("acme"))
    share.on_throttled(error)
    assert seconds - 1 < share.reserve(FAST).seconds <= seconds


def test_a_rate_limit_makes_the_budget_smaller_and_an_outage_does_not():
    outage, limited = state_of(tenant_at("acme")), state_of(tenant_at("other"))
    outage.on_throttled(TenantUnavailableError("x", status=503, retry_after=1.0))
    limited.on_throttled(RateLimitError("x", status=429, retry_after=1.0))
    now = time.monotonic()
    assert limited.budget.rate(now) < outage.budget.rate(now)


def test_processes_come_back_from_a_pause_one_after_the_other(monkeypatch):
    pauses = []
    for jitter in (0.0, 0.5, 1.0):
        monkeypatch.setattr(tenant_state, "random", SimpleNamespace(random=lambda jitter=jitter: jitter))
        share = TenantState(RequestBudget(50))
        share.on_throttled(RateLimitError("x", status=429, retry_after=10.0))
        pauses.append(share.reserve(FAST).seconds)
    assert pauses == [
        pytest.approx(10.0, abs=0.5),
        pytest.approx(11.0, abs=0.5),
        pytest.approx(12.0, abs=0.5),
    ]


def test_a_turn_given_before_a_pause_is_void():
    share = state_of(tenant_at("acme"))
    turn = share.reserve(FAST)
    assert share.still_holds(turn)
    share.on_throttled(RateLimitError("x", status=429, retry_after=1.0))
    assert not share.still_holds(turn)
    assert share.still_holds(share.reserve(FAST))


def test_secret_and_token_are_struck_out_of_bodies():
    tenant = tenant_at("acme", password="hush")
    assert redacted(b"hush tok hush", tenant, None) == b"*** tok ***"
    assert redacted(b"hush tok hush", tenant, Token("tok", 9)) == b"*** *** ***"


ROOT = str(Path(sailpoint_provider.__file__).parents[1])
_FORK = """
import os
from sailpoint_provider.isc.tenant.config import Tenant
from sailpoint_provider.client.request_budget import RequestBudget
from sailpoint_provider.isc.tenant.oauth import Token
from sailpoint_provider.client import tenant_state

tenant = Tenant.from_connection_fields(host="acme", login="a", password="b")
share = tenant_state.state_of(tenant)
share.keep(Token("t", 750), 1e12)
tenant_state._lock.acquire()
pid = os.fork()
if pid == 0:
    fresh = tenant_state.state_of(tenant)
    os._exit(7 if fresh is not share and fresh.token() is None else 1)
tenant_state._lock.release()
assert tenant_state.state_of(tenant) is share
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_process_starts_afresh_even_while_a_lock_is_held():
    done = subprocess.run([sys.executable, "-c", _FORK], timeout=20, env=os.environ | {"PYTHONPATH": ROOT})
    assert done.returncode == 7


def test_a_request_that_would_wait_too_long_takes_nothing_from_the_others():
    budget = RequestBudget(1)
    now = 1000.0
    waits = [budget.reserve(now, 120.0) for _ in range(100)]
    granted = [wait for wait in waits if wait <= 120.0]
    assert len(granted) == 10  # 0.08 requests per second, and one at once
    assert set(waits[10:]) == {waits[10]}
    assert budget.reserve(now + 60.0, 120.0) <= 120.0
