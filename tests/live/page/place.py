"""A real Airflow with a hundred loads, one that runs, one refused file and one question to a person."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.account_files import AccountFile
from tests.live.airflow_home import READ_ONCE, AirflowHome
from tests.live.airflow_processes import start_airflow
from tests.live.page.dags.loads import ENDING, FILES, LOADS, SOURCES
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT, start_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.live.airflow_api import AirflowApi
    from tests.live.simulator_process import SimulatedTenant

HISTORY, NOW, ENDS = "page_history", "page_now", "page_ending"
SPEED = 100.0
UI_URL = "https://acme.identitynow.com"
"""The web interface to which the page's links lead; nothing asks it."""

HISTORY_SECONDS = 900.0
FAILED_LOAD, WARNED_LOAD = 20, 25
FAILURE = "The directory closed the connection."
WARNING = "Two accounts have no manager."
DAY_LONG = 86400.0 * SPEED


@dataclass(frozen=True)
class PagePlace:
    """The Airflow whose page is looked at, and the tenant of its loads."""

    api: AirflowApi
    tenant: SimulatedTenant
    processes: Processes

    @property
    def control(self) -> SimulatorControl:
        """The control API of the tenant."""
        return SimulatorControl(self.tenant.url)

    def make_history(self) -> None:
        """Load each source some thirty times, with changes of many sizes, a failure and a warning."""
        for number, name in enumerate(SOURCES):
            source = self.control.create_source(
                name, "direct", collect_seconds=1.0, process_seconds=20.0 * (number + 1)
            )
            script_history(self.control, source["id"], number)
        run = self.api.trigger(HISTORY)
        self.processes.wait_until(
            lambda: self.api.dag_run(HISTORY, run.run_id).ended, "the history", timeout=HISTORY_SECONDS
        )

    def make_present(self) -> None:
        """Start a load that does not end, one of a refused file, one of a good file, and a question."""
        (busy,) = (source for source in self.control.sources() if source["name"] == SOURCES[0])
        self.control.next_run(busy["id"], collect_seconds=DAY_LONG)
        self.control.create_source(ENDING, "direct", upstream=30, collect_seconds=DAY_LONG)
        run = self.api.trigger(NOW)

        def is_set() -> bool:
            states = {task.label: task.state for task in self.api.task_instances(run)}
            return (
                states.get("long") == "deferred"
                and states.get("ask") in {"deferred", "awaiting_input"}
                and states.get("files[0]") == "failed"
                and states.get("files[1]") == "success"
            )

        self.processes.wait_until(is_set, "the present", timeout=HISTORY_SECONDS)


def script_history(control: SimulatorControl, source_id: str, seed: int) -> None:
    """Script the loads of a source: a first one of many accounts, then small changes, some with deletions."""
    chance = random.Random(seed)
    accounts = AccountFile.numbered(chance.randint(400, 1500))
    for load in range(LOADS):
        if load:
            accounts = accounts.changed(
                new=chance.randint(0, 60),
                changed=chance.randint(0, 90),
                removed=chance.choice([0, 0, 0, 1, 25]),
            )
        outcome = messages = None
        if seed == 0 and load == FAILED_LOAD:
            outcome, messages = "error", [{"type": "ERROR", "text": FAILURE}]
        if seed == 2 and load == WARNED_LOAD:
            outcome, messages = "warning", [{"type": "WARN", "text": WARNING}]
        control.next_run(source_id, outcome, accounts=rows_of(accounts), messages=messages or ())


def rows_of(accounts: AccountFile) -> Sequence[Sequence[str]]:
    """Return the rows of a source with the columns id, name and e-mail."""
    return [
        (f"{number:05}", f"Account {number}", f"{number}.{version}@example.com")
        for number, version in accounts.accounts.items()
    ]


def write_files(folder: Path, header: list[str]) -> None:
    """Write the files that the DAG of the present loads."""
    wrong, good = FILES
    AccountFile.numbered(20).drop(folder, good, header)
    AccountFile.numbered(20).drop(folder, wrong, [*header[:-1], "no such column"])


@contextmanager
def page_place(folder: Path) -> Iterator[PagePlace]:
    """Start the tenant and an Airflow, make its history and its present, and stop both at the end.

    :param folder: gets Airflow's home, the files and all logs.
    """
    files = folder / "files"
    files.mkdir()
    with Processes(folder / "logs") as processes:
        tenant = start_simulator(processes, speed=SPEED)
        write_files(files, tenant.file_header("HR Delimited File"))
        home = AirflowHome(
            folder / "home",
            Path(__file__).parent / "dags",
            connections={"sailpoint_default": tenant.connection() | {"extra": {"ui_url": UI_URL}}},
            variables={"PYTHONPATH": str(PROJECT), "PAGE_FILES": str(files)},
            settings=READ_ONCE,
        )
        api = start_airflow(home, processes)
        processes.wait_until(
            lambda: {HISTORY, NOW, ENDS} <= api.dag_ids() or bool(api.import_errors()),
            "the DAGs",
            timeout=120.0,
        )
        if errors := api.import_errors():
            raise RuntimeError("Airflow could not read the DAGs:\n" + "\n".join(errors))
        place = PagePlace(api, tenant, processes)
        place.make_history()
        place.make_present()
        yield place
