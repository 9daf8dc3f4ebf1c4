"""A throw-away PostgreSQL on the loopback address, from Debian's packages, under its own user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.crashes.debian import NoPackageError, install_package
from tests.live.processes import Processes, clean_environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
SYSTEM_USER = "postgres"
START_SECONDS = 60.0
# The package would start a server of its own, which nobody here wants.
NO_SERVER_OF_ITS_OWN = Path("/etc/postgresql-common/createcluster.conf")
# Nothing of this database is worth outliving a crash of the machine.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


@dataclass(frozen=True)
class Postgres:
    """A private PostgreSQL server.

    :param programs: folder of ``initdb`` and ``postgres``.
    :param folder: holds the cluster and the socket; belongs to the user that runs the server.
    :param port: where it listens.
    """

    programs: Path
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Address of its database, as SQLAlchemy wants it."""
        return f"postgresql+psycopg2://{SYSTEM_USER}@127.0.0.1:{self.port}/postgres"

    @property
    def cluster(self) -> Path:
        """Folder of the database files."""
        return self.folder / "cluster"

    def start(self, processes: Processes) -> None:
        """Make the cluster, start the server, and wait until it answers."""
        environment = clean_environment() | {"LC_ALL": "C.UTF-8"}
        make = ["-D", str(self.cluster), "-U", SYSTEM_USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        processes.run("initdb", [*_as_user(), str(self.programs / "initdb"), *make], environment, self.folder)
        settings = SETTINGS | {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        words = [word for name, setting in settings.items() for word in ("-c", f"{name}={setting}")]
        processes.start(
            "postgres",
            # Should this process be killed, the system asks the server to stop.
            [
                *_as_user("--pdeathsig", "INT"),
                str(self.programs / "postgres"),
                "-D",
                str(self.cluster),
                *words,
            ],
            environment,
            self.folder,
            # The usual signal would wait for all clients to leave.
            stop_signal=signal.SIGINT,
        )
        processes.wait_until(self.answers, "PostgreSQL to answer", timeout=START_SECONDS, pause=0.1)

    def answers(self) -> bool:
        """Whether it lets clients in."""
        ask = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ask, check=False, env=clean_environment()).returncode == 0

    def query(self, sql: str) -> list[str]:
        """Return what a query finds, one text for each row."""
        ask = [
            str(self.programs / "psql"),
            "-X",
            "-A",
            "-t",
            "-d",
            self.url.replace("+psycopg2", ""),
            "-c",
            sql,
        ]
        done = subprocess.run(ask, check=True, env=clean_environment(), capture_output=True, text=True)
        return done.stdout.splitlines()


@contextmanager
def running_postgres(programs: Path, log_folder: Path) -> Iterator[Postgres]:
    """Run a server in a folder of its own, and stop it and remove the folder in the end."""
    # Its user may not enter the folders of root, so it gets one beside them.
    folder = Path(tempfile.mkdtemp(prefix="live-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)
        with Processes(log_folder) as processes:
            postgres = Postgres(programs, folder)
            postgres.start(processes)
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs, installing Debian's package as root where there is none.

    :raises NoPackageError: there is none, and none can be installed.
    """
    found = _find_programs()
    if found is None:
        _install()
        found = _find_programs()
    if found is None:
        raise NoPackageError("Debian's package 'postgresql' brought no initdb and no postgres.")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            raise NoPackageError(
                f"PostgreSQL does not run as root, and there is no user '{SYSTEM_USER}' on this machine."
            ) from None
    return found


def _find_programs() -> Path | None:
    """Return the newest of Debian's, or what is in the path."""
    debian = sorted(
        (folder for folder in DEBIAN_PROGRAMS.glob("*/bin") if folder.parent.name.isdigit()),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )
    in_path = shutil.which("postgres")
    for folder in [*debian, *([Path(in_path).resolve().parent] if in_path else [])]:
        if all((folder / program).is_file() for program in ("initdb", "postgres", "pg_isready")):
            return folder
    return None


def _install() -> None:
    if os.geteuid() == 0 and not NO_SERVER_OF_ITS_OWN.exists():
        NO_SERVER_OF_ITS_OWN.parent.mkdir(parents=True, exist_ok=True)
        NO_SERVER_OF_ITS_OWN.write_text("create_main_cluster = false\n", encoding="utf-8")
    install_package("postgresql")


def _as_user(*more: str) -> list[str]:
    """Return what to put before a command, so that it does not run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups", *more, "--"]
