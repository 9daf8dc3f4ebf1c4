"""Asks a server whose answer is too large, and prints by how many bytes the process grew at its largest."""

from __future__ import annotations

import sys

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, Blocking, EventLoop, tenant_at
from tests.unit.client.upload_probe import peak


def main(name, url):
    world = {"blocking": Blocking, "event_loop": EventLoop}[name]
    tenant = tenant_at(url, extra={"timeout": 30})
    world.send(tenant, endpoints.token(tenant))
    before = peak()
    try:
        world.send(tenant, endpoints.source(API_VERSIONS["v1"], HR), ONCE)
    except ProtocolError:
        print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
