"""Turns the asset of a source into an OpenLineage dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider._airflow.dataset_names import asset_dataset

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset


def to_dataset(asset: Asset, lineage_context: Any) -> Dataset | None:
    """
    Return the OpenLineage dataset of a source's asset; OpenLineage calls this for inlets and outlets.

    :param asset: an asset with the URI ``sailpoint://{tenant host}/sources/{id}``.
    :param lineage_context: what Airflow passes to every converter; not needed.
    :returns: None for another URI.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    named = asset_dataset(asset.uri)
    return None if named is None else Dataset(namespace=named.namespace, name=named.name)
