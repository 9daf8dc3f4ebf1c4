"""A process that dies at any step of taking or filing leaves nothing that the next one cannot finish."""

from __future__ import annotations

import builtins
import itertools
import os
from contextlib import suppress
from types import SimpleNamespace

import pytest

from sailpoint_provider.drops import local
from sailpoint_provider.drops.last_load import last_loaded
from tests.unit.drops.drop_cases import HR, names

REPORT = {"report": {"rows": 1}, "report_text": "1 row\n"}


class Crash(BaseException):
    """The process dies; nothing that it would have cleaned up is cleaned up."""


class Steps:
    """Dies at one step, before or after it, and counts the steps."""

    def __init__(self, at, *, before):
        self.at, self.before, self.count, self.is_dead = at, before, 0, False

    def __call__(self, step):
        def stepped(*arguments, **options):
            if self.is_dead:
                raise Crash
            self.count += 1
            dies = self.count == self.at
            if dies and self.before:
                self.is_dead = True
                raise Crash
            result = step(*arguments, **options)
            if dies:
                self.is_dead = True
                raise Crash
            return result

        return stepped


def on_disk(steps, monkeypatch, folder):
    writing = ("rename", "link", "unlink", "replace", "mkdir", "makedirs", "rmdir")
    dying = {name: steps(getattr(os, name)) for name in writing}
    names_of_os = {name: getattr(os, name) for name in dir(os)}
    monkeypatch.setattr(local, "os", SimpleNamespace(**names_of_os | dying))
    dying_open = steps(builtins.open)
    monkeypatch.setattr(
        local,
        "open",
        lambda path, mode: (dying_open if mode != "rb" else builtins.open)(path, mode),
        raising=False,
    )


def in_store(steps, monkeypatch, folder):
    for name in ("pipe_file", "cp_file", "rm_file"):
        monkeypatch.setattr(folder.fs, name, steps(getattr(folder.fs, name)))


def crashing(folder, steps, work):
    with pytest.MonkeyPatch.context() as patches, suppress(Crash):
        (on_disk if folder.fs is None else in_store)(steps, patches, folder)
        work()
    return steps.is_dead


def each_step(before):
    return (Steps(at, before=before) for at in itertools.count(1))


def refresh(folder, number):
    """Make it another, empty folder."""
    if folder.fs is None:
        folder.url = f"{folder.url.rpartition('/')[0]}/drops-{number}"
        os.mkdir(folder.url)
    else:
        folder.fs.store.clear()
        folder.fs.pseudo_dirs[:] = [""]


def finished(folder, first_run):
    """Load what is there until nothing is left, and return the contents in their order."""
    loaded = []
    for number in range(6):
        takings = folder.take(first_run if number == 0 else f"later {number}", with_companions(folder))
        for drop in takings.drops:
            loaded.append(folder.read(drop["file"]))
            folder.file(drop)
    return loaded


def with_companions(folder):
    return folder.rules(complete="companion")


def fill(folder):
    for name, content in (("a.csv", "first"), ("b.csv", "second")):
        folder.drop(name, content)
        folder.drop(f"{name}.done", name)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("next_run", ["run 1", "another run"])
def test_a_crash_while_taking_loses_and_repeats_nothing(folder, before, next_run):
    number = 0
    for number, steps in enumerate(each_step(before)):
        refresh(folder, number)
        fill(folder)
        if not crashing(folder, steps, lambda: folder.take("run 1", with_companions(folder))):
            break
        assert finished(folder, next_run) == [b"first", b"second"], f"died at step {steps.at}"
        kept = {name for name in folder.files() if name.startswith("loaded/")}
        assert kept == set(folder.files()), f"died at step {steps.at}"
        assert len(kept) == 4
    assert number >= (8 if folder.fs is None else 6)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("repeated_by", ["the same task", "another run"])
def test_a_crash_while_filing_ends_at_one_place(folder, before, repeated_by):
    number = 0
    for number, steps in enumerate(each_step(before)):
        refresh(folder, number)
        fill(folder)
        (drop,) = folder.take("run 1", with_companions(folder)).drops
        if not crashing(folder, steps, lambda drop=drop: folder.file(drop, **REPORT)):
            break
        again = []
        if repeated_by == "the same task":
            location = folder.file(drop, **REPORT)
            assert location == f"{folder.url}/loaded/2026-11-25/a.csv", f"died at step {steps.at}"
        else:
            again = names(folder.take("run 2", with_companions(folder)))
            for one in folder.take("run 2", with_companions(folder)).drops:
                folder.file(one, **REPORT)
        while more := folder.take(f"run {len(again) + 3}", with_companions(folder)).drops:
            again += names(folder.take(f"run {len(again) + 3}", with_companions(folder)))
            folder.file(more[0], **REPORT)
        files = folder.files()
        contents = sorted(content for name, content in files.items() if name.endswith(".csv"))
        assert contents == [b"first", b"second"], f"died at step {steps.at}"
        assert len(files) == 8, f"died at step {steps.at}: {sorted(files)}"
        assert again[-1] == "b.csv"
        assert last_loaded(drop, HR)[1]["name"] == "b.csv"
    assert number >= 8
