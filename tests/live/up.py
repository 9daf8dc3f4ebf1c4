"""Runs a real Airflow and the simulated tenant for you to explore.

Run it with ``make up``; Ctrl-C stops everything.
"""

from __future__ import annotations

import sys
import time
from shlex import quote

from tests.live.account_files import AccountFile
from tests.live.console import Console
from tests.live.file_drop import (
    APPROVAL_DAG_ID,
    APPROVAL_SOURCE_NAME,
    CONNECTION_ID,
    DAG_ID,
    DIRECT_SOURCES,
    FOLDERS,
    POOL_DAG_ID,
    SOURCE_NAME,
    UPLOADS_DAG_ID,
    FileDrop,
    start_file_drop,
)
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT
from tests.live.stop_signals import StopRequestedError
from tests.live.workplace import workplace

FOLDER = PROJECT / ".airflow" / "up"
ACCOUNTS = 1000
POLL_INTERVAL = 3.0
HISTORY = 8
"""Loads of each source without a file, which give the page something to show."""


def main() -> int:
    """Run until stopped and return the exit status."""
    console = Console()
    try:
        with workplace(FOLDER), Processes(FOLDER / "logs") as processes:
            file_drop = start_file_drop(
                processes, FOLDER, console.say, dag_ids=FOLDERS, usual_ports=True, poll_interval=POLL_INTERVAL
            )
            write_samples(file_drop)
            begin_history(file_drop)
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
    """Write files that can be moved into the watched folders: a good one, its successor, and a short one."""
    samples = FOLDER / "samples"
    samples.mkdir()
    good = AccountFile.numbered(ACCOUNTS)
    good.drop(samples, "good.csv", file_drop.header)
    good.changed(new=30, changed=50, removed=20).drop(samples, "next.csv", file_drop.header)
    good.changed(new=0, changed=0, removed=ACCOUNTS // 3).drop(samples, "short.csv", file_drop.header)


def begin_history(file_drop: FileDrop) -> None:
    """Begin some loads of the sources that take no file, so that the page has something to show."""
    for source in file_drop.control.sources():
        if source["name"] in DIRECT_SOURCES:
            for load in range(HISTORY):
                rows = history_rows(load, len(source["header"]))
                file_drop.control.next_run(source["id"], accounts=rows)
    file_drop.api.unpause(POOL_DAG_ID)
    for _ in range(HISTORY):
        file_drop.api.trigger(POOL_DAG_ID)


def history_rows(load: int, columns: int) -> list[list[str]]:
    """Return the accounts that a load finds: more each time, and some of the earlier ones changed."""
    number = 120 + 25 * load - (load % 3) * 10
    return [
        [f"{account:05}", *(f"version {(account + load) // 40}" for _ in range(columns - 1))]
        for account in range(number)
    ]


def welcome(file_drop: FileDrop) -> str:
    """Return what to open and what to try."""
    samples = quote(str(FOLDER / "samples"))
    drop, approval, uploads = (
        quote(str(file_drop.watched(dag_id))) for dag_id in (DAG_ID, APPROVAL_DAG_ID, UPLOADS_DAG_ID)
    )
    return f"""
Airflow      {file_drop.api.url}
             No account or password is needed: whoever opens the page is logged in as an admin.
Connection   {file_drop.api.url}/connections
             {CONNECTION_ID} leads to the tenant; its *Test* button checks that.
Page         {file_drop.api.url}/plugin/sailpoint
             All loads on one page; {HISTORY} loads of two sources begin now, one after the other.
Tenant       {file_drop.tenant.url} (its aggregations: {file_drop.tenant.url}/_simulator/runs)
Logs         {FOLDER / "logs"}

Drop files, and watch what happens to them. ln makes a complete file appear at once; cp does not.

{DAG_ID} loads each file into '{SOURCE_NAME}':
    ln {samples}/good.csv {drop}          # loaded
    ln {samples}/next.csv {drop}          # loaded: 30 created, 50 updated, 20 deleted
    ln {samples}/short.csv {drop}         # refused, because it would delete a third of the accounts
    ls -R {drop}                          # where each file went

{APPROVAL_DAG_ID} asks you before it loads a file that is refused:
    ln {samples}/good.csv {approval}      # loaded into '{APPROVAL_SOURCE_NAME}'
    ln {samples}/short.csv {approval}     # choose Approve or Reject under Required Actions

{UPLOADS_DAG_ID} loads each file into the source whose ID begins its name:
    ln {samples}/good.csv {uploads}/{file_drop.tenant.source_id(SOURCE_NAME)}-hr.csv

Ctrl-C stops everything."""


if __name__ == "__main__":
    sys.exit(main())
