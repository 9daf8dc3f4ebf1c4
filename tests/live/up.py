"""Runs a real Airflow and the simulated tenant for you to explore.

Run it with ``make up``; Ctrl-C stops everything.
"""

from __future__ import annotations

import sys
import time
from shlex import quote

from tests.live.account_files import AccountFile
from tests.live.console import Console
from tests.live.file_drop import CONNECTION_ID, DAG_ID, SOURCE_NAME, FileDrop, start_file_drop
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT
from tests.live.stop_signals import StopRequestedError
from tests.live.workplace import workplace

FOLDER = PROJECT / ".airflow" / "up"
ACCOUNTS = 1000


def main() -> int:
    """Run until stopped and return the exit status."""
    console = Console()
    try:
        with workplace(FOLDER), Processes(FOLDER / "logs") as processes:
            file_drop = start_file_drop(processes, FOLDER, console.say, usual_ports=True)
            write_samples(file_drop)
            print(welcome(file_drop), flush=True)
            try:
                while True:
                    processes.check()
                    time.sleep(1.0)
            finally:
                print("\nStopping all processes ...", flush=True)
    except StopRequestedError:
        print("Stopped.")
        return 0
    except RuntimeError as failure:
        print(f"\n{failure}\n\nAll logs are in {FOLDER}.", file=sys.stderr)
        return 1


def write_samples(file_drop: FileDrop) -> None:
    """Write two files that can be copied into the watched folder."""
    samples = FOLDER / "samples"
    samples.mkdir()
    first = AccountFile.numbered(ACCOUNTS)
    first.drop(samples, "first.csv", file_drop.header)
    first.changed(new=30, changed=50, removed=20).drop(samples, "second.csv", file_drop.header)


def welcome(file_drop: FileDrop) -> str:
    """Return what to open and what to try."""
    link = f"ln {quote(str(FOLDER / 'samples'))}"
    watched = quote(str(file_drop.watched))
    return f"""
Airflow        {file_drop.api.url}
               No account or password is needed: whoever opens the page is logged in as an admin.
Connection     {file_drop.api.url}/connections
               {CONNECTION_ID} leads to the tenant; its *Test* button checks that.
Tenant         {file_drop.tenant.url} (its aggregations: {file_drop.tenant.url}/_simulator/runs)
Watched folder {file_drop.watched}
               The DAG {DAG_ID} waits for files there and loads them into '{SOURCE_NAME}'. Try:
               {link}/first.csv {watched}
               {link}/second.csv {watched}
Logs           {FOLDER / "logs"}

Ctrl-C stops everything."""


if __name__ == "__main__":
    sys.exit(main())
