"""
Many tenants in one process, each on a port of its own, with its own aggregations and its own rate limit.

``python -m tests.benchmarks.sizing.server CERTIFICATE TENANTS``; it is steered like
:mod:`tests.benchmarks.waits.server`, whose answers it gives.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from dataclasses import asdict

from tests.benchmarks.waits.jobs import Series
from tests.benchmarks.waits.server import WaitServer, lines_of_standard_input, say

_BACKLOG = 1024


async def serve(certificate: str, tenants: int) -> None:
    """Serve until the standard input ends; a line is the series of all tenants, or ``{}`` for the counts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    servers = [WaitServer(0.0) for _ in range(tenants)]
    listening = [
        await loop.create_server(server, "127.0.0.1", 0, ssl=context, backlog=_BACKLOG) for server in servers
    ]
    say({"ports": [one.sockets[0].getsockname()[1] for one in listening]})
    async for line in lines_of_standard_input():
        if order := json.loads(line):
            for server in servers:
                server.begin(Series(**order))
        say({"tallies": [asdict(server.counting.tally()) for server in servers]})
    for one in listening:
        one.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
