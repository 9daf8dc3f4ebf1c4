"""Shared by the tests of drop folders: a place that a test can fill, on a disk or in a store."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.drops.filing import file_away
from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import Takings, take_drops

HR = "2c918085000000000000000000000a01"
CONTRACTORS = "2c918085000000000000000000000a02"
NOW = 1_795_600_000.0


@dataclass
class Folder:
    """A watched folder, and another client that drops files there."""

    url: str
    fs: Any = None
    root: str = ""
    active: set[str] = field(default_factory=set)

    def rules(self, **changed: Any) -> FolderRules:
        whose = {"source_id", "source_name", "sources", "source_id_in_name"} & changed.keys()
        usual: dict[str, Any] = {"complete": "renamed"} | ({} if whose else {"source_name": "HR"})
        return FolderRules(url=self.url, **usual | changed)

    def drop(self, name: str, content: bytes | str = b"id\n1\n", age: float = 0.0) -> None:
        """Put a complete file there; on a disk, modified so many seconds ago."""
        content = content.encode() if isinstance(content, str) else content
        if self.fs is not None:
            self.fs.pipe_file(f"{self.root}/{name}", content)
            return
        path = Path(self.url, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".draft.part")
        draft.write_bytes(content)
        if age:
            then = draft.stat().st_mtime - age
            os.utime(draft, (then, then))
        draft.rename(path)

    def remove(self, name: str) -> None:
        """Delete a file."""
        if self.fs is not None:
            self.fs.rm_file(f"{self.root}/{name}")
        else:
            Path(self.url, name).unlink()

    def make_folder(self, name: str) -> None:
        """Create an empty subfolder; a store has none."""
        if self.fs is None:
            Path(self.url, name).mkdir()

    def remove_folder(self, name: str) -> None:
        """Delete a subfolder that holds no files any more; a store has none."""
        if self.fs is None:
            shutil.rmtree(Path(self.url, name))

    def files(self, *, hidden: bool = False) -> dict[str, bytes]:
        """Return what is there, by name."""
        if self.fs is not None:
            self.fs.invalidate_cache()
            start = len(self.root) + 1
            found = {
                name.lstrip("/")[start - self.root.startswith("/") :]: self.fs.cat_file(name)
                for name in self.fs.find(self.root)
            }
        else:
            found = {
                path.relative_to(self.url).as_posix(): path.read_bytes()
                for path in Path(self.url).rglob("*")
                if path.is_file()
            }
        return {name: content for name, content in found.items() if hidden or not name.startswith(".sail")}

    def read(self, location: str) -> bytes:
        return self.files(hidden=True)[location.removeprefix(self.url + "/")]

    def take(self, run: str = "run 1", rules: FolderRules | None = None, **options: Any) -> Takings:
        """Take the drops of a run; only the runs in ``active`` are not over."""
        return take_drops(
            rules or self.rules(),
            Run("load", run),
            active=lambda other: other.run_id in self.active,
            **options,
        )

    def file(self, drop: dict[str, Any], outcome: Any = "loaded", now: float = NOW, **options: Any) -> str:
        options = {"source_id": HR, "record": {"sha256": "5" * 64, "aggregation_id": "a" * 32}} | options
        return file_away(drop, outcome, now=now, **options)


def names(takings: Takings) -> list[str]:
    return [drop["name"] for drop in takings.drops]


def watched(folder, **changed):
    """Describe a folder of the tests for DAGs."""
    return SailPointDropFolder(folder.url, **({"source_name": "HR", "complete": "renamed"} | changed))


def context(run="run 1", events=()):
    """Give the part of a task's context that takes drops."""
    return {
        "ti": SimpleNamespace(dag_id="load", run_id=run),
        "triggering_asset_events": {"asset": [SimpleNamespace(extra=extra) for extra in events]},
    }
