"""Watchers: each complete file is reported once, and again where it would be forgotten."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from types import SimpleNamespace

import pytest

from sailpoint_provider.drops import watching
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.drops.scanner import Snapshot
from tests.unit.drops.drop_cases import CONTRACTORS, HR
from tests.unit.drops.watcher_cases import SCAN, rules_of, watching_for


@pytest.fixture(autouse=True)
def activity(monkeypatch):
    """Let a test decide which runs are active; None for unknown."""
    states = {}
    monkeypatch.setattr(
        watching.FolderWatch.__init__,
        "__kwdefaults__",
        {"active": lambda run: states.get(run.run_id), "log": watching.log},
    )
    monkeypatch.setattr(watching, "_ASK_AGAIN_SECONDS", SCAN)
    return states


def test_a_file_is_reported_once_with_what_a_run_needs(folder):
    async def story():
        folder.drop("hr.csv", "id\n1\n")
        async with watching_for(rules_of(folder)) as watcher:
            await watcher.has(1)
            await watcher.stays_quiet()
            return watcher.events[0]

    event = asyncio.run(story())
    assert event.pop("dropped_at") == pytest.approx(time.time(), abs=60)
    assert event.pop("change_marker")
    assert event == {
        "url": f"{folder.url}/hr.csv",
        "name": "hr.csv",
        "size_bytes": 5,
        "source_id": None,
        "source_name": "HR",
    }


def test_a_file_that_comes_later_is_reported_soon(folder):
    async def story():
        folder.drop("other.txt")
        async with watching_for(rules_of(folder)) as watcher:
            await watcher.stays_quiet()
            folder.drop("hr.csv")
            await watcher.has(1)

    asyncio.run(story())


def test_a_new_file_of_the_same_name_is_reported_again(folder):
    async def story():
        folder.drop("hr.csv", "1")
        async with watching_for(rules_of(folder)) as watcher:
            await watcher.has(1)
            folder.drop("hr.csv", "12")
            await watcher.has(2)
            return [event["size_bytes"] for event in watcher.events]

    assert asyncio.run(story()) == [1, 2]


def test_a_file_whose_name_is_not_utf8_is_logged_once_and_not_reported(local_folder, caplog, capsys):
    async def main():
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.has(1)
            await watcher.stays_quiet()
            assert watcher.names == ["hr.csv"]

    local_folder.drop("\udcdcber.csv", age=10)
    local_folder.drop("hr.csv")
    asyncio.run(main())
    warning = rf"Ignoring a file in {local_folder.url}: The name \udcdcber.csv is not valid UTF-8"
    assert sorted(logged.count(warning) for logged in (caplog.text, capsys.readouterr().out))[-1] == 1


def test_a_digest_that_does_not_fit_is_logged_once_for_each_state(local_folder, caplog, capsys):
    async def main():
        async with watching_for(rules_of(local_folder, complete="companion")) as watcher:
            await watcher.stays_quiet()
            local_folder.drop("hr.csv.sha256", "1" * 64)
            await watcher.stays_quiet()
            assert watcher.names == []

    local_folder.drop("hr.csv")
    local_folder.drop("hr.csv.sha256", "0" * 64)
    asyncio.run(main())
    logged = (caplog.text, capsys.readouterr().out)
    for digest in ("0" * 64, "1" * 64):
        assert sorted(text.count(f"but hr.csv.sha256 says {digest}") for text in logged)[-1] == 1


def test_a_growing_file_is_not_reported_before_it_is_quiet(local_folder):
    async def story():
        path = f"{local_folder.url}/hr.csv"
        rules = rules_of(local_folder, complete="quiet", quiet_for=0.6)
        async with watching_for(rules) as watcher:
            for line in range(12):
                with open(path, "a") as file:  # noqa: ASYNC230 - a few bytes
                    file.write(f"{line}\n")
                os.utime(path, (1e9, 1e9))  # as a copy that preserves the time
                await asyncio.sleep(0.1)
            assert watcher.events == []
            grown = time.monotonic()
            await watcher.has(1)
            assert time.monotonic() - grown >= 0.5
            assert watcher.events[0]["size_bytes"] == 26

    asyncio.run(story())


def test_a_restart_does_not_make_a_file_quiet(local_folder):
    async def story():
        local_folder.drop("hr.csv", age=86400)
        rules = rules_of(local_folder, complete="quiet", quiet_for=0.6)
        for _ in range(3):
            async with watching_for(rules) as watcher:
                await watcher.stays_quiet(0.3)
                assert watcher.events == []
        async with watching_for(rules) as watcher:
            await watcher.has(1)

    asyncio.run(story())


def test_the_next_file_of_a_source_is_reported_when_the_last_one_is_filed(folder, activity):
    async def story():
        folder.drop("1.csv", age=20)
        folder.drop("2.csv", age=10)
        async with watching_for(rules_of(folder)) as watcher:
            await watcher.has(1)
            activity["run 1"] = True
            (drop,) = await asyncio.to_thread(lambda: folder.take("run 1").drops)
            await watcher.stays_quiet()
            await asyncio.to_thread(folder.file, drop)
            await watcher.has(2)
            await watcher.stays_quiet()
            assert watcher.names == ["1.csv", "2.csv"]

    asyncio.run(story())


def test_a_run_that_is_over_does_not_hold_back_the_next_file(folder, activity):
    async def story():
        folder.drop("1.csv", age=20)
        await asyncio.to_thread(folder.take, "run 1")
        folder.drop("2.csv")
        async with watching_for(rules_of(folder)) as watcher:
            activity["run 1"] = True
            await watcher.stays_quiet()
            activity["run 1"] = False
            await watcher.has(1)
            await watcher.stays_quiet()
            assert watcher.names == ["2.csv"]

    asyncio.run(story())


def test_a_file_that_a_failed_run_left_is_reported_again_where_it_is_now(folder, activity, caplog, capsys):
    caplog.set_level(logging.WARNING)

    async def story():
        folder.drop("1.csv", "id\n7\n")
        rules = rules_of(folder, remind_after=0.4)
        async with watching_for(rules) as watcher:
            await watcher.has(1)
            activity["run 1"] = True
            (drop,) = await asyncio.to_thread(lambda: folder.take("run 1", rules).drops)
            await watcher.stays_quiet(1.0)
            activity["run 1"] = False
            over = time.monotonic()
            await watcher.has(2)
            assert time.monotonic() - over >= 0.3
            event = watcher.events[1]
            assert event["url"] == drop["file"]
            assert {key: event[key] for key in event.keys() - {"url"}} == {
                key: watcher.events[0][key] for key in event.keys() - {"url"}
            }
            activity["run 2"] = True
            (taken_over,) = await asyncio.to_thread(lambda: folder.take("run 2", rules).drops)
            assert await asyncio.to_thread(folder.read, taken_over["file"]) == b"id\n7\n"
            await asyncio.to_thread(folder.file, taken_over)
            activity["run 2"] = False
            await watcher.stays_quiet(1.5)

    asyncio.run(story())
    # A trigger's logger belongs to logging, to structlog or to both, depending on Airflow's version.
    logged = (caplog.text, capsys.readouterr().out)
    text = "ended without filing 1.csv; reporting the file again"
    assert max(one.count(text) for one in logged) == 1


def test_a_restarted_watcher_reports_what_failed_runs_left(folder, activity):
    async def story():
        folder.drop("1.csv")
        rules = rules_of(folder, remind_after=0.4)
        await asyncio.to_thread(folder.take, "run 1", rules)
        activity["run 1"] = False
        async with watching_for(rules) as watcher:
            await watcher.has(1)
            assert watcher.names == ["1.csv"]

    asyncio.run(story())


def test_a_drop_that_waits_starts_the_run_that_takes_over(folder, activity):
    async def story():
        folder.drop("1.csv", age=20)
        rules = rules_of(folder, remind_after=0.4)
        await asyncio.to_thread(folder.take, "run 1", rules)
        activity["run 1"] = False
        folder.drop("2.csv")
        async with watching_for(rules) as watcher:
            await watcher.has(1)
            await watcher.stays_quiet(1.5)
            assert watcher.names == ["2.csv"]

    asyncio.run(story())


def test_another_folder_of_the_same_place_does_not_report_it(folder, activity):
    async def story():
        folder.drop("a-1.csv")
        own = rules_of(folder, patterns="a-*", remind_after=0.4)
        await asyncio.to_thread(folder.take, "run 1", own)
        activity["run 1"] = False
        other = rules_of(folder, patterns="b-*", remind_after=0.4)
        async with watching_for(other) as watcher:
            await watcher.stays_quiet(1.5)
            folder.drop("b-1.csv")
            await watcher.has(1)
            assert watcher.names == ["b-1.csv"]

    asyncio.run(story())


def test_a_report_is_not_lost_by_an_error_right_after_it(local_folder, monkeypatch):
    monkeypatch.setattr(watching, "_AFTER_ERROR_SECONDS", 0.05)
    open_records, failures = watching.open_records, iter([OSError("once")])

    def fails_once(*arguments, **options):
        for error in failures:
            raise error
        return open_records(*arguments, **options)

    monkeypatch.setattr(watching, "open_records", fails_once)

    async def story():
        local_folder.drop("hr.csv")
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.has(1)

    asyncio.run(story())


def test_sources_are_reported_side_by_side(folder):
    async def story():
        for source in (HR, CONTRACTORS):
            for number in (1, 2):
                folder.drop(f"{source}-{number}.csv", age=10 - number)
        folder.drop("12-old.csv")
        rules = rules_of(folder, source_id_in_name=True)
        async with watching_for(rules) as watcher:
            await watcher.has(2)
            await watcher.stays_quiet()
            return {event["source_id"] for event in watcher.events}

    assert asyncio.run(story()) == {HR, CONTRACTORS}


def test_an_error_while_deciding_does_not_end_a_watcher(local_folder, monkeypatch):
    monkeypatch.setattr(watching, "_AFTER_ERROR_SECONDS", 0.05)
    drops_to_report, failures = watching.FolderWatch.drops_to_report, iter([RuntimeError("once")])

    def fails_once(watch, snapshot):
        for error in failures:
            raise error
        return drops_to_report(watch, snapshot)

    monkeypatch.setattr(watching.FolderWatch, "drops_to_report", fails_once)

    async def story():
        local_folder.drop("hr.csv")
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.has(1)

    asyncio.run(story())


@pytest.mark.parametrize("reported_first", ["a.csv", "b.csv"])
def test_a_reminder_that_waits_for_a_run_does_not_make_the_watcher_decide_incessantly(
    local_folder, monkeypatch, reported_first
):
    rules, clock = rules_of(local_folder, remind_after=3600.0), [0.0]
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    watch = watching.FolderWatch(rules, place_at(rules.url), active=lambda run: True)

    def decide():
        listing = place_at(rules.url).scan(recursive=False, skipped=rules.skipped)
        reported = watch.drops_to_report(Snapshot(listing, clock[0], clock[0], 1))
        return [drop["name"] for drop in reported]

    local_folder.drop(reported_first)
    assert decide() == [reported_first]
    if reported_first == "b.csv":  # a run by time takes an older file before the reported one
        local_folder.drop("a.csv", age=100)
    local_folder.take("run 1")
    local_folder.drop("b.csv")
    for clock[0] in (10.0, 4000.0, 8000.0):  # the run is still active
        assert decide() == []
        assert watch.due >= clock[0] + rules.seconds_between_scans
