"""A throw-away Redis on the loopback address, from Debian's package, as Celery's broker."""

from __future__ import annotations

import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.crashes.debian import NoPackageError, install_package
from tests.live.processes import clean_environment, free_port

if TYPE_CHECKING:
    from tests.live.processes import Processes

NAME = "redis"
PACKAGE = "redis-server"
START_SECONDS = 30.0
ANSWER_SECONDS = 5.0
ANSWER_BYTES = 4096


@dataclass(frozen=True)
class Broker:
    """A private Redis server that keeps every message on disk, so that a restart loses none.

    :param program: path of ``redis-server``.
    :param folder: an empty folder for its settings and messages.
    :param port: where it listens.
    """

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def url(self) -> str:
        """Address of its database with the password, as Celery wants it."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self, processes: Processes) -> None:
        """Start the server, with the messages that it had before, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            "\n".join(
                (
                    "bind 127.0.0.1",
                    f"port {self.port}",
                    f"requirepass {self._password}",
                    f'dir "{self.folder}"',
                    "daemonize no",
                    "appendonly yes",
                    "appendfsync always",
                    'save ""',
                    "",
                )
            ),
            encoding="utf-8",
        )
        command = [str(self.program), str(settings)]
        processes.start(NAME, command, clean_environment(), self.folder, serves_others=True)
        processes.wait_until(self.answers, "Redis to answer", timeout=START_SECONDS, pause=0.1)

    def kill(self, processes: Processes) -> None:
        """Kill the server without a warning."""
        processes.kill(NAME)

    def answers(self) -> bool:
        """Whether it has read its messages and lets clients in."""
        try:
            return self._ask("PING") == "+PONG"
        except (OSError, ValueError):
            return False

    def messages(self, queue: str) -> int:
        """Return how many messages of a queue no worker has taken."""
        return int(self._ask(f"LLEN {queue}").removeprefix(":"))

    def _ask(self, command: str) -> str:
        words = f"AUTH {self._password}\r\n{command}\r\nQUIT\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS) as client:
            client.sendall(words)
            answer = b""
            while chunk := client.recv(ANSWER_BYTES):
                answer += chunk
        _, said, *_ = answer.decode().splitlines()
        return said


def find_redis() -> Path:
    """Return the path of ``redis-server``, installing Debian's package as root where there is none.

    :raises NoPackageError: there is none, and none can be installed.
    """
    if shutil.which(PACKAGE) is None:
        install_package(PACKAGE)
    found = shutil.which(PACKAGE)
    if found is None:
        raise NoPackageError(f"Debian's package '{PACKAGE}' brought no program of this name.")
    return Path(found)
