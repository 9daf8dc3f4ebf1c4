"""The timeout of an upload limits a stall, not the upload; a long one reports its progress."""

from __future__ import annotations

import logging
import os

import pytest

from sailpoint_provider.client import upload_progress
from sailpoint_provider.exceptions import TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, tenant_at
from tests.unit.client.slow_server import SlowServer
from tests.unit.isc.isc_cases import load_accounts

pytestmark = pytest.mark.real_time

MIB = 1024 * 1024


@pytest.fixture(params=["http", "https"])
def authority(request, certificates):
    return certificates if request.param == "https" else None


@pytest.fixture
def large(tmp_path):
    """Return a file that fits into no buffer of a connection."""
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,name\n")
    os.truncate(path, 24 * MIB)
    return path


def send(world, server, path, certificates, **extra):
    verify = {} if certificates is None else {"verify": str(certificates.authority)}
    tenant = tenant_at(server.url, extra={**extra, **verify})
    return world.send(tenant, load_accounts(API_VERSIONS["v1"], HR, find_csv(path)), ONCE)


def test_an_upload_may_take_longer_than_its_time_out_while_something_is_taken(world, large, authority):
    with SlowServer(pause=0.08, certificates=authority) as server:
        task = send(world, server, large, authority, timeout=1, upload_timeout=1)
    assert task.file["size_bytes"] == 24 * MIB
    assert server.size > 24 * MIB
    assert server.seconds > 1


def test_an_upload_of_which_nothing_is_taken_is_given_up(world, large, authority):
    with (
        SlowServer(stops=True, certificates=authority) as server,
        pytest.raises(
            TenantUnavailableError, match=r"accepted none of the upload for 0\.3 s.*may have been started"
        ) as failure,
    ):
        send(world, server, large, authority, timeout=5, upload_timeout=0.3)
    assert failure.value.sent
    assert not failure.value.final
    assert server.size < 24 * MIB


def test_a_long_upload_shows_its_progress_in_the_log(world, large, monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="sailpoint_provider")
    monkeypatch.setattr(upload_progress, "INTERVAL", 0.2)
    with SlowServer(pause=0.03) as server:
        send(world, server, large, None)
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Sent ")]
    assert "of 24 MiB (" in said[0]
    assert "large.csv" in said[0]
    assert said[-1].startswith("Sent all 24 MiB of large.csv in ")
    assert len(said) < 24 * MIB // (256 * 1024)


def test_a_short_upload_shows_nothing(world, large, caplog):
    caplog.set_level(logging.INFO, logger="sailpoint_provider")
    with SlowServer() as server:
        send(world, server, large, None)
    assert [record for record in caplog.records if record.getMessage().startswith("Sent ")] == []
