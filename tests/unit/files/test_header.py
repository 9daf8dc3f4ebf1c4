"""The header of a file: read only from the content that is meant."""

from __future__ import annotations

import gzip

import pytest

from sailpoint_provider.files.gzipped import GzippedFile
from sailpoint_provider.files.header import columns_in_state
from sailpoint_provider.files.local import LocalFile


def written(path, content):
    path.write_bytes(content)
    return LocalFile(str(path))


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"id,name\n1,Ada\n", ("id", "name")),
        (b"\xef\xbb\xbfid,name\r\n1,Ada\r\n", ("id", "name")),
        (b'"a ""quoted"" name","with\nline",c\n', ('a "quoted" name', "with\nline", "c")),
        (b"id,name", ("id", "name")),
        (b'id,"name\n1,Ada\n', None),
        (b"id,n\xe4me\n", None),
    ],
)
def test_the_first_row_is_returned_if_it_can_be_read(tmp_path, content, columns):
    file = written(tmp_path / "hr.csv", content)
    assert columns_in_state(file, file.stat()) == columns


def test_of_a_compressed_file_the_content_counts(tmp_path):
    file = GzippedFile(written(tmp_path / "hr.csv.gz", gzip.compress(b"id,name\n1,Ada\n")))
    assert columns_in_state(file, file.stat()) == ("id", "name")


def test_another_state_of_the_file_has_no_header(tmp_path):
    file = written(tmp_path / "hr.csv", b"id,name\n1,Ada\n")
    meant = file.stat()
    written(tmp_path / "hr.csv", b"1,Ada,born 1815\n")
    assert columns_in_state(file, meant) is None
