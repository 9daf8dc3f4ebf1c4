"""Files in stores (an S3 server, fsspec's own file systems): plain, gzipped, replaced during an upload."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from functools import partial
from uuid import uuid4

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from airflow.sdk.io import store as airflow_store
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files import object_storage
from sailpoint_provider.files.locate import file_source, find_csv
from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import OBJECT_STORAGE
from tests.unit.client.client_cases import opened_by

pytestmark = OBJECT_STORAGE

HR = "2c918085000000000000000000000a01"
HEADER = b"id,name,givenName,familyName,e-mail,department,manager,startDate,endDate\n"
MIB = 1024 * 1024


def csv_of(rows):
    return HEADER + b"".join(b"p%d,Person %d,,,,,,,\n" % (number, number) for number in range(rows))


@pytest.fixture
def attached(monkeypatch):
    """Attach a file system to a scheme for one test."""
    monkeypatch.setattr(airflow_store, "_STORE_CACHE", {})
    return lambda protocol, fs, conn_id=None: attach(protocol, conn_id, fs=fs)


@pytest.fixture
def bucket(s3_clients, attached):
    """Return a bucket of the S3 server, attached to ``s3://`` with and without a connection."""
    store, other = s3_clients
    attached("s3", store)
    attached("s3", store, "drop_store")
    name = f"drop-{uuid4().hex}"
    store.mkdir(name)
    return name, store, other


@pytest.fixture
def hook(tenant):
    with_connection = SailPointHook()
    yield with_connection
    with_connection.close()


def received(tenant):
    return [
        one["file"] for one in tenant.control.requests() if one["call"] == "load_accounts" and one["file"]
    ]


def located(kind, content, bucket, memory_store, tmp_path, name):
    if kind == "memory":
        memory_store.pipe_file(f"/drop/{name}", content)
        return f"memory://drop/{name}"
    if kind == "file":
        (tmp_path / name).write_bytes(content)
        return (tmp_path / name).as_uri()
    bucket[2].pipe_file(f"{bucket[0]}/{name}", content)
    location = f"s3://{bucket[0]}/{name}"
    if kind == "s3":
        return location
    return ObjectStoragePath(f"s3://drop_store@{bucket[0]}/{name}")


@pytest.mark.parametrize("name", ["accounts.csv", "accounts.csv.gz"])
@pytest.mark.parametrize("kind", ["s3", "s3 with a connection", "memory", "file"])
def test_a_file_arrives_from_every_store(kind, name, bucket, attached, tmp_path, tenant, hook):
    memory_store = fsspec.filesystem("memory", skip_instance_cache=True)
    attached("memory", memory_store)
    content = csv_of(50_000)  # more than is fetched at once
    stored = gzip.compress(content, compresslevel=1) if name.endswith(".gz") else content
    task = hook.load_accounts(HR, located(kind, stored, bucket, memory_store, tmp_path, name))
    digest = hashlib.sha256(content).hexdigest()
    assert (task.file["name"], task.file["size_bytes"], task.file["sha256"]) == (
        "accounts.csv",
        len(content),
        digest,
    )
    assert [(file["size"], file["sha256"]) for file in received(tenant)] == [(len(content), digest)]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_an_object_that_is_replaced_before_it_is_sent_is_not_sent(bucket, packed, hook, tenant):
    name, store, other = bucket
    key = f"{name}/accounts.csv" + (".gz" if packed else "")
    pack = gzip.compress if packed else bytes
    other.pipe_file(key, pack(csv_of(10)))
    store.ls(name)  # a cached listing must not replace a look at the store
    upload = find_csv(f"s3://{key}")
    other.pipe_file(key, pack(csv_of(10).replace(b"p1", b"q1")))
    with pytest.raises(InvalidInputError, match="changed") as failure:
        hook.load_accounts(HR, upload)
    assert not failure.value.final
    assert tenant.control.runs() == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("world", ["blocking", "event_loop"])
def test_an_object_that_is_replaced_while_it_is_sent_starts_nothing(bucket, packed, world, hook, tenant):
    name, _, other = bucket
    key, content = f"{name}/accounts.csv" + (".gz" if packed else ""), os.urandom(4 * MIB)
    pack = partial(gzip.compress, compresslevel=1) if packed else bytes
    other.pipe_file(key, pack(content))
    upload = find_csv(f"s3://{key}")

    class ReplacedAtItsEnd:
        def __init__(self):
            self.stream, self.left = upload.open(), len(content)

        def read(self, size):
            block = self.stream.read(size)
            self.left -= len(block)
            if self.left <= 0:
                other.pipe_file(key, pack(b"x" + content[1:]))
                self.left = len(content)
            return block

        def close(self):
            self.stream.close()

    changing = opened_by(upload, ReplacedAtItsEnd)
    start = (
        hook.load_accounts if world == "blocking" else lambda *args: asyncio.run(hook.aload_accounts(*args))
    )
    with pytest.raises(InvalidInputError, match="changed while it was being sent"):
        start(HR, changing)
    assert tenant.control.runs() == []


