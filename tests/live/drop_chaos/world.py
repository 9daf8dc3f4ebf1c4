"""What all processes of a run share: where everything lies, what time it is, and what has happened."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.live.chaos.clock import CLOCK
from tests.live.drop_chaos.files import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sailpoint_provider.assets.drops import SailPointDropFolder
    from tests.live.drop_chaos.files import Folder

Json = dict[str, Any]

DAG_ID = "load_drops"
CLIENT_ID = "drop-chaos"
QUIET_SECONDS = 2.0
SCAN_SECONDS = 0.2
REMIND_SECONDS = 5.0
RETRIES = 3


@dataclass(frozen=True)
class Source:
    """
    A source of the run.

    :param id: its ID.
    :param name: its name.
    :param folder: name of the folder in which its files are dropped.
    :param tenant: number of its tenant.
    """

    id: str
    name: str
    folder: str
    tenant: int


@dataclass(frozen=True)
class World:
    """
    The run, as every process of it needs to know it.

    :param root: the working folder.
    :param seed: seed of the run.
    :param weather: factor on the probability of crashes and faults.
    :param sources: all sources.
    :param tenants: URLs of the tenants.
    :param broken: how the package is broken on purpose; empty for not at all.
    :param clock: epoch and monotonic time at which the quick clock began.
    """

    root: str
    seed: str
    weather: float
    sources: tuple[Source, ...]
    tenants: tuple[str, ...]
    broken: str = ""
    clock: tuple[float, float] = field(default_factory=lambda: (CLOCK._epoch, CLOCK._begun))

    def save(self) -> Path:
        """Write it for the other processes."""
        for name in ("events", "runs", "work", *(folder.name for folder in FOLDERS)):
            self.path(name).mkdir(exist_ok=True)
        path = self.path("world.json")
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path

    @classmethod
    def enter(cls, path: str) -> World:
        """Read it in another process, and let the quick clock of that process show the same time."""
        known = json.loads(Path(path).read_text(encoding="utf-8"))
        known["sources"] = tuple(Source(**one) for one in known["sources"])
        known["tenants"], known["clock"] = tuple(known["tenants"]), tuple(known["clock"])
        world = cls(**known)
        CLOCK._epoch, CLOCK._begun = world.clock
        return world

    def path(self, *parts: str) -> Path:
        """Return a path in the working folder."""
        return Path(self.root, *parts)

    @property
    def secret(self) -> str:
        """The client's secret, which must appear nowhere."""
        return f"secret-{hashlib.sha256(f'{self.seed}:drops'.encode()).hexdigest()}"

    def folder(self, folder: Folder) -> SailPointDropFolder:
        """Return a folder as a DAG file describes it."""
        from sailpoint_provider.assets.drops import SailPointDropFolder

        names = [source.name for source in self.sources if source.folder == folder.name]
        whose: Json = {"source_id_in_name": True}
        if not folder.by_id:
            whose = {"sources": {f"{name}-*": name for name in names} or {"none-*": "none"}}
        return SailPointDropFolder(
            str(self.path(folder.name)),
            complete=folder.complete,
            quiet_for=QUIET_SECONDS,
            scan_interval=SCAN_SECONDS,
            remind_after=REMIND_SECONDS,
            **whose,
        )

    def source_of(self, drop: Json) -> Source:
        """Return the source of a drop."""
        return next(
            one for one in self.sources if drop["source_id"] == one.id or drop["source_name"] == one.name
        )

    def real_time(self, quick: float) -> float:
        """Return the real epoch seconds of a moment of the quick clock."""
        from tests.live.chaos.clock import FACTOR

        return self.clock[0] + (quick - self.clock[0]) / FACTOR

    def mark(self, run_id: str, *, active: bool) -> None:
        """Record whether a DAG run is not over yet."""
        path = self.path("runs", run_id)
        draft = path.with_suffix(".draft")
        draft.write_text("active" if active else "over", encoding="utf-8")
        draft.replace(path)

    def is_active(self, run_id: str) -> bool:
        """Return whether a DAG run is not over yet."""
        try:
            return self.path("runs", run_id).read_text(encoding="utf-8") == "active"
        except FileNotFoundError:
            return False

    def happened(self, what: str, **details: Any) -> None:
        """Record an event in one write, so that it is whole or missing even if the process is killed."""
        event = {"what": what, "pid": os.getpid(), "at": time.time(), **details}
        line = f"{json.dumps(event)}\n".encode()
        file = os.open(self.path("events", f"{os.getpid()}.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def events(self) -> list[Json]:
        """Return all events, in the order in which they happened."""
        found: list[Json] = []
        for path in self.path("events").glob("*.jsonl"):
            found += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted(found, key=lambda event: event["at"])


class Tail:
    """
    Reads what is appended to files.

    :param folder: where they are.
    :param pattern: which they are.
    """

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern
        self._read: dict[Path, int] = {}

    def lines(self) -> Iterator[Json]:
        """Yield the JSON lines that came since the last call."""
        for path in sorted(self._folder.glob(self._pattern)):
            content = path.read_bytes()[self._read.get(path, 0) :]
            whole = content[: content.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            yield from (json.loads(line) for line in whole.splitlines())
