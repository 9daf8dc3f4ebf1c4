"""Processes that take from one folder at the same time: each file goes to one of them, in order."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from sailpoint_provider.drops import conditional_writes, local
from sailpoint_provider.drops.conditional_writes import create_once
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.drops.store import StorePlace
from tests.unit.drops.drop_cases import Folder, names

SOURCES, FILES = 3, 6


def rival(url, name, log):
    """Take and file until nothing is left; every other run dies with what it took."""
    folder = Folder(url)
    rules = folder.rules(sources={f"s{number}-*": f"Source {number}" for number in range(SOURCES)})
    idle = runs = 0
    with open(log, "a") as lines:
        while idle < 20:
            runs += 1
            run = f"{name} {runs}"
            # The runs of the other rivals are active, and so is this one.
            folder.active = {f"{one} {number}" for one in "abc" for number in range(500)}
            drops = folder.take(run, rules).drops
            idle = 0 if drops else idle + 1
            if not drops:
                time.sleep(0.02)
            for drop in drops:
                content = Path(drop["file"]).read_text()
                lines.write(json.dumps([drop["source_name"], content, time.monotonic()]) + "\n")
                lines.flush()
                folder.file(drop)


def test_three_processes_load_each_file_once_and_in_order(local_folder, tmp_path):
    for number in range(FILES):
        for source in range(SOURCES):
            local_folder.drop(f"s{source}-{number}.csv", f"{number}", age=1000 - number)
    processes = multiprocessing.get_context("spawn")
    rivals = [
        processes.Process(target=rival, args=(local_folder.url, name, str(tmp_path / name))) for name in "abc"
    ]
    for one in rivals:
        one.start()
    for one in rivals:
        one.join(90)
        assert one.exitcode == 0
    lines = [json.loads(line) for name in "abc" for line in (tmp_path / name).read_text().splitlines()]
    for source in range(SOURCES):
        loads = sorted((at, content) for name, content, at in lines if name == f"Source {source}")
        assert [content for _, content in loads] == [str(number) for number in range(FILES)]
    assert set(local_folder.files()) == {
        f"loaded/2026-11-25/s{source}-{number}.csv" for source in range(SOURCES) for number in range(FILES)
    }


def test_of_threads_that_take_for_different_runs_only_one_gets_a_drop_of_a_source(folder):
    folder.active = {f"run {number}" for number in range(8)}
    for number in range(8):
        folder.drop(f"{number}.csv", age=100 - number)
    taken, start = [], threading.Barrier(8)

    def take(number):
        start.wait()
        taken.extend(names(folder.take(f"run {number}")))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert taken == ["0.csv"]


@pytest.mark.parametrize("kind", ["taken", "filing", "filed"])
def test_a_write_whose_answer_was_lost_is_not_taken_for_that_of_another(folder, monkeypatch, kind):
    place_type = type(place_at(folder.url))
    create = place_type.create

    def repeated(place, name, content):
        if f'"kind": "{kind}"'.encode() in content:
            assert create(place, name, content)
        return create(place, name, content)

    monkeypatch.setattr(place_type, "create", repeated)
    folder.drop("a.csv")
    (drop,) = folder.take("run 1").drops
    assert folder.file(drop) == f"{folder.url}/loaded/2026-11-25/a.csv"


def test_two_sources_that_file_under_one_name_at_once_keep_both_files(every_folder, monkeypatch):
    drops = [taken_from(every_folder, source) for source in ("HR", "Contractors")]
    if every_folder.fs is None:
        owner, step = local, "_rename_into_gap"
    else:
        owner, step = StorePlace, "_copy"
    move = getattr(owner, step)

    def overtaken(*arguments):
        monkeypatch.setattr(owner, step, move)
        every_folder.file(drops[1])
        return move(*arguments)

    monkeypatch.setattr(owner, step, overtaken)
    every_folder.file(drops[0])
    filed = every_folder.files()
    assert sorted(filed) == ["loaded/2026-11-25/a (2).csv", "loaded/2026-11-25/a.csv"]
    assert sorted(filed.values()) == [b"Contractors", b"HR"]
    assert not [name for name in every_folder.files(hidden=True) if "/moving/" in name]


def test_a_crash_after_a_name_was_reserved_overwrites_no_file_that_already_had_it(every_folder, monkeypatch):
    drop = taken_from(every_folder, "HR")
    rival = taken_from(every_folder, "Contractors")
    if every_folder.fs is None:
        pytest.skip("a disk needs no reservation")
    used, create = StorePlace.is_used, StorePlace.create

    def overtaken(self, name):
        monkeypatch.setattr(StorePlace, "is_used", used)
        is_used = self.is_used(name)
        every_folder.file(rival)  # under the name that has just been found free
        return is_used

    def crashed(self, name, content):
        done = create(self, name, content)
        if "/moving/" in name and done and content.startswith(drop["file"].partition("/hr/")[2].encode()):
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(StorePlace, "is_used", overtaken)
    monkeypatch.setattr(StorePlace, "create", crashed)
    with pytest.raises(KeyboardInterrupt):
        every_folder.file(drop)
    monkeypatch.setattr(StorePlace, "create", create)
    every_folder.file(drop)
    assert every_folder.files() == {
        "loaded/2026-11-25/a (2).csv": b"HR",
        "loaded/2026-11-25/a.csv": b"Contractors",
    }


@pytest.mark.parametrize("step", ["create", "entry", "replace", "_copy"])
@pytest.mark.parametrize("overtaken_after", [1, 2, 3])
def test_a_move_that_another_process_finishes_first_has_succeeded(
    memory_folder, monkeypatch, step, overtaken_after
):
    place = StorePlace(memory_folder.url)
    place.prepare(())
    name, target = ".sailpoint/taken/a.csv", "loaded/a.csv"
    place.replace(name, b"HR")
    calls, method = [], getattr(StorePlace, step)

    def overtaken(self, *arguments):
        calls.append(arguments)
        if len(calls) == overtaken_after:
            monkeypatch.setattr(StorePlace, step, method)
            assert StorePlace(memory_folder.url).move(name, target)
        return method(self, *arguments)

    monkeypatch.setattr(StorePlace, step, overtaken)
    assert place.move(name, target)
    assert memory_folder.files() == {"loaded/a.csv": b"HR"}
    assert not [one for one in memory_folder.files(hidden=True) if "/moving/" in one]


def taken_from(folder, source):
    """Drop a file whose content is the name of its source, and take it."""
    folder.drop("a.csv", source)
    (drop,) = folder.take("run 1", folder.rules(source_name=source)).drops
    return drop


@pytest.fixture
def plain_store(memory_folder, monkeypatch):
    """A store that knows no conditional writes."""
    monkeypatch.setattr(type(memory_folder.fs), "protocol", "plain")
    monkeypatch.setattr(conditional_writes, "SETTLE_SECONDS", 0.3)
    return memory_folder


def test_a_store_without_conditional_writes_uses_leases(plain_store):
    won, start = [], threading.Barrier(5)

    def create(number):
        start.wait()
        if create_once(plain_store.fs, f"{plain_store.root}/x/1.json", b"%d" % number):
            won.append(b"%d" % number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert list(plain_store.files().values()) == won
    assert len(won) == 1
    assert not create_once(plain_store.fs, f"{plain_store.root}/x/1.json", b"late")


def test_a_lease_that_a_dead_process_left_is_ignored(plain_store):
    path = f"{plain_store.root}/x/1.json"
    plain_store.fs.pipe_file(f"{path}.lease-000", str(time.time() - 120).encode())
    assert create_once(plain_store.fs, path, b"mine")


def test_a_store_that_ignores_the_condition_is_found_out(memory_folder, monkeypatch):
    pipe = memory_folder.fs.pipe_file
    monkeypatch.setattr(memory_folder.fs, "pipe_file", lambda path, content, mode=None: None)
    pipe(f"{memory_folder.root}/1.json", b"theirs")
    assert not create_once(memory_folder.fs, f"{memory_folder.root}/1.json", b"mine")


class Declares:
    """A store whose package declares certain options."""

    pipe_file = None

    def __init__(self, protocol):
        self.protocol = protocol


class Mode(Declares):
    async def _pipe_file(self, path, value, mode="overwrite", **kwargs):
        pass


class Overwrite(Declares):
    async def _pipe_file(self, path, value, overwrite=True, **kwargs):
        pass


class Neither(Declares):
    async def _pipe_file(self, path, value, **kwargs):
        pass


@pytest.mark.parametrize(
    ("store", "option"),
    [
        (Mode(("s3", "s3a")), {"mode": "create"}),
        (Mode(("gs", "gcs")), {"mode": "create"}),
        (Overwrite("abfs"), {"overwrite": False}),
        (Neither(("s3", "s3a")), None),
        (Mode("sftp"), None),
    ],
)
def test_only_a_condition_that_a_package_declares_is_trusted(store, option):
    assert conditional_writes._condition(store) == option