def test_an_object_that_is_replaced_between_two_reads_is_never_mixed(bucket, hook, tenant):
    name, _, other = bucket
    key = f"{name}/accounts.csv"
    other.pipe_file(key, b"a" * (8 * MIB))
    upload = find_csv(f"s3://{key}")

    def open_and_replace():
        stream = upload.open()
        stream.read(1)
        stream.seek(0)
        other.pipe_file(key, b"b" * (8 * MIB))
        return stream

    with pytest.raises(InvalidInputError, match=r"Cannot read the file|changed"):
        hook.load_accounts(HR, opened_by(upload, open_and_replace))
    assert tenant.control.runs() == []


def test_an_object_is_fetched_in_small_pieces(bucket, monkeypatch):
    import s3fs.core

    name, _, other = bucket
    other.pipe_file(f"{name}/accounts.csv", b"a" * (6 * MIB))
    fetched = []
    fetch = s3fs.core._fetch_range

    def fetch_and_note(fs, bucket, key, version_id, start, end, **options):
        fetched.append(end - start)
        return fetch(fs, bucket, key, version_id, start, end, **options)

    monkeypatch.setattr(s3fs.core, "_fetch_range", fetch_and_note)
    with find_csv(f"s3://{name}/accounts.csv").open() as stream:
        assert sum(map(len, iter(partial(stream.read, MIB), b""))) == 6 * MIB
    assert len(fetched) > 2
    assert max(fetched) <= 2 * MIB


def test_a_missing_object_may_come_later(bucket):
    with pytest.raises(InvalidInputError, match=r"Cannot find the file s3://.*/missing\.csv") as failure:
        find_csv(f"s3://{bucket[0]}/missing.csv")
    assert not failure.value.final


def test_a_packed_file_is_not_read_before_its_turn(bucket, monkeypatch):
    name, store, other = bucket
    other.pipe_file(f"{name}/accounts.csv.gz", gzip.compress(csv_of(5)))
    monkeypatch.setattr(store, "open", None)
    source = file_source(f"s3://{name}/accounts.csv.gz")
    assert (source.name, source.stat().change_marker[:5]) == ("accounts.csv", "ETag=")


def test_a_store_that_airflow_does_not_know_is_reached_through_fsspec(attached):
    store = fsspec.filesystem("memory")
    store.pipe_file("/unattached/accounts.csv", csv_of(3))
    try:
        upload = find_csv("memory://unattached/accounts.csv")
        with upload.open() as stream:
            assert stream.read() == csv_of(3)
        upload.check_unchanged()
    finally:
        store.rm("/unattached", recursive=True)


class PlainStore(AbstractFileSystem):
    """A file system whose files accept no cache options."""

    protocol = "plainstore"
    content = csv_of(4)

    def info(self, path, **_):
        return {"name": path, "size": len(self.content), "type": "file", "mtime": 1}

    def _open(self, path, mode="rb", block_size=None, autocommit=True, cache_options=None):
        return PlainFile(self, path, mode, block_size or 2, size=len(self.content))


class PlainFile(AbstractBufferedFile):
    def _fetch_range(self, start, end):
        return PlainStore.content[start:end]


def test_a_store_that_knows_no_read_ahead_is_read_too(attached, monkeypatch):
    attached("file", PlainStore())
    with find_csv("file:///accounts.csv").open() as stream:
        assert stream.read() == PlainStore.content


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ghp_token@host/hr.csv", "https://***@host/hr.csv"),
        ("sftp://user@host/hr.csv", "sftp://***@host/hr.csv"),
        ("https://user:word@host/hr.csv?sig=x", "https://***@host/hr.csv"),
        ("s3://conn@bucket/hr.csv", "s3://conn@bucket/hr.csv"),
        ("abfs://container@account/hr.csv", "abfs://container@account/hr.csv"),
    ],
)
def test_what_stands_before_a_host_is_hidden_where_it_may_be_a_secret(url, shown):
    assert object_storage._without_secrets(url) == shown
