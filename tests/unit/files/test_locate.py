"""Locating a file: every kind of location, every reason to refuse one, and no secret shown."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from sailpoint_provider._airflow.parameters import plain_path
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.locate import file_source, find_csv
from tests.unit.airflow_cases import OBJECT_STORAGE

CONTENT = b"id,name\n1,one\n"


@pytest.fixture
def file(tmp_path):
    (tmp_path / "accounts.csv").write_bytes(CONTENT)
    return tmp_path / "accounts.csv"


def refusal(location):
    with pytest.raises(InvalidInputError) as caught:
        find_csv(location)
    return caught.value


@pytest.mark.parametrize("form", [str, Path])
def test_a_local_file_is_described_and_opened_only_when_asked(file, form):
    upload = find_csv(form(file))
    assert (upload.source.name, upload.size_bytes) == ("accounts.csv", len(CONTENT))
    with upload.open() as stream:
        assert stream.read() == CONTENT
    upload.check_unchanged()


def test_spaces_belong_to_the_name(file):
    spaced = file.rename(file.with_name("accounts.csv "))
    assert find_csv(str(spaced)).source.name == "accounts.csv "


@OBJECT_STORAGE
@pytest.mark.parametrize("form", [str, ObjectStoragePath], ids=["text", "ObjectStoragePath"])
def test_a_stored_file_is_described_and_opened_only_when_asked(memory_store, form):
    memory_store.pipe_file("/drop/accounts.csv", CONTENT)
    location = form("memory://drop/accounts.csv")
    upload = find_csv(location)
    assert (upload.source.location, upload.source.name) == (str(location), "accounts.csv")
    assert upload.size_bytes == len(CONTENT)
    with upload.open() as stream:
        assert stream.read() == CONTENT


@OBJECT_STORAGE
def test_a_file_url_is_the_local_file(file):
    assert find_csv(file.as_uri()).size_bytes == len(CONTENT)


def test_a_file_that_changed_is_noticed(file):
    upload = find_csv(file)
    file.write_bytes(CONTENT + b"2,two\n")
    with pytest.raises(InvalidInputError, match="changed") as caught:
        upload.check_unchanged()
    assert not caught.value.final


@OBJECT_STORAGE
def test_a_stored_file_that_changed_is_noticed(memory_store):
    memory_store.pipe_file("/drop/accounts.csv", CONTENT)
    upload = find_csv("memory://drop/accounts.csv")
    memory_store.pipe_file("/drop/accounts.csv", CONTENT * 2)
    with pytest.raises(InvalidInputError, match="changed"):
        upload.check_unchanged()


def test_a_missing_file_may_come_later(tmp_path):
    error = refusal(tmp_path / "accounts.csv")
    assert not error.final
    assert str(error).startswith(
        f"Cannot find the file {tmp_path / 'accounts.csv'} from this worker: No such file or directory."
    )


def test_a_file_that_may_come_later_has_a_source_and_what_can_never_work_has_none(tmp_path):
    source = file_source(tmp_path / "accounts.csv")
    with pytest.raises(InvalidInputError):
        source.stat()
    (tmp_path / "accounts.csv").write_bytes(CONTENT)
    assert source.stat().size_bytes == len(CONTENT)
    for location in ("  ", tmp_path, "unknown-store://bucket/accounts.csv"):
        with pytest.raises(InvalidInputError) as caught:
            file_source(location)
        assert caught.value.final


def test_an_empty_file_may_be_filled_later(file):
    file.write_bytes(b"")
    error = refusal(file)
    assert not error.final
    assert "remove every account" in str(error)


def test_a_file_that_may_not_be_read_may_be_readable_later(file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert not refusal(file).final


@pytest.mark.parametrize("location", ["", "   "])
def test_empty_text_is_final(location):
    assert refusal(location).final


def test_a_folder_is_final(tmp_path):
    assert refusal(tmp_path).final


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_final(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").final


@OBJECT_STORAGE
def test_stored_files_are_refused_for_the_same_reasons(memory_store):
    memory_store.pipe_file("/drop/empty.csv", b"")
    assert not refusal("memory://drop/missing.csv").final
    assert not refusal("memory://drop/empty.csv").final
    assert refusal("memory://drop").final


def test_a_scheme_that_no_store_has_is_final():
    assert refusal("unknown-store://bucket/accounts.csv").final


@OBJECT_STORAGE
@pytest.mark.parametrize(
    "url",
    [
        "memory://drop/accounts.csv?signature=top-secret-words",
        "unknown-store://user:top-secret-words@bucket/accounts.csv",
        "unknown-store://bucket/accounts.csv?X-Amz-Signature=top-secret-words",
    ],
)
def test_what_a_url_hides_is_not_shown(memory_store, url):
    assert "top-secret-words" not in str(refusal(url))


def test_a_path_becomes_text_so_that_rendering_leaves_it_alone():
    assert plain_path(PurePosixPath("/drop/accounts.csv")) == "/drop/accounts.csv"
    assert plain_path("/drop/{{ ds }}.csv") == "/drop/{{ ds }}.csv"
    assert plain_path(None) is None


@OBJECT_STORAGE
def test_an_object_storage_path_stays_what_it_is():
    location = ObjectStoragePath("file:///drop/accounts.csv")
    assert plain_path(location) is location
