"""Connections: the forms they come in, and what the test button says about each broken part."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import pytest

from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import DIRECTORY, connect

WORLDS = pytest.mark.parametrize("world", ["blocking", "event loop"])


def verdict(world="blocking", **settings):
    hook = SailPointHook(**settings)
    return hook.test_connection() if world == "blocking" else asyncio.run(hook.atest_connection())


@WORLDS
def test_a_good_connection_is_really_used(tenant, world):
    good, words = verdict(world)
    assert good
    assert tenant.server.url in words
    assert tenant.calls() == ["token", "list_sources"]


@WORLDS
@pytest.mark.parametrize("api_version", ["v2024", "beta"])
def test_the_named_api_version_is_tried(tenant, world, api_version):
    tenant.connect(extra={"api_version": api_version})
    good, words = verdict(world)
    assert good
    assert api_version in words
    assert tenant.control.requests()[-1]["api_version"] == api_version


@WORLDS
@pytest.mark.parametrize(
    ("fields", "part", "advice"),
    [
        ({"host": "http://127.0.0.1:1"}, "Host unreachable", "127.0.0.1:1"),
        ({"host": "https://acme.identitynow.com"}, "Connection", "https://acme.api.identitynow.com"),
        ({"host": ""}, "Connection", "no host"),
        ({"host": "http://acme.example.org"}, "Connection", "https"),
        ({"host": "https://acme.api.identitynow.com/v3"}, "Connection", "api_version"),
        ({"login": ""}, "Connection", "login"),
        ({"password": ""}, "Connection", "password"),
        ({"password": "another-secret"}, "Credentials refused", "client secret"),
        ({"login": "another-client"}, "Credentials refused", "client ID"),
        ({"extra": {"api_version": "v3"}}, "Connection", "v3"),
        ({"extra": {"timeout": 0}}, "Connection", "timeout"),
        ({"extra": {"verify": False}}, "Connection", "verify"),
        ({"extra": {"apiversion": "v1"}}, "Connection", "apiversion"),
    ],
    ids=str,
)
def test_the_wrong_field_is_named(tenant, world, fields, part, advice):
    tenant.connect(**fields)
    good, words = verdict(world)
    assert not good
    assert words.startswith(part)
    assert advice in words


@WORLDS
def test_a_missing_scope_is_named(tenant, world):
    tenant.client(scopes=["idn:task-management:read"])
    good, words = verdict(world)
    assert not good
    assert words.startswith("Scope or user level missing")
    assert "idn:sources:read" in words


@WORLDS
def test_a_retired_api_version_is_named(tenant, world):
    tenant.connect(extra={"api_version": "v2024"})
    tenant.control.api_version("v2024", retired=True)
    good, words = verdict(world)
    assert not good
    assert words.startswith("Wrong host or API version")
    assert "api_version" in words


@WORLDS
def test_a_host_without_the_api_version_is_named(tenant, world):
    tenant.control.fault("answer", path="sources", status=404)
    good, words = verdict(world)
    assert (good, words.partition(":")[0]) == (False, "Wrong host or API version")


@WORLDS
@pytest.mark.parametrize("path", ["oauth/token", "sources"])
@pytest.mark.parametrize("kind", ["html", "redirect"])
def test_a_host_that_is_no_api_is_named(tenant, world, path, kind):
    tenant.control.fault(kind, path=path)
    good, words = verdict(world)
    assert not good
    assert words.startswith("No Identity Security Cloud API at this host")


@WORLDS
@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ({"kind": "answer", "status": 503}, "Tenant unavailable"),
        ({"kind": "rate_limit", "retry_after": 600}, "Rate limit exceeded"),
        ({"kind": "reset"}, "Host unreachable"),
    ],
    ids=str,
)
def test_trouble_of_the_tenant_is_distinguished_from_a_wrong_connection(tenant, world, fault, part):
    tenant.control.fault(path="sources", **fault)
    good, words = verdict(world)
    assert not good
    assert words.startswith(part)


@WORLDS
def test_a_missing_connection_is_reported(world):
    good, words = verdict(world, sailpoint_conn_id="no_such_tenant")
    assert not good
    assert "no_such_tenant" in words


def test_a_connection_may_be_a_uri_with_port_and_schema(tenant, monkeypatch):
    there = urlsplit(tenant.server.url)
    uri = (
        f"sailpoint://{tenant.client_id}:{tenant.client_secret}@{there.hostname}:{there.port}/http"
        "?api_version=v2025&timeout=7"
    )
    monkeypatch.setenv("AIRFLOW_CONN_SAILPOINT_DEFAULT", uri)
    hook = SailPointHook()
    assert (hook._tenant.base_url, hook._tenant.timeout) == (tenant.server.url, 7.0)
    assert hook._tenant.api_version.name == "v2025"
    assert hook.get_source(DIRECTORY).name == "Directory"
    hook.close()


def test_a_uri_may_hold_a_secret_with_every_character(monkeypatch):
    secret = "a/b+c=d@e:f%g&h?i#j k"
    monkeypatch.setenv(
        "AIRFLOW_CONN_SAILPOINT_DEFAULT",
        f"sailpoint://client:{quote(secret, safe='')}@acme.api.identitynow.com",
    )
    tenant = SailPointHook()._tenant
    assert (tenant.base_url, tenant.client_secret) == ("https://acme.api.identitynow.com", secret)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "acme"}, "https://acme.api.identitynow.com"),
        ({"host": "acme.api.identitynow-demo.com"}, "https://acme.api.identitynow-demo.com"),
        ({"host": "https://acme.api.identitynow.com/"}, "https://acme.api.identitynow.com"),
        ({"host": "isc.example.org", "port": 8443}, "https://isc.example.org:8443"),
        ({"host": "isc.example.org", "schema": "https"}, "https://isc.example.org"),
        ({"host": "localhost", "schema": "http", "port": 8787}, "http://localhost:8787"),
    ],
    ids=str,
)
def test_a_connection_may_be_json_with_any_form_of_host(monkeypatch, fields, url):
    connect(monkeypatch, login="client", password="secret-text", **fields)
    tenant = SailPointHook()._tenant
    assert tenant.base_url == url
    assert tenant.token_url == f"{url}/oauth/token"
    assert tenant.api_version.name == "v1"


def test_the_hooks_own_api_version_counts_before_the_connections(tenant):
    tenant.connect(extra={"api_version": "v2026"})
    assert SailPointHook()._tenant.api_version.name == "v2026"
    assert SailPointHook(api_version="beta")._tenant.api_version.name == "beta"


def test_numbers_in_extra_may_be_text(tenant):
    tenant.connect(extra={"timeout": "7.5", "upload_timeout": " 60 ", "requests_per_10s": "20"})
    read = SailPointHook()._tenant
    assert (read.timeout, read.upload_timeout, read.requests_per_10s) == (7.5, 60.0, 20.0)
