import os
import subprocess
import sys
from pathlib import Path

from transport_cases import FAST, tenant_at

import sailpoint_provider
from sailpoint_provider.isc.errors import RateLimitError, TenantUnavailableError
from sailpoint_provider.isc.tokens import Token
from sailpoint_provider.transport.shared import scrubbed, share_of


def test_clients_of_one_credential_share_and_others_do_not():
    base = tenant_at("acme")
    assert share_of(base) is share_of(tenant_at("https://acme.api.identitynow.com"))
    others = [
        tenant_at("other"),
        tenant_at("acme", login="other"),
        tenant_at("acme", password="other"),
        tenant_at("acme", api_version="beta"),
        tenant_at("acme", extra={"token_url": "https://login.example.com"}),
    ]
    assert len({id(share_of(tenant)) for tenant in [base, *others]}) == 6


def test_a_token_that_was_replaced_is_not_dropped():
    share = share_of(tenant_at("acme"))
    old, new = Token("old", 750), Token("new", 750)
    share.keep(old, asked=1e9)
    share.keep(new, asked=1e9)
    share.drop(old)
    assert share.token() is new
    share.drop(new)
    assert share.token() is None


def test_only_a_rate_limit_or_an_outage_with_a_wish_makes_all_pause():
    share = share_of(tenant_at("acme"))
    share.heed(RateLimitError("x", status=429))
    share.heed(TenantUnavailableError("x", status=500, retry_after=50.0))
    assert share.wait_for_turn(FAST) == 0.0
    share.heed(TenantUnavailableError("x", status=503, retry_after=50.0))
    assert 49 < share.wait_for_turn(FAST) <= 50


def test_secret_and_token_are_struck_out_of_bodies():
    tenant = tenant_at("acme", password="hush")
    assert scrubbed(b"hush tok hush", tenant, None) == b"*** tok ***"
    assert scrubbed(b"hush tok hush", tenant, Token("tok", 9)) == b"*** *** ***"


ROOT = str(Path(sailpoint_provider.__file__).parents[1])
_FORK = """
import os
from sailpoint_provider.isc.tenant import Tenant
from sailpoint_provider.isc.tokens import Token
from sailpoint_provider.transport import shared

tenant = Tenant.from_connection_fields(host="acme", login="a", password="b")
share = shared.share_of(tenant)
share.keep(Token("t", 750), 1e12)
shared._lock.acquire()
pid = os.fork()
if pid == 0:
    os._exit(7 if shared.share_of(tenant) is not share and shared.share_of(tenant).token() is None else 1)
shared._lock.release()
assert shared.share_of(tenant) is share
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_process_starts_afresh_even_while_a_lock_is_held():
    done = subprocess.run([sys.executable, "-c", _FORK], timeout=20, env=os.environ | {"PYTHONPATH": ROOT})
    assert done.returncode == 7
