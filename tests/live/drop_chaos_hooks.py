"""Puts kills and faults between all steps of a process that takes, checks, loads and files drops."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

import sailpoint_provider
from sailpoint_provider._airflow.file_check import FileChecker
from sailpoint_provider.drops import local
from sailpoint_provider.drops.local import LocalPlace
from sailpoint_provider.files.check.checked import CheckedFile
from sailpoint_provider.simulator.control import SimulatorControl
from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger
from tests.live.chaos_clock import make_time_pass_quickly
from tests.live.chaos_faults import SILENCE_SECONDS
from tests.live.chaos_hooks import _put, listen_to_logs, put_mischief_between_steps
from tests.live.chaos_mischief import WORKER_POINTS, Dangers, Mischief, current
from tests.live.chaos_starts import Ledger
from tests.live.drop_chaos_world import CLIENT_ID

if TYPE_CHECKING:
    from tests.live.chaos_starts import Post
    from tests.live.drop_chaos_world import World

DISK_CALLS = (
    "rename",
    "link",
    "unlink",
    "rmdir",
    "replace",
    "mkdir",
    "makedirs",
    "listdir",
    "scandir",
    "lstat",
)
DISK_POINTS = {f"{when} {call}": 2 for call in (*DISK_CALLS, "open") for when in ("before", "after")} | {
    "before link": 8,
    "after link": 10,
    "before rename": 6,
    "after rename": 8,
    "before unlink": 6,
    "after unlink": 6,
    "before replace": 4,
    "after replace": 6,
}
LOAD_POINTS = {
    **{point: weight for point, weight in WORKER_POINTS.items() if "resume" not in point},
    **DISK_POINTS,
    "before check": 3,
    "after check": 6,
}
RESUME_POINTS = {point: weight for point, weight in LOAD_POINTS.items() if "load_accounts" not in point}
TAKE_POINTS = DISK_POINTS | {"before success": 6}
DISK_FAULT_CHANCE = 0.001
DOUBT_CHANCE = 0.03
TAMPER_CHANCE = 0.06
_DISK_ERRORS = (errno.EIO, errno.ESTALE, errno.ENOSPC)

_mischief: DropMischief | None = None
"""The mischief of this process. Threads have it too, unlike a context variable."""


class DropMischief(Mischief):
    """
    What happens to one process: where it is killed, and what fails.

    :param world: the run.
    :param name: name of the process, unique in the run.
    """

    def __init__(self, world: World, name: str, weather: float) -> None:
        super().__init__(world.seed, name, Dangers(weather, 0.02, 0.12), [world.secret])
        self.world = world
        self.ledger = _SentLedger(world, name)
        self.disk = self.rng("disk")
        self._trace = self.beside("trace").open("a", encoding="utf-8")

    def beside(self, ending: str) -> Path:
        """Return a file of this process in the working folder."""
        return self.world.path("work", f"{self.task}.{ending}")

    def set_out(self, points: dict[str, int], chance: float, most: int) -> None:
        """
        Decide where the process is killed, if it is.

        :param points: points and their weights.
        :param chance: probability that it is killed.
        :param most: how often a point may be passed before.
        """
        rng = self._begin("crash")
        if rng.random() < chance * min(1.0, self.weather):
            point = rng.choices(list(points), list(points.values()))[0]
            times = 1 if point not in DISK_POINTS else rng.randint(1, most)
            self._crash_at = (point, times)

    def reach(self, point: str) -> None:
        """Reach a point, where the process may be killed: nothing of it runs afterwards."""
        self._met[point] += 1
        if self._crash_at == (point, self._met[point]):
            self.world.happened("killed", point=point, process=self.task)
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60.0)  # the signal arrives before this ends

    def note(self, line: str) -> None:
        """Add a line to the trace of this process."""
        self._trace.write(f"{time.time():.3f} {line}\n")
        self._trace.flush()

    def check(self, text: str, where: str) -> None:
        """Check that a text contains no secret and no token, and record one that does at once."""
        super().check(text, where)
        for leak in self.leaks:
            self.world.happened("leak", leak=leak)
        self.leaks.clear()

    def _counted(self, name: str, trouble: dict[str, Any]) -> dict[str, Any]:
        self.world.happened("fault", fault=f"{name}: {trouble['kind']}")
        return super()._counted(name, trouble)


class _SentLedger(Ledger):
    """Records each start before it is sent, so that a killed process has left word of it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(name)
        self._world = world

    def send(self) -> Post:
        post = super().send()
        self._world.happened("sent", tag=post.tag)
        return post


def prepare(world: World) -> None:
    """Patch the package for the rest of this process and its children."""
    for module in walk_packages(sailpoint_provider.__path__, "sailpoint_provider."):
        # Now, or each forked process would import it anew.
        if "simulator" not in module.name and "__main__" not in module.name:
            import_module(module.name)
    for name in ("aiohttp", "duckdb", "requests"):
        import_module(name)
    _connect(world)
    listen_to_logs()
    make_time_pass_quickly()
    put_mischief_between_steps(lambda url, client: _revoke(url, client))
    _put(SailPointDropWatcherTrigger, "log", _logger())
    _put(local, "os", _SteppedOs())
    local.open = _stepped_open  # type: ignore[attr-defined]
    _note_scans_and_claims(world)
    _note_checks(world)

    def get_dr_count(dag_id: str, run_ids: list[str], states: list[str], **_: Any) -> int:
        _step("before get_dr_count")
        if _mischief is not None and _mischief.disk.random() < DOUBT_CHANCE * min(1.0, world.weather):
            world.happened("doubt")
            raise ConnectionError("Airflow's API did not respond")
        return sum(world.is_active(run_id) for run_id in run_ids)

    _put(RuntimeTaskInstance, "get_dr_count", staticmethod(get_dr_count))


