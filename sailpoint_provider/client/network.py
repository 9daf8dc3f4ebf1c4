"""Proxy and certificate authorities: one answer for both transports."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies

import certifi

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.isc.tenant.config import Tenant

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def proxy_for(tenant: Tenant, url: str) -> str | None:
    """
    Return the proxy to reach an address, None for a direct way.

    The connection's own proxies count first; else ``HTTPS_PROXY`` and the like, where ``NO_PROXY`` lets them.
    """
    own = dict(tenant.proxies)
    if not own and not getproxies():
        return None
    # requests takes 70 ms to load, which a triggerer spends only where there are proxies.
    from requests.utils import get_environ_proxies, select_proxy

    proxy: str | None = select_proxy(url, own or get_environ_proxies(url, no_proxy=None))
    if proxy and "://" not in proxy:
        return f"http://{proxy}"
    return proxy or None


def ca_path(tenant: Tenant) -> str:
    """
    Return the file or folder of the certificate authorities to trust.

    The connection's own counts first, then ``REQUESTS_CA_BUNDLE`` and ``SSL_CERT_FILE``, then certifi's.

    :raises InvalidInputError: there is no such file.
    """
    candidates = [("the connection's extra key 'verify'", tenant.ca_file)]
    candidates += [(f"the environment's {name}", os.environ.get(name)) for name in _CA_VARIABLES]
    for origin, path in candidates:
        if path:
            if not Path(path).exists():
                raise InvalidInputError(f"There is no CA file {path!r}, which {origin} names.")
            return path
    return certifi.where()


def new_tls_context(tenant: Tenant) -> ssl.SSLContext:
    """
    Return a context that verifies certificates and host names.

    :raises InvalidInputError: the file of certificate authorities is missing or holds none.
    """
    path = ca_path(tenant)
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInputError(f"The CA file {path!r} cannot be used: {error}.") from None


def shared_tls_context(tenant: Tenant) -> ssl.SSLContext:
    """
    Return the context of the tenant's authorities; a file that changed is read again.

    :raises InvalidInputError: the file of certificate authorities is missing or holds none.
    """
    path = ca_path(tenant)
    key = (path, os.stat(path).st_mtime_ns)
    context = _contexts.get(key)
    if context is None:
        context = _contexts.setdefault(key, new_tls_context(tenant))
    return context


_contexts: dict[tuple[str, int], ssl.SSLContext] = {}
