"""Starts processes, detects when one dies early, and always stops all of them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.live.stop_signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

TAIL_LINES = 40
POLITE_SECONDS = 8.0
FINAL_SECONDS = 5.0
UNASSIGNED_PORTS = range(20_000, 32_768)
PORT_ATTEMPTS = 100
# A proxy would intercept calls to the loopback address, and nothing here calls another machine.
NOT_INHERITED = ("AIRFLOW", "SAILPOINT", "_AIRFLOW", "PYTHONPATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class ProcessDiedError(RuntimeError):
    """A process that should keep running ended; the message shows the end of its log."""


class NotReadyError(RuntimeError):
    """Something did not become ready in time."""


@dataclass(frozen=True)
class RunningProcess:
    """One started process, the leader of its own session, and where its output goes."""

    name: str
    popen: subprocess.Popen[bytes]
    log_path: Path
    serves_others: bool
    stop_signal: signal.Signals

    def tail(self) -> str:
        """Return the end of the process's log, with the log's path above it."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        last = [f"    {line}" for line in lines[-TAIL_LINES:]] or ["    (nothing)"]
        return "\n".join([f"{self.log_path} ends with:", *last])


class Processes:
    """The processes of one run: entered at the start, and on leaving all of them are stopped.

    :param log_folder: where each process's output is written, as ``<name>.log``.
    """

    def __init__(self, log_folder: Path) -> None:
        self.log_folder = log_folder
        self._signals = StopSignals()
        self._running: list[RunningProcess] = []

    def __enter__(self) -> Self:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self._signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signals.ignore()
        try:
            self._stop()
        finally:
            self._signals.__exit__(kind, error, trace)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        serves_others: bool = False,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a process that is to run until the end.

        :param serves_others: stop it after those that do not, which may be in the middle of a call to it.
        :param stop_signal: what asks it to stop.
        """
        self._launch(name, command, environment, folder, serves_others=serves_others, stop_signal=stop_signal)

    def pid(self, name: str) -> int:
        """Return the process id of one that was started."""
        return self._named(name).popen.pid

    def runs(self, name: str) -> bool:
        """Whether one of this name was started, and not stopped or killed since."""
        return any(process.name == name for process in self._running)

    def stop(self, name: str) -> None:
        """Stop one process with all its children: first with its stop signal, then with SIGKILL."""
        process = self._named(name)
        self._end([process])
        self._running.remove(process)

    def kill(self, name: str) -> None:
        """Kill one process with all its children, without a stop signal first."""
        process = self._named(name)
        self._running.remove(process)
        _signal_all({process.popen.pid}, signal.SIGKILL)
        process.popen.wait()

    def freeze(self, name: str) -> None:
        """Let one process with all its children stand still."""
        _signal_all({self.pid(name)}, signal.SIGSTOP)

    def thaw(self, name: str, *, only_children: bool = False) -> None:
        """Let them go on, the process itself among them or not."""
        own = self.pid(name)
        _signal_all({own}, signal.SIGCONT, spared=own if only_children else 0)

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Run a process to its end, and raise with the end of its log when it fails."""
        process = self._launch(name, command, environment, folder)
        while process.popen.poll() is None:
            time.sleep(0.05)
        self._running.remove(process)
        if process.popen.returncode:
            raise ProcessDiedError(
                f"'{name}' failed with exit status {process.popen.returncode}.\n{process.tail()}"
            )

    def check(self) -> None:
        """Raise when a process that should be running has ended."""
        for process in self._running:
            status = process.popen.poll()
            if status is not None:
                raise ProcessDiedError(
                    f"'{process.name}' ended early with exit status {status}.\n{process.tail()}"
                )

    def wait_until(self, ready: Callable[[], bool], what: str, *, timeout: float, pause: float = 0.3) -> None:
        """Wait until ``ready()`` is true, watching that no process dies meanwhile.

        :param what: what is being waited for, for the message when it does not come.
        :param timeout: seconds until :class:`NotReadyError`.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                tails = "\n".join(process.tail() for process in self._running)
                raise NotReadyError(f"Timed out after {timeout:.0f} s waiting for {what}.\n{tails}")
            time.sleep(pause)

    def _launch(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        serves_others: bool = False,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> RunningProcess:
        log_path = self.log_folder / f"{name}.log"
        with self._signals.held(), log_path.open("ab") as log:
            popen = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            process = RunningProcess(name, popen, log_path, serves_others, stop_signal)
            self._running.append(process)
        return process

    def _named(self, name: str) -> RunningProcess:
        return next(process for process in self._running if process.name == name)

    def _stop(self) -> None:
        for serving in (False, True):
            self._end([process for process in self._running if process.serves_others is serving])
        self._running.clear()

    def _end(self, stopping: Sequence[RunningProcess]) -> None:
        for process in stopping:
            if process.popen.poll() is None:
                process.popen.send_signal(process.stop_signal)
        # Airflow's own children change their process group but never their session, so the session finds
        # them also after their parent is gone.
        sessions = {process.popen.pid for process in stopping}
        if not self._wait_for_end(sessions, POLITE_SECONDS):
            _signal_all(sessions, signal.SIGKILL)
            self._wait_for_end(sessions, FINAL_SECONDS)

    def _wait_for_end(self, sessions: set[int], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process in self._running:
                process.popen.poll()
            if not members_of_sessions(sessions):
                return True
            time.sleep(0.1)
        return False


def _signal_all(sessions: set[int], number: signal.Signals, *, spared: int = 0) -> None:
    for member in members_of_sessions(sessions):
        if member != spared:
            with suppress(ProcessLookupError):
                os.kill(member, number)


def members_of_sessions(sessions: set[int]) -> list[int]:
    """List the live processes that belong to one of these sessions."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return members


def clean_environment() -> dict[str, str]:
    """Copy this process's environment without the variables that could change a private Airflow."""
    kept = {
        name: setting for name, setting in os.environ.items() if not name.upper().startswith(NOT_INHERITED)
    }
    return {**kept, "PYTHONUNBUFFERED": "1", "no_proxy": "*"}


def free_port(preferred: int | None = None) -> int:
    """
    Return a free port on the loopback address, the preferred one when it is free.

    Another port comes from below the range that systems give to outgoing connections and to port 0, because
    a server may bind it only after half a minute, while other tests open hundreds of connections.
    """
    drawn = random.sample(UNASSIGNED_PORTS, PORT_ATTEMPTS)
    for port in drawn if preferred is None else (preferred, *drawn):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise NotReadyError("This machine has no free port on 127.0.0.1.")
