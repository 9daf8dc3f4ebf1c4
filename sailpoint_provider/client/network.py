"""Proxies and CA certificates, the same for both clients."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies

import certifi

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.tenant.urls import proxy_address

if TYPE_CHECKING:
    from sailpoint_provider.isc.tenant.config import Tenant

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def proxy_for(tenant: Tenant, url: str) -> str | None:
    """
    Return the proxy for a URL, None for a direct connection.

    The proxies of the Airflow connection come first, then those of the environment, subject to ``NO_PROXY``.

    :raises InvalidInputError: the environment's proxy is not an http or https URL.
    """
    own = dict(tenant.proxies)
    if not own and getproxies().keys() <= {"no"}:  # NO_PROXY alone names no proxy
        return None
    # requests takes 70 ms to load; a triggerer loads it only if there are proxies.
    from requests.utils import get_environ_proxies, select_proxy

    proxy: str | None = select_proxy(url, own or get_environ_proxies(url, no_proxy=None))
    if own or not proxy:
        return proxy or None
    # aiohttp would speak HTTP to a SOCKS proxy, and a worker might start what no triggerer can follow.
    return proxy_address(proxy, "the environment, such as HTTPS_PROXY or ALL_PROXY,")


def ca_path(tenant: Tenant) -> str:
    """
    Return the file or folder of the CA certificates to trust.

    That of the connection comes first, then ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE`` and certifi's.

    :raises InvalidInputError: the file does not exist.
    """
    candidates = [("the connection's extra key 'verify'", tenant.ca_file)]
    candidates += [(f"the environment's {name}", os.environ.get(name)) for name in _CA_VARIABLES]
    for origin, path in candidates:
        if path:
            if not Path(path).exists():
                raise InvalidInputError(f"The CA file {path!r} does not exist; it is set by {origin}.")
            return path
    return certifi.where()


def new_tls_context(path: str) -> ssl.SSLContext:
    """
    Return a TLS context that verifies certificates and host names.

    :param path: file or folder of the CA certificates.
    :raises InvalidInputError: it is missing or holds no certificate.
    """
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInputError(f"The CA file {path!r} cannot be used: {error}.") from None


def shared_tls_context(tenant: Tenant) -> ssl.SSLContext:
    """
    Return the process's TLS context for the tenant's CA certificates; a file that changed is read again.

    :raises InvalidInputError: the CA file is missing or holds no certificate.
    """
    path = ca_path(tenant)
    key = (path, os.stat(path).st_mtime_ns)
    context = _contexts.get(key)
    if context is None:
        context = _contexts.setdefault(key, new_tls_context(path))
    return context


_contexts: dict[tuple[str, int], ssl.SSLContext] = {}
