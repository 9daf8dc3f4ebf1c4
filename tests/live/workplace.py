"""A working folder that one command at a time empties and locks."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class WorkplaceTakenError(RuntimeError):
    """Another command is using the folder."""


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Empty a folder and lock it for this process; its content stays afterwards for inspection."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        try:
            # The system releases the lock when this process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkplaceTakenError(f"The same command is already running in {folder}.") from error
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        yield folder
