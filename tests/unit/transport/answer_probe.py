"""Asks a server whose answer is too large, and prints by how many bytes the process grew at its largest."""

from __future__ import annotations

import sys

from transport_cases import HR, ONCE, Blocking, EventLoop, tenant_at
from upload_probe import peak

from sailpoint_provider.isc import calls
from sailpoint_provider.isc.errors import ProtocolError
from sailpoint_provider.isc.generations import GENERATIONS


def main(name, url):
    world = {"blocking": Blocking, "event_loop": EventLoop}[name]
    tenant = tenant_at(url, extra={"timeout": 30})
    world.send(tenant, calls.token(tenant))
    before = peak()
    try:
        world.send(tenant, calls.source(GENERATIONS["v1"], HR), ONCE)
    except ProtocolError:
        print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
