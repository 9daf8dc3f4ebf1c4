"""A source of a tenant, as an Airflow asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset

GROUP = "sailpoint-sources"


def source_asset(host: str, source_id: str, name: str | None = None) -> Asset:
    """
    Return a source as an asset, to name as the outlet of a load and to schedule a DAG on.

    :param host: the host of the tenant's API, spelled as in the connection's host.
    :param source_id: ID of the source, 32 hex characters.
    :param name: name of the asset, the same in all DAGs; None for the URI.
    :raises InvalidInputError: no connection has such a host, or the ID is malformed.
    """
    from airflow.sdk import Asset

    from sailpoint_provider.isc.source_uri import source_uri

    uri = source_uri(host, source_id)
    return Asset(name=name or uri, uri=uri, group=GROUP)


def normalize_uri(parts: SplitResult) -> SplitResult:
    """
    Return the URI of a source in the one form in which Airflow can compare it; Airflow calls this.

    :raises ValueError: it is not ``sailpoint://{tenant host}/sources/{source ID}``.
    """
    from sailpoint_provider.isc.source_uri import normal_source_uri

    try:
        return normal_source_uri(parts)
    except InvalidInputError as error:
        # Airflow expects this class of every handler.
        raise ValueError(str(error)) from None


def to_dataset(asset: Asset, lineage_context: Any) -> Dataset | None:
    """
    Return the OpenLineage dataset of a source's asset; OpenLineage calls this for inlets and outlets.

    :param asset: an asset with the URI ``sailpoint://{tenant host}/sources/{id}``.
    :param lineage_context: what Airflow passes to every converter; not needed.
    :returns: None for another URI.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    from sailpoint_provider._airflow.dataset_names import asset_dataset

    named = asset_dataset(asset.uri)
    return None if named is None else Dataset(namespace=named.namespace, name=named.name)
