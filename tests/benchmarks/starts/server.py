"""The package's own simulator over TLS, as a process of its own, until its standard input ends."""

from __future__ import annotations

import sys

from sailpoint_provider.simulator.server import SimulatorServer

if __name__ == "__main__":
    with SimulatorServer(tls=(sys.argv[1], sys.argv[1])) as server:
        print(server.url, flush=True)
        sys.stdin.read()
