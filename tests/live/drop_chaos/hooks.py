"""Puts kills and faults between all steps of a process that takes, checks, loads and files drops."""

from __future__ import annotations

import errno
import json
import logging
import os
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
from tests.live.chaos.clock import make_time_pass_quickly
from tests.live.chaos.faults import SILENCE_SECONDS
from tests.live.chaos.hooks import listen_to_logs, put, put_mischief_between_steps
from tests.live.drop_chaos.mischief import DISK_CALLS, of_process
from tests.live.drop_chaos.world import CLIENT_ID

if TYPE_CHECKING:
    from tests.live.drop_chaos.mischief import DropMischief
    from tests.live.drop_chaos.world import World

DISK_FAULT_CHANCE = 0.001
DOUBT_CHANCE = 0.03
TAMPER_CHANCE = 0.06
STALL_CHANCE = 0.6
LONGEST_STALL_SECONDS = 0.5
_DISK_ERRORS = (errno.EIO, errno.ESTALE, errno.ENOSPC)


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
    put(SailPointDropWatcherTrigger, "log", logging.getLogger("chaos.watcher"))
    put(local, "os", _SteppedOs())
    local.open = _stepped_open  # type: ignore[attr-defined]
    _note_scans_and_claims(world)
    _note_checks(world)

    def get_dr_count(dag_id: str, run_ids: list[str], states: list[str], **_: Any) -> int:
        _step("before get_dr_count")
        mischief = of_process()
        if mischief is not None and mischief.disk.random() < DOUBT_CHANCE * min(1.0, world.weather):
            world.happened("doubt")
            raise ConnectionError("Airflow's API did not respond")
        return sum(world.is_active(run_id) for run_id in run_ids)

    put(RuntimeTaskInstance, "get_dr_count", staticmethod(get_dr_count))


def _connect(world: World) -> None:
    for number, url in enumerate(world.tenants):
        extra = {
            "requests_per_10s": 1_000_000,
            "timeout": SILENCE_SECONDS,
            "upload_timeout": SILENCE_SECONDS,
        }
        fields = {"conn_type": "sailpoint", "host": url, "login": CLIENT_ID, "password": world.secret}
        os.environ[f"AIRFLOW_CONN_TENANT_{number}"] = json.dumps(fields | {"extra": extra})


def restore(world: World, process: str) -> bool:
    """Undo what a process, by its name, did to a file that it had checked; return whether it did anything."""
    note = world.path("work", f"{process}.tampered")
    if not note.exists():
        return False
    told = json.loads(note.read_text(encoding="utf-8"))
    path = Path(told["path"])
    if path.exists():
        with path.open("r+b") as file:
            file.write(world.path("work", f"{process}.original").read_bytes())
        os.utime(path, ns=(told["mtime_ns"], told["mtime_ns"]))
    note.unlink()
    return True


def _revoke(url: str, client: str) -> None:
    SimulatorControl(url).revoke_tokens(client)


def _step(point: str) -> None:
    if (mischief := of_process()) is not None:
        mischief.reach(point)


def _fault(call: str, when: str) -> None:
    """Let a call fail now and then, as on a network disk: before or after it took effect."""
    mischief = of_process()
    if mischief is not None and mischief.disk.random() < DISK_FAULT_CHANCE * min(1.0, mischief.weather):
        number = mischief.disk.choice(_DISK_ERRORS)
        mischief.world.happened("fault", fault=f"disk: {call} failed, {when} it took effect")
        raise OSError(number, os.strerror(number))


def _stall() -> None:
    """Pause between a decision and its record now and then, so that processes race for the same record."""
    mischief = of_process()
    if mischief is not None and mischief.disk.random() < STALL_CHANCE * min(1.0, mischief.weather):
        time.sleep(mischief.disk.uniform(0.0, LONGEST_STALL_SECONDS))


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
        _stall()
        return create(self, name, content)

    put(LocalPlace, "scan", noted_scan)
    put(LocalPlace, "create", noted_create)


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
        mischief = of_process()
        if mischief is not None and restore(world, mischief.task):
            # Whoever changed the file after the last check is done: the model knows only the dropped content.
            state = self.stat()
        checked = check_in(self, state)
        if mischief is not None and mischief.disk.random() < TAMPER_CHANCE * min(1.0, mischief.weather):
            _tamper(Path(self.location), mischief)
        return checked

    put(FileChecker, "check", noted_check)
    put(CheckedFile, "_check_in", tampered_check_in)


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
