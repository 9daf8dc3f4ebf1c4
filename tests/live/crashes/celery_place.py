"""Where the crash cases happen on Celery: each scheduler, triggerer and worker has a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.airflow_processes import CELERY_WORKER, healthy_airflow, start_component
from tests.live.crashes.place import DAGS_FOLDER, TRIGGERERS, CrashPlace, crash_home
from tests.live.crashes.upload_gate import UploadGate
from tests.live.object_store import BUCKET, start_object_store
from tests.live.processes import Processes
from tests.live.simulator_process import start_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

    from tests.live.airflow_api import TaskInstance
    from tests.live.airflow_home import AirflowHome
    from tests.live.crashes.broker import Broker
    from tests.live.crashes.postgres import Postgres
    from tests.live.object_store import ObjectStore

CELERY_DAGS_FOLDER = Path(__file__).resolve().parent / "celery_dags"
SCHEDULERS = ("scheduler", "second-scheduler")
WORKERS = ("worker", "second-worker")
LATE_WORKER, LATE_QUEUE = "late-worker", "late"
"""A worker that only a case starts, and the queue that no other worker serves."""

ONE_OF_A_KIND = ("api-server", "dag-processor")
CONCURRENCY = "4"
# Airflow has noticed the loss of a worker before Celery gives its messages to another one.
VISIBILITY_SECONDS = "60"
# Covers every other home with an empty folder, and then becomes the command.
HIDE_OTHERS = """set -e
own=$1
shift
for home in "$(dirname "$own")"/*; do
    [ "$home" = "$own" ] || mount -t tmpfs none "$home"
done
exec "$@"
"""


@dataclass
class CeleryPlace(CrashPlace):
    """The same with Celery.

    :param homes: the home of each process of Airflow.
    """

    schedulers: tuple[str, ...] = SCHEDULERS
    homes: dict[str, AirflowHome] = field(kw_only=True)
    store: ObjectStore = field(kw_only=True)
    broker: Broker = field(kw_only=True)
    postgres: Postgres = field(kw_only=True)

    @property
    def task_hosts(self) -> tuple[str, ...]:
        """The names of the workers."""
        return (*WORKERS, LATE_WORKER)

    def workers_of(self, host: str, task: TaskInstance) -> list[psutil.Process]:
        """Return the processes of one worker that run a try of a task."""
        found = super().workers_of(host, task)
        for process in found:
            with suppress(OSError, RuntimeError):
                # Celery's process keeps the title of the last task that it supervised.
                if any(word.startswith("airflow worker") for word in process.cmdline()):
                    return found
        return []

    @property
    def log_homes(self) -> tuple[AirflowHome, ...]:
        """The homes of all processes."""
        return tuple(self.homes.values())

    def tries_in(self, name: str, dag_id: str) -> list[str]:
        """Return the names of the task logs in the home of a process, one for each try."""
        folder = self.homes[name].folder / "logs" / f"dag_id={dag_id}"
        return sorted(path.name for path in folder.rglob("attempt=*.log"))

    def start_component(self, component: str, name: str = "") -> None:
        """Start a component of Airflow in its own home."""
        options: tuple[str, ...] = ()
        if component == CELERY_WORKER:
            queue = LATE_QUEUE if name == LATE_WORKER else "default"
            options = ("--queues", queue, "--celery-hostname", name)
        start_component(self.homes[name or component], self.processes, component, name, options)

    def store_file(self, name: str, content: bytes) -> str:
        """Put a file into the object store, outside the watched folder, and return its URL."""
        path = f"{BUCKET}/files/{name}"
        self.store.file_system().pipe_file(path, content)
        return f"s3://{path}"


@contextmanager
def celery_place(postgres: Postgres, broker: Broker, folder: Path) -> Iterator[CeleryPlace]:
    """Start the broker, the tenant, the object store and Airflow, and stop them in the end.

    :param folder: gets the homes and all logs.
    """
    with Processes(folder / "logs") as processes:
        broker.start(processes)
        store = start_object_store(processes)
        tenant = start_simulator(processes)
        SimulatorControl(tenant.url).rate_limit(100_000)
        with UploadGate(tenant.url) as gate:
            dags = folder / "dags"
            dags.mkdir()
            for path in (DAGS_FOLDER / "cases.py", CELERY_DAGS_FOLDER / "more_cases.py"):
                shutil.copy2(path, dags)
            plain = crash_home(folder / "home", dags, tenant, gate, postgres.url)
            home = replace(
                plain,
                variables=plain.variables | store.variables | {"CRASH_DROP_FOLDER": store.folder},
                settings=_settings(plain.settings, postgres, broker),
            )
            home.create(processes)
            homes = _homes(home, folder / "homes")
            for component in (*ONE_OF_A_KIND, "scheduler", "triggerer"):
                start_component(homes[component], processes, component)
            api = healthy_airflow(home, processes)
            place = CeleryPlace(
                home,
                api,
                tenant,
                processes,
                gate,
                folder,
                homes=homes,
                store=store,
                broker=broker,
                postgres=postgres,
            )
            for name in WORKERS:
                place.start_component(CELERY_WORKER, name)
            # The first ones are in Airflow's database, so the order of the jobs tells which is which.
            place.start_component("scheduler", SCHEDULERS[1])
            place.start_component("triggerer", TRIGGERERS[1])
            place.await_dags("many_waits", "out_of_time", "dropped_file")
            processes.wait_until(
                lambda: len(api.live_schedulers()) == len(api.live_triggerers()) == 2,
                "two schedulers and two triggerers",
                timeout=120.0,
            )
            _check_that_workers_share_nothing(place)
            yield place


def can_hide(folder: Path) -> bool:
    """Whether this process may hide folders from the processes that it starts, which root usually may."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    attempt = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    return subprocess.run(attempt, check=False, capture_output=True).returncode == 0


def _homes(home: AirflowHome, folder: Path) -> dict[str, AirflowHome]:
    """Make a home for each process, from which no other home can be seen where the system allows that."""
    folder.mkdir(mode=0o700)
    hides = can_hide(folder)
    homes = {}
    for name in (*ONE_OF_A_KIND, *SCHEDULERS, *TRIGGERERS, *WORKERS, LATE_WORKER):
        own = folder / name
        launcher = ("unshare", "--mount", "sh", "-c", HIDE_OTHERS, "sh", str(own)) if hides else ()
        homes[name] = home.elsewhere(own, launcher)
    return homes


def _check_that_workers_share_nothing(place: CeleryPlace) -> None:
    if not any(home.launcher for home in place.homes.values()):
        return
    for name in WORKERS:
        # The system shows there what this process sees.
        seen = Path(f"/proc/{place.processes.pid(name)}/root")
        for other, home in place.homes.items():
            shown = any((seen / home.folder.relative_to("/")).iterdir())
            if shown is not (other == name):
                raise RuntimeError(f"'{name}' sees {'the' if shown else 'no'} home of '{other}'.")


def _settings(
    usual: dict[str, dict[str, str]], postgres: Postgres, broker: Broker
) -> dict[str, dict[str, str]]:
    return usual | {
        "core": usual["core"] | {"executor": "CeleryExecutor"},
        "scheduler": usual["scheduler"]
        | {"orphaned_tasks_check_interval": "10", "scheduler_health_check_threshold": "20"},
        # A triggerer's first wait makes it load Airflow's API, without a sign of life meanwhile.
        "triggerer": usual["triggerer"] | {"triggerer_health_check_threshold": "30"},
        # Each home has its own copy, and nobody changes one.
        "dag_processor": {"min_file_process_interval": "30"},
        "celery": {
            "broker_url": broker.url,
            "result_backend": f"db+{postgres.url}",
            "worker_concurrency": CONCURRENCY,
            "task_acks_late": "True",
            "sync_parallelism": "1",
        },
        "celery_broker_transport_options": {"visibility_timeout": VISIBILITY_SECONDS},
    }
