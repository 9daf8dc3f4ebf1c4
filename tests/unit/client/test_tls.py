"""The certificate authorities are loaded once in a process, and again where their file has changed."""

import os
import shutil

import pytest

from sailpoint_provider.client import network
from sailpoint_provider.exceptions import InvalidInputError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.certificates import make_certificates
from tests.unit.client.client_cases import HR, ONCE, Blocking, EventLoop, tenant_at

CALL = endpoints.source(API_VERSIONS["v1"], HR)


@pytest.fixture
def loaded(monkeypatch):
    """Count how often authorities are loaded, from a process that has loaded none."""
    monkeypatch.setattr(network, "_contexts", {})
    loads = []

    def counted(path, load=network.new_tls_context):
        loads.append(path)
        return load(path)

    monkeypatch.setattr(network, "new_tls_context", counted)
    return loads


@pytest.fixture
def tenant(tls_simulator, certificates, tmp_path):
    authority = tmp_path / "authority.pem"
    shutil.copy(certificates.authority, authority)
    return tenant_at(tls_simulator.url, extra={"verify": str(authority)})


def test_many_sessions_load_the_authorities_once(world, tenant, loaded):
    for _ in range(3):
        assert world.send(tenant, CALL).id == HR
    assert len(loaded) == 1


def test_a_file_that_changed_is_loaded_again(world, tenant, loaded):
    world.send(tenant, CALL)
    os.utime(tenant.ca_file, ns=(1, 1))
    assert world.send(tenant, CALL).id == HR
    assert len(loaded) == 2


def test_authorities_that_are_taken_away_are_trusted_no_longer(world, tenant, tmp_path, loaded):
    world.send(tenant, CALL)
    shutil.copy(make_certificates(tmp_path).authority, tenant.ca_file)
    os.utime(tenant.ca_file, ns=(2, 2))
    with pytest.raises(TenantUnavailableError) as failure:
        world.send(tenant, CALL, ONCE)
    assert failure.value.final


def test_tenants_of_other_authorities_do_not_share(world, tls_simulator, certificates, loaded):
    trusting = tenant_at(tls_simulator.url, extra={"verify": str(certificates.authority)})
    world.send(trusting, CALL)
    with pytest.raises(TenantUnavailableError):
        world.send(tenant_at(tls_simulator.url), CALL, ONCE)
    assert len(loaded) == 2


def test_a_file_that_is_gone_is_reported(world, tenant, loaded):
    os.remove(tenant.ca_file)
    with pytest.raises(InvalidInputError, match="does not exist"):
        world.send(tenant, CALL)


def test_both_clients_share_one_context(tenant, loaded):
    for world in (Blocking, EventLoop):
        assert world.send(tenant, CALL).id == HR
    assert len(loaded) == 1
