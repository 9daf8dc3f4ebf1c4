"""Each place is listed once for all watchers of an event loop, also while it is not available."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import suppress

from sailpoint_provider.drops import scanner
from sailpoint_provider.drops.local import LocalPlace
from tests.unit.drops.drop_cases import CONTRACTORS, HR
from tests.unit.drops.watcher_cases import rules_of, watching_for


def test_a_vanished_folder_is_logged_once_and_nothing_is_forgotten(local_folder, tmp_path, caplog):
    caplog.set_level(logging.WARNING)

    async def story():
        local_folder.drop("1.csv")
        async with watching_for(rules_of(local_folder, sources={"1*": HR, "2*": CONTRACTORS})) as watcher:
            await watcher.has(1)
            os.rename(local_folder.url, tmp_path / "away")
            await watcher.stays_quiet(0.5)
            os.rename(tmp_path / "away", local_folder.url)
            local_folder.drop("2.csv")
            await watcher.has(2)
            await watcher.stays_quiet()
            assert watcher.names == ["1.csv", "2.csv"]

    asyncio.run(story())
    messages = [record.getMessage() for record in caplog.records]
    assert len([one for one in messages if "Cannot use the folder" in one]) == 1
    assert len([one for one in messages if "is available again" in one]) == 1


def test_a_mount_point_without_its_mount_is_not_a_folder_without_files(local_folder, tmp_path, caplog):
    caplog.set_level(logging.WARNING)

    async def story():
        os.mkdir(f"{local_folder.url}/.sailpoint")
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.stays_quiet()
            os.rename(local_folder.url, tmp_path / "mounted")
            os.mkdir(local_folder.url)
            # What lies on the bare mount point is no drop.
            local_folder.drop("stray.csv")
            await watcher.stays_quiet(0.5)
            assert watcher.events == []
            os.rename(local_folder.url, tmp_path / "bare")
            os.rename(tmp_path / "mounted", local_folder.url)
            local_folder.drop("hr.csv")
            await watcher.has(1)
            assert watcher.names == ["hr.csv"]

    asyncio.run(story())
    (message,) = [one.getMessage() for one in caplog.records if "mount point" in one.getMessage()]
    assert "had one before. If it is a mount point, check that it is mounted." in message


def test_a_folder_that_lost_its_records_is_an_outage_and_nothing_is_reported(local_folder, caplog):
    async def main():
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.stays_quiet()
            assert watcher.names == []
            local_folder.make_folder(".sailpoint")
            await watcher.has(1)

    local_folder.drop("loaded/2026-01-01/hr.csv")
    local_folder.drop("hr.csv")
    asyncio.run(main())
    (outage,) = [one.getMessage() for one in caplog.records if "keeps trying" in one.getMessage()]
    assert "Restore .sailpoint, or move loaded away" in outage


def test_many_folders_of_one_place_are_listed_once(local_folder, monkeypatch):
    scans, scan = [], LocalPlace.scan

    def counted(place, **options):
        scans.append(1)
        return scan(place, **options)

    monkeypatch.setattr(LocalPlace, "scan", counted)

    async def story():
        for number in range(50):
            local_folder.drop(f"s{number}-x.csv")
        folders = [rules_of(local_folder, patterns=f"s{number}-*", scan_interval=0.2) for number in range(50)]
        async with watching_for(*folders) as watchers:
            for watcher in watchers:
                await watcher.has(1)
            scans.clear()
            await asyncio.sleep(1.0)
            assert [len(watcher.events) for watcher in watchers] == [1] * 50
        # Nothing changes, so that a glance is enough.
        assert len(scans) <= 1
        assert not scanner._scanners[asyncio.get_running_loop()]

    asyncio.run(story())


def test_a_file_written_in_place_is_noticed_by_the_next_full_listing(local_folder, monkeypatch):
    monkeypatch.setattr(scanner, "_FULL_SCAN_SECONDS", 0.3)

    async def story():
        local_folder.drop("hr.csv", "1")
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.has(1)
            await watcher.stays_quiet()
            with open(f"{local_folder.url}/hr.csv", "a") as file:  # noqa: ASYNC230 - a few bytes
                file.write("2")
            await watcher.has(2)

    asyncio.run(story())


def test_a_listing_does_not_hold_the_event_loop(local_folder, monkeypatch):
    scan = LocalPlace.scan

    def slow(place, **options):
        time.sleep(0.5)
        return scan(place, **options)

    monkeypatch.setattr(LocalPlace, "scan", slow)

    async def story():
        local_folder.drop("hr.csv")
        longest, last = 0.0, time.monotonic()
        async with watching_for(rules_of(local_folder)) as watcher:
            while not watcher.events:
                await asyncio.sleep(0.01)
                now = time.monotonic()
                longest, last = max(longest, now - last), now
        return longest

    assert asyncio.run(story()) < 0.4


def test_a_cancelled_watcher_leaves_nothing_running(local_folder):
    async def story():
        local_folder.drop("hr.csv")
        async with watching_for(rules_of(local_folder)) as watcher:
            await watcher.has(1)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - the last one ends by itself
                    await asyncio.sleep(0.01)
        return len(asyncio.all_tasks())

    assert asyncio.run(story()) == 1
