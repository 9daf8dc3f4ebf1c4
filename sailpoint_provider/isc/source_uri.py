"""The URI that names a source: ``sailpoint://{tenant host}/sources/{source ID}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.identifiers import id_from_user
from sailpoint_provider.isc.tenant.urls import base_address

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEME = "sailpoint"

_PATH = re.compile(r"/sources/(?P<id>[0-9A-Fa-f]{32})", re.ASCII)
_FORM = f"{SCHEME}://<tenant host>/sources/<source ID>"
_DEFAULT_PORTS = {"https": 443, "http": 80}


def source_uri(host: str, source_id: str) -> str:
    """
    Return the URI of a source, in the one form in which it can be compared.

    :param host: the host of the tenant's API, as a connection may spell it: a base URL, a host name, or a
        bare tenant name.
    :param source_id: ID of the source, 32 hex characters.
    :raises InvalidInputError: no connection has such a host, or the ID is malformed.
    """
    return f"{SCHEME}://{uri_host(host)}/sources/{id_from_user(source_id, 'source_id').lower()}"


def uri_host(host: str) -> str:
    """
    Return the host of a tenant's API in lower case, with a port unless it is the default one.

    :param host: as in :func:`source_uri`.
    :raises InvalidInputError: no connection has such a host.
    """
    try:
        address = base_address(host, None, None)
    except InvalidInputError as error:
        raise InvalidInputError(f"The host must be that of a connection to a tenant. {error}") from None
    location = address.url.partition("://")[2]
    return location.removesuffix(f":{_DEFAULT_PORTS[address.scheme]}")


def normal_source_uri(parts: SplitResult) -> SplitResult:
    """
    Return the parts of a source's URI in the form of :func:`source_uri`.

    :raises InvalidInputError: it is not the URI of a source.
    """
    path = _PATH.fullmatch(parts.path)
    if parts.scheme != SCHEME or path is None or parts.query or parts.fragment:
        # A host can hold a password, so it is not shown.
        raise InvalidInputError(
            f"A URI that begins with {parts.scheme}:// must be {_FORM}, but the part after the host is "
            f"{parts.path!r}{' with a query' if parts.query else ''}. A source ID has 32 hex characters."
        )
    return parts._replace(netloc=uri_host(parts.netloc), path=f"/sources/{path['id'].lower()}")
