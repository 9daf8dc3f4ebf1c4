"""Asks servers whose answers are too large; prints after each by how many bytes the process has grown."""

from __future__ import annotations

import sys

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, Blocking, EventLoop, tenant_at
from tests.unit.client.upload_probe import peak


def main(name, *urls):
    world = {"blocking": Blocking, "event_loop": EventLoop}[name]
    tenants = [tenant_at(url, extra={"timeout": 30}) for url in urls]
    for tenant in tenants:
        world.send(tenant, endpoints.token(tenant))
    before = peak()
    for tenant in tenants:
        try:
            world.send(tenant, endpoints.source(API_VERSIONS["v1"], HR), ONCE)
        except ProtocolError:
            print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