def _connect(world: World) -> None:
    for number, url in enumerate(world.tenants):
        extra = {
            "requests_per_10s": 1_000_000,
            "timeout": SILENCE_SECONDS,
            "upload_timeout": SILENCE_SECONDS,
        }
        fields = {"conn_type": "sailpoint", "host": url, "login": CLIENT_ID, "password": world.secret}
        os.environ[f"AIRFLOW_CONN_TENANT_{number}"] = json.dumps(fields | {"extra": extra})


def become(mischief: DropMischief) -> None:
    """Let this process have a mischief of its own."""
    global _mischief
    _mischief = mischief
    current.set(mischief)


def restore(world: World, process: str) -> None:
    """Undo what a process, by its name, did to a file that it had checked."""
    note = world.path("work", f"{process}.tampered")
    if not note.exists():
        return
    told = json.loads(note.read_text(encoding="utf-8"))
    path = Path(told["path"])
    if path.exists():
        with path.open("r+b") as file:
            file.write(world.path("work", f"{process}.original").read_bytes())
        os.utime(path, ns=(told["mtime_ns"], told["mtime_ns"]))
    note.unlink()


def _logger() -> Any:
    import logging

    return logging.getLogger("chaos.watcher")


def _revoke(url: str, client: str) -> None:
    SimulatorControl(url).revoke_tokens(client)


def _step(point: str) -> None:
    if _mischief is not None:
        _mischief.reach(point)


def _fault(call: str, when: str) -> None:
    """Let a call fail now and then, as on a network disk: before or after it took effect."""
    mischief = _mischief
    if mischief is not None and mischief.disk.random() < DISK_FAULT_CHANCE * min(1.0, mischief.weather):
        number = mischief.disk.choice(_DISK_ERRORS)
        mischief.world.happened("fault", fault=f"disk: {call} failed, {when} it took effect")
        raise OSError(number, os.strerror(number))


def _stepped(call: str, work: Any) -> Any:
    def stepped(*arguments: Any, **options: Any) -> Any:
        _step(f"before {call}")
        _fault(call, "before")
        done = work(*arguments, **options)
        _step(f"after {call}")
        if call not in ("scandir", "open"):
            _fault(call, "after")
        return done

    return stepped


_stepped_open = _stepped("open", open)


class _SteppedOs:
    """Stands in for the module ``os``."""

    def __init__(self) -> None:
        self._calls = {call: _stepped(call, getattr(os, call)) for call in DISK_CALLS}

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name) or getattr(os, name)


def _note_scans_and_claims(world: World) -> None:
    """Record which listing each claim was decided from."""
    scan, create = LocalPlace.scan, LocalPlace.create
    scanned: dict[str, float] = {}

    def noted_scan(self: LocalPlace, **options: Any) -> Any:
        scanned[self.location("")] = time.time()
        return scan(self, **options)

    def noted_create(self: LocalPlace, name: str, content: bytes) -> bool:
        body = json.loads(content)
        if body.get("kind") == "taken":
            world.happened("claim", token=body["token"], scanned=scanned.get(self.location(""), 0.0))
        return create(self, name, content)

    _put(LocalPlace, "scan", noted_scan)
    _put(LocalPlace, "create", noted_create)


def _note_checks(world: World) -> None:
    """Record each check, and change a file now and then after it passed."""
    check, check_in = FileChecker.check, CheckedFile._check_in

    def noted_check(self: FileChecker, file: Any) -> Any:
        _step("before check")
        report = check(self, file)
        world.happened("check", sha256=report.sha256, verdict=report.verdict, name=report.name)
        _step("after check")
        return report

    def tampered_check_in(self: CheckedFile, state: Any) -> Any:
        checked = check_in(self, state)
        mischief = _mischief
        if mischief is not None and mischief.disk.random() < TAMPER_CHANCE * min(1.0, mischief.weather):
            _tamper(Path(self.location), mischief)
        return checked

    _put(FileChecker, "check", noted_check)
    _put(CheckedFile, "_check_in", tampered_check_in)


def _tamper(path: Path, mischief: DropMischief) -> None:
    """Overwrite the last rows of a checked file in place, so that neither size nor time shows it."""
    if path.suffix != ".csv":
        return
    content, mtime_ns = path.read_bytes(), path.stat().st_mtime_ns
    mischief.beside("original").write_bytes(content)
    note = json.dumps({"path": str(path), "mtime_ns": mtime_ns})
    mischief.beside("tampered").write_text(note, encoding="utf-8")
    keep = content.rfind(b"\n", 0, len(content) * 2 // 3) + 1
    mischief.world.happened("tampered", name=path.name)
    with path.open("r+b") as file:
        file.write(content[:keep] + b"\n" * (len(content) - keep))
    os.utime(path, ns=(mtime_ns, mtime_ns))
