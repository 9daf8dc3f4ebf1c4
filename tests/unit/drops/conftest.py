"""Folders on a disk, in memory and on an S3 server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.unit.airflow_cases import OBJECT_STORAGE
from tests.unit.drops.drop_cases import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def local_folder(tmp_path: Path) -> Folder:
    """Give an empty folder on a disk."""
    (tmp_path / "drops").mkdir()
    return Folder(str(tmp_path / "drops"))


@pytest.fixture
def memory_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Give an empty folder in memory."""
    from airflow.sdk.io import attach
    from airflow.sdk.io import store as airflow_store
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.setattr(airflow_store, "_STORE_CACHE", {})
    store = MemoryFileSystem()
    attach("memory", fs=store)
    name = f"drops-{uuid4().hex}"
    yield Folder(f"memory://{name}/hr", store, f"/{name}/hr")
    store.store.clear()
    store.pseudo_dirs[:] = [""]


@pytest.fixture
def azure_like_folder(memory_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Give an empty folder whose store shows tags as old versions of adlfs do, and has no ``rm_file``."""
    store = type(memory_folder.fs)
    ls, info = store.ls, store.info

    def tag(found: dict[str, Any], form: str) -> dict[str, Any]:
        digest = hashlib.sha256(memory_folder.fs.cat_file(found["name"])).hexdigest()[:16]
        return found | {"etag": form.format(f"0x{digest}")}

    def listed(self: Any, path: str, detail: bool = True, **options: Any) -> list[Any]:
        found = ls(self, path, detail=detail, **options)
        return [tag(one, "{}") if detail and one["type"] == "file" else one for one in found]

    def looked_up(self: Any, path: str, **options: Any) -> dict[str, Any]:
        found = info(self, path, **options)
        return tag(found, '"{}"') if found["type"] == "file" else found

    def rm_file(self: Any, path: str) -> None:
        raise NotImplementedError

    def rm(self: Any, path: str, **options: Any) -> None:
        (found,) = self.expand_path(path)
        del store.store[found]

    for name, method in (("ls", listed), ("info", looked_up), ("rm_file", rm_file), ("rm", rm)):
        monkeypatch.setattr(store, name, method)
    return memory_folder


@pytest.fixture
def s3_folder(s3_clients: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Give an empty prefix of a bucket, reached through an Airflow connection."""
    from airflow.sdk.io import attach
    from airflow.sdk.io import store as airflow_store

    ours, other = s3_clients
    monkeypatch.setattr(airflow_store, "_STORE_CACHE", {})
    attach("s3", "drop_store", fs=ours)
    # Files are dropped by another client, which does not update the first one's cache.
    bucket = f"drops-{uuid4().hex}"
    other.mkdir(bucket)
    return Folder(f"s3://drop_store@{bucket}/hr", other, f"{bucket}/hr")


_KINDS = ["local", pytest.param("memory", marks=OBJECT_STORAGE)]


@pytest.fixture(params=_KINDS)
def folder(request: pytest.FixtureRequest) -> Folder:
    """Give an empty folder on a disk and one in a store."""
    given: Folder = request.getfixturevalue(f"{request.param}_folder")
    return given


@pytest.fixture(params=[*_KINDS, pytest.param("s3", marks=OBJECT_STORAGE)])
def every_folder(request: pytest.FixtureRequest) -> Folder:
    """Give an empty folder of each kind, for what must hold on a real object store too."""
    given: Folder = request.getfixturevalue(f"{request.param}_folder")
    return given
