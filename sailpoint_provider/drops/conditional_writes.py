"""Writes and removals in a store that happen once: by a condition of the store, or else by a lease."""

from __future__ import annotations

import glob
import inspect
import threading
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_CONDITIONAL = frozenset({"s3", "gs", "abfs", "memory"})
"""Stores whose fsspec package can pass "only if it does not exist" on to the store, by their first name."""

_LEASE_SECONDS = 60.0
"""How old a lease must be to count as left by a process that died."""

SETTLE_SECONDS = 2.0
"""How long a process waits for the leases of others; a pause of this length between two steps is not safe."""

_in_this_process = threading.Lock()


def create_once(fs: Any, path: str, content: bytes) -> bool:
    """
    Write an object unless it exists.

    :param content: unique to this call, so that a store that ignores the condition is found out.
    :returns: whether this call wrote it.
    """
    condition = _condition(fs)
    if condition is None:
        return _create_with_lease(fs, path, content)
    try:
        # The in-memory file system checks and writes in two steps.
        with _in_this_process:
            fs.pipe_file(path, content, **condition)
    except Exception as error:
        if isinstance(error, FileExistsError) or type(error).__name__ == "ResourceExistsError":
            return False
        raise
    return bool(fs.cat_file(path) == content)


def _condition(fs: Any) -> dict[str, Any] | None:
    """Return the option for "only if it does not exist"; None if this store or its package has none."""
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    if not protocols & _CONDITIONAL:
        return None
    # Older packages accept the option and ignore it, unless they declare it.
    declared = inspect.signature(getattr(type(fs), "_pipe_file", type(fs).pipe_file)).parameters
    if "mode" in declared:
        return {"mode": "create"}
    return {"overwrite": False} if "overwrite" in declared else None


def _create_with_lease(fs: Any, path: str, content: bytes) -> bool:
    """
    Write an object once although the store has no condition for it.

    Each process puts down a lease, waits until the leases of all others must be visible, and gives way to the
    first of them.
    """
    lease = f"{path}.lease-{uuid.uuid4().hex}"
    if fs.exists(path):
        return False
    fs.pipe_file(lease, str(time.time()).encode())
    try:
        time.sleep(SETTLE_SECONDS)
        fs.invalidate_cache()
        if lease != min(_leases(fs, path)) or fs.exists(path):
            return False
        fs.pipe_file(path, content)
        return True
    finally:
        with suppress(FileNotFoundError):
            remove_file(fs, lease)


def _leases(fs: Any, path: str) -> list[str]:
    """Return the leases on an object that are not left over."""
    folder, _, name = path.rpartition("/")
    found = []
    for one in fs.ls(folder, detail=False):
        if one.rpartition("/")[2].startswith(f"{name}.lease-"):
            with suppress(FileNotFoundError, ValueError):
                if time.time() - float(fs.cat_file(one)) < _LEASE_SECONDS:
                    found.append(f"{folder}/{one.rpartition('/')[2]}")
    return found


def remove_if(fs: Any, path: str, marker: str, is_still: Callable[[], bool]) -> None:
    """
    Remove an object that is in a known state.

    S3 compares the state itself. Elsewhere a new object that arrives between the last look and the removal
    is lost, which takes milliseconds.

    :param marker: the state, which begins with the store's tag.
    :param is_still: looks once more.
    """
    if "s3" in fs.protocol and hasattr(fs, "call_s3"):
        bucket, key, _ = fs.split_path(path)
        with suppress(Exception):  # refused because of the condition, or a store that does not know it
            fs.call_s3("delete_object", Bucket=bucket, Key=key, IfMatch=marker.rpartition("@")[0])
            fs.invalidate_cache(path)
            return
    if is_still():
        with suppress(FileNotFoundError):
            remove_file(fs, path)


def remove_file(fs: Any, path: str) -> None:
    """
    Remove an object, also with a package that can only remove what a pattern fits.

    :raises FileNotFoundError: it may not be there.
    """
    try:
        fs.rm_file(path)
    except (AttributeError, NotImplementedError):  # as with old releases of adlfs
        if fs.isfile(path):  # a folder would be removed with all that is in it
            fs.rm(glob.escape(path))
