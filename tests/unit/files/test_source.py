"""The description of a file: its state, its examination, and changes after it."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.source import FileSource, FileState, Upload

LOCATION = "/drop/accounts.csv"
SECRET = "https://store/accounts.csv?signature=top-secret-words"


class FakeSource(FileSource):
    """A file whose state is set by the test."""

    name = "accounts.csv"
    location = LOCATION

    def __init__(self, size_bytes=10, change_marker="1"):
        self.state = FileState(size_bytes, change_marker)

    def stat(self):
        return self.state

    def open(self):
        raise RuntimeError(SECRET)


@pytest.fixture
def source():
    return FakeSource()


def test_a_plain_file_is_examined_without_reading_it(source):
    assert source.examine() == Upload(source, FileState(10, "1"), 10, None)


def test_a_file_in_the_state_in_which_it_was_examined_passes(source):
    source.examine().check_unchanged()


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (FileState(9, "1"), "from 10 to 9 bytes"),
        (FileState(9, "2"), "from 10 to 9 bytes"),
        (FileState(10, "2"), "its modification time or ETag differs"),
        (FileState(10, ""), "its modification time or ETag differs"),
    ],
)
def test_a_file_that_changed_is_refused_and_worth_another_try_of_the_task(source, now, difference):
    upload = source.examine()
    source.state = now
    with pytest.raises(
        InvalidInputError, match=rf"changed while it was being sent \({difference}\)"
    ) as failure:
        upload.check_unchanged()
    assert not failure.value.final
    assert LOCATION in str(failure.value)


def test_states_without_a_change_marker_are_never_certainly_the_same():
    assert FileState(10, "1").is_certainly(FileState(10, "1"))
    assert not FileState(10, "1").is_certainly(FileState(10, "2"))
    assert not FileState(10, "1").is_certainly(None)
    assert not FileState(10, "").is_certainly(FileState(10, ""))


def test_an_error_on_opening_shows_no_secret_of_its_store(source):
    with pytest.raises(
        InvalidInputError, match=r"Cannot read the file /drop/accounts.csv: RuntimeError"
    ) as failure:
        source.examine().open()
    assert not failure.value.final
    assert failure.value.__suppress_context__
    assert SECRET not in str(failure.value)


def test_an_error_of_our_own_on_opening_stays_what_it_is(source):
    source.open = lambda: (_ for _ in ()).throw(InvalidInputError("no store"))
    with pytest.raises(InvalidInputError, match="no store") as failure:
        source.examine().open()
    assert failure.value.final
