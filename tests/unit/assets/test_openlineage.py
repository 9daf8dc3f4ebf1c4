"""The asset of a source as an OpenLineage dataset, through Airflow's own registry of converters."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import Asset

from sailpoint_provider._airflow.dataset_names import source_dataset
from sailpoint_provider.get_provider_info import get_provider_info
from tests.unit.airflow_cases import HR

pytest.importorskip(
    "airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed"
)

HOST = "acme.api.identitynow.com"


def converter():
    (uris,) = [one for one in get_provider_info()["asset-uris"] if "sailpoint" in one["schemes"]]
    module, _, name = uris["to_openlineage_converter"].rpartition(".")
    return getattr(import_module(module), name)


def test_an_asset_of_a_source_is_the_dataset_that_a_load_writes():
    dataset = converter()(Asset(uri=f"sailpoint://{HOST}/sources/{HR}", name="hr"), lineage_context=None)
    written = source_dataset(f"https://{HOST}", HR)
    assert (dataset.namespace, dataset.name) == (written.namespace, written.name)
    assert f"{dataset.namespace}/{dataset.name}" == f"sailpoint://{HOST}/sources/{HR}"


@pytest.mark.parametrize(
    "uri",
    [
        f"sailpoint://{HOST}/sources/",
        f"sailpoint://{HOST}/identities/{HR}",
        f"x-other://{HOST}/sources/{HR}",
    ],
)
def test_no_other_uri_is_a_source(uri):
    assert converter()(SimpleNamespace(uri=uri), lineage_context=None) is None


def test_airflow_finds_the_converter():
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset

    dataset = translate_airflow_asset(Asset(uri=f"sailpoint://{HOST}/sources/{HR}", name="hr"), None)
    assert (dataset.namespace, dataset.name) == (f"sailpoint://{HOST}", f"sources/{HR}")
