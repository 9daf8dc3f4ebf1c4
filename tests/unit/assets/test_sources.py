"""A source as an asset: Airflow normalizes its URI by what the package's metadata name."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset

from sailpoint_provider.assets.sources import normalize_uri, source_asset
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.get_provider_info import get_provider_info

SOURCE = "2c918085000000000000000000000a01"
URI = f"sailpoint://acme.api.identitynow.com/sources/{SOURCE}"


def test_the_metadata_name_the_handler_that_airflow_calls():
    (entry,) = get_provider_info()["asset-uris"]
    assert entry["schemes"] == ["sailpoint"]
    assert entry["handler"] == f"{normalize_uri.__module__}.{normalize_uri.__qualname__}"


def test_airflow_normalizes_the_uri_of_any_asset():
    assert Asset(uri=f"sailpoint://ACME/sources/{SOURCE.upper()}").uri == URI
    assert Asset("HR", uri=f"SailPoint://acme.api.identitynow.com/sources/{SOURCE}/").uri == URI


@pytest.mark.parametrize(
    "uri", ["sailpoint://acme/sources/HR", "sailpoint://acme.identitynow.com/", f"{URI}?x=1"]
)
def test_airflow_refuses_another_uri_of_the_scheme(uri):
    with pytest.raises(ValueError, match=r"sailpoint://<tenant host>/sources/<source ID>|web interface"):
        Asset(uri=uri)


def test_the_helper_makes_the_asset_of_a_source():
    asset = source_asset("acme", SOURCE)
    assert (asset.name, asset.uri) == (URI, URI)
    assert source_asset("https://acme.api.identitynow.com", SOURCE, name="HR").name == "HR"
    assert source_asset("acme", SOURCE).uri == source_asset("acme", SOURCE, name="HR").uri


def test_the_helper_refuses_the_host_of_the_web_interface():
    with pytest.raises(InvalidInputError, match=r"https://acme\.api\.identitynow\.com"):
        source_asset("acme.identitynow.com", SOURCE)
