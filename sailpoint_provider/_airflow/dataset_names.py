"""What OpenLineage calls files and sources, by its naming specification."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from sailpoint_provider.exceptions import InvalidInputError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AZURE_HOSTS = (".core.windows.net", ".core.usgovcloudapi.net", ".core.chinacloudapi.cn")

# Several protocols of fsspec lead to the same store; the specification has one scheme for each store.
_SCHEMES = {
    "s3a": "s3",
    "s3n": "s3",
    "gcs": "gs",
    "abfs": "abfss",
    "adl": "abfss",
    "az": "abfss",
    "wasb": "wasbs",
    "local": "file",
}
_OBJECT_STORES = frozenset({"s3", "gs", "abfss", "wasbs"})
"""Stores of objects with a key, which begins without a slash; others have paths."""


@dataclass(frozen=True)
class DatasetName:
    """
    What OpenLineage calls a dataset.

    :param namespace: the store or the tenant.
    :param name: the dataset's name within it.
    """

    namespace: str
    name: str


def is_url(location: str) -> bool:
    """Return whether a location is a URL, and not a path."""
    return _URL.match(location) is not None


def file_dataset(location: str) -> DatasetName:
    """
    Return what OpenLineage calls a file.

    The ID of an Airflow connection, as in ``s3://conn_id@bucket/key``, a password and a signature are never
    part of it.

    :param location: path or URL of the file. A relative path is one of this worker.
    """
    if not is_url(location):
        return DatasetName("file", os.path.abspath(location))
    given, _, rest = location.partition("://")
    scheme = _SCHEMES.get(given.lower(), given.lower())
    authority, slash, path = rest.partition("?")[0].partition("/")
    if scheme == "file":
        return DatasetName(f"file://{authority}" if authority else "file", f"{slash}{path}")
    user, _, host = authority.rpartition("@")
    if host.lower().endswith(_AZURE_HOSTS) and user and ":" not in user and user != "***":
        host = f"{user}@{host}"  # the container; elsewhere this place holds a connection or a user
    namespace = f"{scheme}://{host}" if host else scheme
    return DatasetName(namespace, path if scheme in _OBJECT_STORES else f"{slash}{path}")


def source_dataset(base_url: str, source_id: str) -> DatasetName | None:
    """
    Return what OpenLineage calls a source; together it is the URI of the source's asset.

    :param base_url: base URL of the tenant's API.
    :param source_id: ID of the source.
    :returns: None if the ID is malformed.
    """
    from sailpoint_provider.isc.source_uri import source_uri

    try:
        return asset_dataset(source_uri(base_url, source_id))
    except InvalidInputError:
        return None


def asset_dataset(uri: str) -> DatasetName | None:
    """
    Return what OpenLineage calls the source of an asset.

    :param uri: ``sailpoint://{tenant host}/sources/{id}``.
    :returns: None if the URI is not of this form.
    """
    parts = urlsplit(uri)
    folder, _, source_id = parts.path.strip("/").partition("/")
    if parts.scheme != "sailpoint" or not parts.netloc or folder != "sources" or not source_id:
        return None
    return DatasetName(f"sailpoint://{parts.netloc}", f"sources/{source_id}")
