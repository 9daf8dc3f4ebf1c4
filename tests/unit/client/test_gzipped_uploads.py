"""The content of a ``.csv.gz`` is sent, unless it changed between the two readings."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, asked, csv_of, opened_by, write_csv
from tests.unit.isc.isc_cases import load_accounts


def start_of(upload):
    return load_accounts(API_VERSIONS["v1"], HR, upload)


def write_packed(folder, rows=3, name="accounts.csv.gz"):
    path = folder / name
    path.write_bytes(gzip.compress(csv_of(rows).encode()))
    return path


@pytest.mark.parametrize("rows", [0, 1, 20_000])
@pytest.mark.parametrize("name", ["accounts.csv.gz", "accounts.CSV.GZ"])
def test_what_a_packed_file_holds_arrives(world, tenant, control, tmp_path, rows, name):
    content = csv_of(rows).encode()
    task = world.send(tenant, start_of(find_csv(write_packed(tmp_path, rows, name))))
    digest = hashlib.sha256(content).hexdigest()
    assert (task.file["name"], task.file["size_bytes"], task.file["sha256"]) == (
        name[:-3],
        len(content),
        digest,
    )
    (request,) = asked(control, "load_accounts")
    received = request["file"]
    assert (received["name"], received["size"], received["sha256"]) == (name[:-3], len(content), digest)


def test_a_file_of_several_packed_pieces_arrives_as_one(world, tenant, control, tmp_path):
    path, content = tmp_path / "accounts.csv.gz", csv_of(10).encode()
    path.write_bytes(gzip.compress(content[:100]) + gzip.compress(content[100:]))
    world.send(tenant, start_of(find_csv(path)))
    assert asked(control, "load_accounts")[0]["file"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_second_attempt_does_not_count_again(world, tenant, control, tmp_path):
    control.fault("rate_limit", path="load-accounts", times=1, retry_after=0)
    upload, opened = find_csv(write_packed(tmp_path, 100)), []

    def open_and_note():
        opened.append(True)
        return upload.open()

    task = world.send(tenant, start_of(opened_by(upload, open_and_note)))
    assert task.file["sha256"] == hashlib.sha256(csv_of(100).encode()).hexdigest()
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda packed: packed[: len(packed) // 2], "EOFError"),
        (lambda packed: packed[:-4], "EOFError"),
        (lambda packed: packed[:200] + b"\0" * 20 + packed[220:], ""),
        (lambda packed: packed[:-8] + b"\0" * 8, "BadGzipFile"),
        (lambda packed: b"id,name\n1,one\n", "BadGzipFile"),
    ],
    ids=["half", "without an end", "overwritten", "wrong sum", "no gzip"],
)
def test_a_damaged_file_is_reported_before_anything_is_sent(world, tenant, control, tmp_path, damage, what):
    path = tmp_path / "accounts.csv.gz"
    path.write_bytes(damage(gzip.compress(csv_of(500).encode())))
    with pytest.raises(
        InvalidInputError, match=rf"Cannot decompress the file .* \({what}.*Nothing was sent"
    ) as failure:
        world.send(tenant, start_of(find_csv(path)))
    assert not failure.value.final
    assert asked(control, "load_accounts") == []


def test_a_file_that_unpacks_to_nothing_is_not_sent(world, tenant, control, tmp_path):
    path = tmp_path / "accounts.csv.gz"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(InvalidInputError, match="remove every account"):
        world.send(tenant, start_of(find_csv(path)))
    assert asked(control, "load_accounts") == []


def test_a_packed_file_that_changes_after_it_was_counted_is_not_sent(world, tenant, control, tmp_path):
    path = write_packed(tmp_path)
    upload = find_csv(path)
    write_packed(tmp_path, 4)
    with pytest.raises(InvalidInputError, match="changed"):
        world.send(tenant, start_of(upload))
    assert asked(control, "load_accounts") == []


def test_a_packed_file_that_is_replaced_while_it_is_sent_starts_nothing(world, tenant, control, tmp_path):
    path = write_packed(tmp_path, 5000)
    upload = find_csv(path)

    def open_and_replace():
        stream = upload.open()
        stream.peek(1)
        path.unlink()
        write_packed(tmp_path, 5001)
        return stream

    with pytest.raises(InvalidInputError, match="changed"):
        world.send(tenant, start_of(opened_by(upload, open_and_replace)))
    assert control.runs() == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (lambda size, sha256: (size, "0" * 64), "its content differs from when it was examined"),
        (lambda size, sha256: (size - 1, sha256), "it continues after"),
        (lambda size, sha256: (size + 1, sha256), "it ends 1 bytes early"),
    ],
    ids=["hash", "longer", "shorter"],
)
def test_another_content_than_was_counted_starts_nothing(world, tenant, control, tmp_path, expected, told):
    upload = find_csv(write_packed(tmp_path, 5000))
    size, sha256 = expected(upload.size_bytes, upload.sha256)
    with pytest.raises(InvalidInputError, match=told):
        world.send(tenant, start_of(replace(upload, size_bytes=size, sha256=sha256)))
    assert control.runs() == []


def test_a_plain_file_is_opened_only_to_be_sent(world, tenant, tmp_path):
    upload, opened = find_csv(write_csv(tmp_path)), []

    def open_and_note():
        opened.append(True)
        return upload.open()

    world.send(tenant, start_of(opened_by(upload, open_and_note)))
    assert len(opened) == 1
