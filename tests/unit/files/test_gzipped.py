"""A ``.gz`` is described by its content: measured once per state, named without the suffix."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.gzipped import GzippedFile, is_gzipped
from sailpoint_provider.files.local import LocalFile

CONTENT = b"id,name\n1,one\n"


class Opened(LocalFile):
    """A local file that records the streams it opened."""

    def __init__(self, path):
        super().__init__(str(path))
        self.streams = []

    def open(self):
        self.streams.append(super().open())
        return self.streams[-1]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "accounts.csv.gz").write_bytes(gzip.compress(CONTENT))
    return tmp_path / "accounts.csv.gz"


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ", "a.gz"])
def test_a_compressed_file_is_recognized_by_its_name_and_named_without_the_suffix(name):
    assert is_gzipped(name)
    assert GzippedFile(LocalFile(f"/drop/{name}")).name == name[:-3]


@pytest.mark.parametrize("name", ["a.csv", "a.gz.csv", "gz"])
def test_other_names_are_those_of_plain_files(name):
    assert not is_gzipped(name)


def test_a_file_without_any_other_name_keeps_its_own():
    assert GzippedFile(LocalFile("/drop/.gz")).name == ".gz"


def test_what_it_holds_is_measured_and_its_state_is_that_of_what_is_stored(path):
    upload = GzippedFile(LocalFile(str(path))).examine()
    assert upload.source.location == str(path)
    assert (upload.size_bytes, upload.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert upload.state == LocalFile(str(path)).stat()
    with upload.open() as stream:
        assert stream.read() == CONTENT


def test_its_state_is_known_without_opening_it(path):
    packed = Opened(path)
    assert GzippedFile(packed).stat() == packed.stat()
    assert packed.streams == []


def test_it_is_measured_again_only_after_a_change(path):
    packed = Opened(path)
    source = GzippedFile(packed)
    assert {source.examine().size_bytes for _ in range(3)} == {len(CONTENT)}
    assert len(packed.streams) == 1
    path.write_bytes(gzip.compress(CONTENT * 2))
    assert source.examine().size_bytes == 2 * len(CONTENT)
    assert len(packed.streams) == 2


def test_it_is_measured_every_time_where_the_store_has_no_change_marker(path):
    packed = Opened(path)
    packed.stat = lambda: type(LocalFile(str(path)).stat())(os.path.getsize(path), "")
    source = GzippedFile(packed)
    source.examine()
    source.examine()
    assert len(packed.streams) == 2


def test_the_compressed_file_is_closed_with_its_content(path):
    packed = Opened(path)
    GzippedFile(packed).open().close()
    assert packed.streams[0].closed


def test_a_damaged_file_is_closed_and_can_be_repaired_later(path):
    packed = Opened(path)
    path.write_bytes(gzip.compress(CONTENT)[:-4])
    with pytest.raises(
        InvalidInputError, match=r"Cannot decompress the file .*EOFError.*Nothing was sent"
    ) as failure:
        GzippedFile(packed).examine()
    assert not failure.value.final
    assert packed.streams[0].closed


def test_an_error_while_reading_shows_no_secret_of_its_store(path):
    packed = Opened(path)

    def refuse():
        raise RuntimeError("https://store/accounts.csv.gz?signature=top-secret-words")

    packed.open = refuse
    with pytest.raises(InvalidInputError, match="RuntimeError") as failure:
        GzippedFile(packed).examine()
    assert "top-secret-words" not in str(failure.value)
    assert failure.value.__suppress_context__


def test_a_file_that_holds_nothing_is_refused(path):
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(InvalidInputError, match="remove every account"):
        GzippedFile(LocalFile(str(path))).examine()
