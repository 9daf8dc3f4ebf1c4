"""A long upload reports its progress, a short one does not."""

from __future__ import annotations

import pytest

from sailpoint_provider.client.upload_progress import UploadProgress

GIB, MIB = 1024**3, 1024**2


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def follow(clock, size, flow, name="accounts.csv"):
    """Send the given bytes after the given seconds; return all reports."""
    progress, said = UploadProgress(name, size, clock), []
    for seconds, count in flow:
        clock.now += seconds
        said.append(progress.add(count))
    said.append(progress.end())
    return [sentence for sentence in said if sentence]


def test_a_short_upload_says_nothing(clock):
    assert follow(clock, 100 * MIB, [(0.1, MIB)] * 100) == []


def test_a_long_upload_speaks_about_every_thirty_seconds_and_at_its_end(clock):
    said = follow(clock, 2 * GIB, [(1.0, 20 * MIB)] * 102 + [(1.0, 8 * MIB)])
    assert said == [
        "Sent 0.6 of 2.0 GiB (29 %) of accounts.csv, 20 MiB/s.",
        "Sent 1.2 of 2.0 GiB (58 %) of accounts.csv, 20 MiB/s.",
        "Sent 1.8 of 2.0 GiB (87 %) of accounts.csv, 20 MiB/s.",
        "Sent all 2.0 GiB of accounts.csv in 103 s, 20 MiB/s.",
    ]


def test_the_pace_is_that_of_the_time_since_the_last_word(clock):
    said = follow(clock, 100 * MIB, [(30.0, 60 * MIB), (40.0, 20 * MIB), (1.0, 20 * MIB)])
    assert said == [
        "Sent 60 of 100 MiB (60 %) of accounts.csv, 2.0 MiB/s.",
        "Sent 80 of 100 MiB (80 %) of accounts.csv, 512 KiB/s.",
        "Sent all 100 MiB of accounts.csv in 71 s, 1.4 MiB/s.",
    ]


def test_a_clock_that_stands_still_says_nothing(clock):
    assert follow(clock, 10, [(0.0, 10)]) == []
