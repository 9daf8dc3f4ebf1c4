"""``python -m sailpoint_provider.simulator``: serve a tenant on loopback until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.control.airflow_connection import CONNECTION_VARIABLE
from sailpoint_provider.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECK_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        server = SimulatorServer(speed=options.speed, port=options.port, host=options.host)
        server.start()
    except (OSError, ValueError) as error:
        print(_explain(error, options.host, options.port), file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(_greeting(server), flush=True)
    while server.is_running and not stop.wait(_CHECK_SECONDS):
        pass
    status = 0 if stop.is_set() else 1
    server.stop()
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sailpoint_provider.simulator",
        description="Serve a simulated SailPoint Identity Security Cloud tenant on loopback.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8787, help="port to listen on, 0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how many times faster aggregations run (default: %(default)s)",
    )
    return parser


def _explain(error: OSError | ValueError, host: str, port: int) -> str:
    if isinstance(error, OSError):
        return f"The simulator cannot listen on {host}:{port}: {error.strerror}. Choose another --port."
    return f"The simulator cannot start: {error}."


def _greeting(server: SimulatorServer) -> str:
    return (
        f"A simulated ISC tenant is running at {server.url} (open it for a description). Client ID:"
        f" {server.client_id}, secret: {server.client_secret}. For Airflow:"
        f" export {CONNECTION_VARIABLE}='{server.airflow_connection}'"
    )


if __name__ == "__main__":
    sys.exit(main())
