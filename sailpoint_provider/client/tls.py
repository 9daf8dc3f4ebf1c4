"""TLS for requests: a context is made once in a process, because loading the authorities takes 20 ms."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from sailpoint_provider.client.network import ca_path, tls_context

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest

    from sailpoint_provider.isc.tenant.config import Tenant

_contexts: dict[tuple[str, int], ssl.SSLContext] = {}


def shared_tls_context(tenant: Tenant) -> ssl.SSLContext:
    """
    Return the context of the tenant's authorities; a file that changed is read again.

    :raises InvalidInputError: the file of certificate authorities is missing or holds none.
    """
    path = ca_path(tenant)
    key = (path, os.stat(path).st_mtime_ns)
    context = _contexts.get(key)
    if context is None:
        context = _contexts.setdefault(key, tls_context(tenant))
    return context


class SharedTlsAdapter(HTTPAdapter):
    """
    Connects with a context that is already there, where requests would load the authorities for each session.

    :param context: verifies certificates and host names.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        """Give the context to direct connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **keywords)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """Give the context to connections through a proxy, and to a proxy that speaks TLS itself."""
        keywords["ssl_context"] = self._context
        if proxy.lower().startswith("https:"):
            keywords["proxy_ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **keywords)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Name no file of authorities, which urllib3 would load into the context again."""
        return super().build_connection_pool_key_attributes(request, True, cert)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connection to its context, which verifies."""
        conn.cert_reqs = "CERT_REQUIRED"
