"""The scan of a tenant's tasks: one page where that is enough, and no end missed whatever happens."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from sailpoint_provider.isc.wait.ended import EndedLoads, Position
from sailpoint_provider.isc.wait.ended_scan import scan_ended
from tests.unit.isc.wait.ended_cases import MINUTE, NOON, TYPE, Run, TaskList

API_VERSIONS = pytest.mark.parametrize("api_version", ["v1", "v2026", "v2025", "v2024", "beta"])
NEW = pytest.mark.parametrize("api_version", ["v1", "v2026", "v2025"])
OLD = pytest.mark.parametrize("api_version", ["v2024", "beta"])


def watcher(position=None, look_back=60, **changes):
    sources = changes.pop("sources", None)
    return EndedLoads((TYPE,), sources, look_back=timedelta(minutes=look_back), position=position)


def looked(watcher, tasks):
    return [record.id for record in watcher.new_ends(tasks.run(scan_ended(tasks.api, watcher.request())))]


def finished(count, before=0.0):
    """Return short runs, the newest of them this many minutes before noon."""
    return [
        Run(f"{number}", NOON - (before + 1 + number) * MINUTE, NOON - (before + 0.5 + number) * MINUTE)
        for number in range(count)
    ]


@NEW
def test_an_interval_takes_one_request(api_version):
    tasks, one = TaskList(finished(1000), api_version=api_version), watcher()
    looked(one, tasks)
    tasks.requests.clear()
    tasks.now += MINUTE
    looked(one, tasks)
    ((path, query),) = tasks.requests
    assert path == tasks.api.path("task-status")
    assert query == {"limit": "250", "filters": f'type eq "{TYPE}"', "sorters": "-created"}


@OLD
def test_a_list_of_ended_tasks_only_takes_a_second_one_for_those_that_run(api_version):
    tasks, one = TaskList(finished(1000), api_version=api_version), watcher()
    looked(one, tasks)
    tasks.requests.clear()
    looked(one, tasks)
    assert [path for path, _ in tasks.requests] == [tasks.api.pending_tasks, tasks.api.path("task-status")]


@API_VERSIONS
def test_only_the_sources_that_are_watched_are_read(api_version):
    tasks = TaskList(finished(3), api_version=api_version)
    looked(watcher(sources=("a" * 32,)), tasks)
    filtered = [query["filters"] for path, query in tasks.requests if path == tasks.api.path("task-status")]
    assert all('sourceId eq "' + "a" * 32 in filters for filters in filtered)


@API_VERSIONS
def test_a_burst_of_more_than_a_page_is_read_whole(api_version):
    tasks, one = TaskList(finished(10, before=60), api_version=api_version), watcher()
    looked(one, tasks)
    burst = [Run(f"burst-{n}", NOON + n * MINUTE / 100, NOON + n * MINUTE / 50) for n in range(800)]
    tasks.runs += burst
    tasks.now = NOON + 20 * MINUTE
    assert sorted(looked(one, tasks)) == sorted(run.id for run in burst)


@API_VERSIONS
def test_a_load_that_250_newer_ones_have_overtaken_is_asked_for_by_its_id(api_version):
    long = Run("long" + "0" * 28, NOON - 5 * MINUTE, NOON + 200 * MINUTE)
    tasks, one = TaskList([long], api_version=api_version), watcher()
    looked(one, tasks)
    for at in range(10, 200, 10):
        tasks.now = NOON + at * MINUTE
        tasks.runs += [Run(f"{at}-{n}", tasks.now - MINUTE, tasks.now) for n in range(260)]
        assert "long" + "0" * 28 not in looked(one, tasks)
    tasks.now = NOON + 201 * MINUTE
    assert looked(one, tasks) == ["long" + "0" * 28]


@API_VERSIONS
def test_a_load_that_began_days_ago_is_found_by_the_first_look(api_version):
    long = Run("c" * 32, NOON - timedelta(days=3), NOON + MINUTE)
    tasks, one = TaskList([long, *finished(2000)], api_version=api_version), watcher()
    looked(one, tasks)
    tasks.now = NOON + 2 * MINUTE
    assert looked(one, tasks) == ["c" * 32]


@API_VERSIONS
@pytest.mark.parametrize("year", ["99999999999999999999", "9999999999", "0000", "soon"])
def test_an_absurd_time_of_isc_leaves_its_clock_unknown(api_version, year):
    tasks = TaskList(finished(3), api_version=api_version, date=f"Fri, 01 May {year} 12:00:00 GMT")
    assert sorted(looked(watcher(), tasks)) == ["0", "1", "2"]


@OLD
def test_a_load_that_ends_between_the_two_lists_is_in_one_of_them(api_version):
    tasks = TaskList(finished(3, before=60), api_version=api_version, passing=timedelta(seconds=1))
    one = watcher()
    looked(one, tasks)
    found = []
    tasks.runs += [
        Run(f"{n:032x}", tasks.now, tasks.now + n * timedelta(milliseconds=100)) for n in range(60)
    ]
    for _ in range(8):
        found += looked(one, tasks)
    assert len(found) == len(set(found)) == 60


@API_VERSIONS
@pytest.mark.parametrize("seed", range(2))
def test_over_restarts_nothing_is_missed_and_in_one_life_nothing_is_repeated(api_version, seed):
    draw = random.Random(seed)
    begins = [NOON + draw.uniform(-60, 800) * MINUTE for _ in range(300)]
    runs = [
        Run(f"{number:032x}", begin, begin + draw.choice((0.1, 2, 15, 400)) * draw.random() * MINUTE)
        for number, begin in enumerate(begins)
    ]
    tasks = TaskList(runs, api_version=api_version, passing=timedelta(seconds=draw.random() * 5))
    stored, life = None, watcher(look_back=120)
    told, in_this_life, unsure = set(), [], set()
    while tasks.now < NOON + 1300 * MINUTE:
        latest = looked(life, tasks)
        assert not set(latest) & set(in_this_life)
        assert set(latest) & told <= unsure
        in_this_life += latest
        # A crash loses the position of the last scan, but Airflow has the events.
        if draw.random() < 0.1:
            told |= set(in_this_life)
            unsure |= set(latest)
            in_this_life = []
            tasks.now += draw.uniform(0, 300) * MINUTE
            life = watcher(stored and Position.from_json(json.loads(stored)), look_back=120)
        else:
            stored = json.dumps(life.position.to_json()) if life.position else None
        tasks.now += draw.uniform(0.5, 5) * MINUTE
    told |= set(in_this_life)
    expected = {run.id for run in runs if run.ends >= NOON}
    assert told >= expected
