from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check import check, examine, staging
from sailpoint_provider.files.check.check import check_file
from sailpoint_provider.files.check.rules import FileCheck
from sailpoint_provider.files.check.tables import Tables
from sailpoint_provider.files.locate import file_source
from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, NOW, checked, last_of

pytestmark = pytest.mark.usefixtures("one_database")

_MIB = 2**20
_OTHER = csv([(p[0], p[1][:1], *p[2:]) for p in PEOPLE])


def _append(path):
    with path.open("ab") as stream:
        stream.write(b"1011,Ken,IT,x\n")


def _replace(path):
    other = path.with_suffix(".new")
    other.write_bytes(_OTHER)
    os.replace(other, path)


def _rewrite_with_the_same_size_and_time(path):
    before = path.stat()
    path.write_bytes(GOOD.replace(b"Gus", b"Guy"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


_CHANGES = {
    "grows": _append,
    "is replaced": _replace,
    "is cut": lambda path: path.write_bytes(GOOD[:60]),
    "is emptied": lambda path: path.write_bytes(b""),
    "is rewritten": _rewrite_with_the_same_size_and_time,
    "vanishes": lambda path: path.unlink(),
}
_STEPS = {
    "header": (examine, "_header"),
    "content": (examine, "_content"),
    "load": (Tables, "load"),
    "compare": (Tables, "compare"),
    "last check": (staging.StagedFile, "check_unchanged"),
    "examination": (check, "examine"),
}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("change", _CHANGES)
def test_a_file_that_changes_at_any_step_is_never_passed(tmp_path, monkeypatch, change, step, moment):
    path = tmp_path / "hr.csv"
    done = []
    owner, name = _STEPS[step]
    original = getattr(owner, name)

    def interrupted(*arguments, **options):
        if moment == "before" and not done:
            done.append(_CHANGES[change](path))
        result = original(*arguments, **options)
        if moment == "after" and not done:
            done.append(_CHANGES[change](path))
        return result

    if (step, moment) == ("last check", "after"):
        pytest.skip("from here on the upload compares the digest")
    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(InvalidInputError) as caught:
        checked(tmp_path, GOOD, last=csv(PEOPLE[:-1]))
    assert done
    assert not caught.value.final


def test_a_file_that_is_missing_is_not_refused_but_not_checked(tmp_path):
    with pytest.raises(InvalidInputError, match="Cannot find") as caught:
        check_file(file_source(str(tmp_path / "hr.csv")), FileCheck(), now=NOW)
    assert not caught.value.final


def test_an_empty_file_is_refused(tmp_path):
    report = checked(tmp_path, b"")
    assert (report.verdict, "it is empty" in report.sentence) == ("refused", True)


@pytest.mark.parametrize("content", [GOOD, GOOD[:50] + b'"', b"\xff\xfe", b""])
@pytest.mark.parametrize("name", ["hr.csv", "hr.csv.gz"])
def test_no_copy_and_no_spilled_row_is_left(tmp_path, monkeypatch, content, name):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    checked(tmp_path, content, last=GOOD, name=name)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("is_last", [False, True])
def test_unpacking_ends_before_the_disk_is_full(tmp_path, monkeypatch, is_last):
    def usage(folder):
        written = sum(one.stat().st_size for one in Path(folder).glob("*.csv") if not one.is_symlink())
        return SimpleNamespace(total=200 * _MIB, free=15 * _MIB - written)

    bomb, copied = gzip.compress(b"id\n" + b"x" * 30 * _MIB), []
    monkeypatch.setattr(shutil, "disk_usage", usage)
    write = staging._write
    monkeypatch.setattr(
        staging, "_write", lambda file, block: (copied.append(len(block)), write(file, block))
    )
    new, last = (GOOD, last_of(tmp_path, bomb, "last.csv.gz")) if is_last else (bomb, None)
    with pytest.raises(InvalidInputError, match=r"the disk would be full\. Set TMPDIR to a disk") as caught:
        checked(tmp_path, new, last=last, name="hr.csv" if is_last else "hr.csv.gz")
    assert not caught.value.final
    assert sum(copied) <= 5 * _MIB


def test_the_folder_of_a_check_is_private():
    with staging.private_folder() as folder:
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert not Path(folder).exists()


def test_a_file_in_a_store_is_checked_like_one_on_disk(tmp_path):
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/checked/hr.csv", GOOD)
    try:
        report = check_file(file_source("memory://checked/hr.csv"), FileCheck(), facts=FACTS, now=NOW)
    finally:
        store.rm("/checked", recursive=True)
    assert (report.verdict, report.sha256) == ("passed", checked(tmp_path, GOOD).sha256)


def test_neither_file_is_touched(tmp_path):
    last = last_of(tmp_path, csv(PEOPLE[:-1]))
    checked(tmp_path, GOOD, last=last)
    assert (tmp_path / "hr.csv").read_bytes() == GOOD
    assert sorted(one.name for one in tmp_path.iterdir()) == ["hr.csv", "last"]
