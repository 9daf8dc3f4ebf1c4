"""Which ended loads are reported, and what a watcher remembers: plain values."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.models import read_task_status
from sailpoint_provider.isc.wait import ended
from sailpoint_provider.isc.wait.ended import OVERLAP, EndedLoads, Position, Scan, ScanRequest, merged
from tests.unit.isc.isc_cases import SOURCE
from tests.unit.isc.wait.ended_cases import MINUTE, NOON, TYPE, Run

OTHER = "2c918085000000000000000000000a09"
GROUPS = "CLOUD_GROUP_AGGREGATION"
BUSY = {
    "type": "ERROR",
    "localizedText": {
        "message": "This aggregation failed because the currently running aggregation must complete "
        "before the next one can start."
    },
}


def loads(position=None, *, look_back=60, sources=None, types=(TYPE,)):
    return EndedLoads(types, sources, look_back=timedelta(minutes=look_back), position=position)


def run(run_id, begins, ends, **changes):
    """Return a run; the times are minutes from noon."""
    return Run(run_id, NOON + begins * MINUTE, NOON + ends * MINUTE, **changes)


def seen(*runs, at=0, types=(TYPE,), absent=()):
    now = NOON + at * MINUTE
    records = [read_task_status(json.loads(one.document(now))) for one in runs if one.begins <= now]
    return Scan(types, records, now, frozenset(absent))


def ids(records):
    return [record.id for record in records]


def restarted(watcher, **changes):
    """Return the watcher of the next life, with the position out of the database."""
    return loads(Position.from_json(json.loads(json.dumps(watcher.position.to_json()))), **changes)


def test_an_end_is_reported_once():
    watcher, one = loads(), run("one", -10, 5)
    assert ids(watcher.new_ends(seen(one, at=0))) == []
    assert ids(watcher.new_ends(seen(one, at=6))) == ["one"]
    assert ids(watcher.new_ends(seen(one, at=7))) == []


def test_the_first_look_goes_back_as_far_as_configured_and_a_margin():
    watcher = loads(look_back=60)
    long_ago, just_within, recent = run("a", -200, -70), run("b", -90, -64), run("c", -30, -1)
    assert ids(watcher.new_ends(seen(long_ago, just_within, recent))) == ["b", "c"]
    assert ids(watcher.new_ends(seen(long_ago, just_within, recent, at=1))) == []


def test_without_a_look_back_only_what_ends_from_now_on_is_reported():
    watcher = loads(look_back=0)
    before, running = run("before", -20, -10), run("running", -15, 2)
    assert ids(watcher.new_ends(seen(before, running))) == []
    assert ids(watcher.new_ends(seen(before, running, at=3))) == ["running"]


def test_what_ended_before_the_first_look_stays_unreported_later():
    watcher = loads(look_back=0)
    old = run("old", -7, -6)
    watcher.new_ends(seen(old))
    assert ids(watcher.new_ends(seen(old, run("new", 0, 1), at=2))) == ["new"]


def test_ends_are_reported_in_the_order_of_the_ends():
    watcher = loads()
    assert ids(watcher.new_ends(seen(run("late", -50, -1), run("early", -10, -5)))) == ["early", "late"]


def test_a_long_load_that_ends_late_is_not_missed():
    watcher, long = loads(), run("long", -30, 300)
    watcher.new_ends(seen(long))
    for at in range(10, 290, 10):
        watcher.new_ends(seen(run(f"short-{at}", at - 1, at), at=at))
        assert "long" in watcher.request().ids
    assert ids(watcher.new_ends(seen(long, at=301))) == ["long"]
    assert "long" not in watcher.request().ids


def test_a_long_load_that_ends_during_a_restart_is_not_missed():
    watcher, long = loads(), run("long", -30, 100)
    watcher.new_ends(seen(long, run("short", 59, 60), at=60))
    watcher = restarted(watcher)
    assert watcher.request().ids == {"long"}
    assert ids(watcher.new_ends(seen(long, at=200))) == ["long"]


def test_what_begins_and_ends_during_a_restart_is_not_missed():
    watcher = loads()
    watcher.new_ends(seen(run("before", -10, -5)))
    watcher = restarted(watcher)
    assert watcher.request().since <= NOON - 10 * MINUTE
    assert ids(watcher.new_ends(seen(run("before", -10, -5), run("during", 10, 20), at=6000))) == ["during"]


def test_nothing_is_reported_again_after_a_restart_with_a_position():
    watcher = loads()
    some = [run(f"{number}", -number, -number / 2) for number in range(1, 9)]
    assert len(watcher.new_ends(seen(*some))) == 8
    assert ids(restarted(watcher).new_ends(seen(*some, at=1))) == []


def test_nothing_is_reported_again_after_several_restarts_in_a_short_time():
    watcher = loads()
    some = [run(f"{number}", number / 4, number / 4 + 0.1) for number in range(12)]
    told = []
    for at in range(1, 8):
        told += ids(watcher.new_ends(seen(*some, at=at / 2)))
        watcher = restarted(watcher)
    assert sorted(told, key=int) == [one.id for one in some]


def test_a_record_that_the_list_shows_late_is_not_missed():
    watcher = loads()
    watcher.new_ends(seen(run("newer", 0, 0.5), at=1))
    assert ids(watcher.new_ends(seen(run("newer", 0, 0.5), run("older", -4, 0.4), at=2))) == ["older"]


def test_a_lagging_copy_of_the_list_does_not_repeat_an_end():
    watcher, long = loads(), run("long", -30, 100)
    watcher.new_ends(seen(long, run("short", 99, 99.5), at=100))
    assert ids(watcher.new_ends(seen(long, at=101))) == []
    assert ids(watcher.new_ends(seen(long, at=99))) == []
    assert ids(watcher.new_ends(seen(long, at=102))) == []


def test_a_load_that_isc_forgets_is_forgotten_after_a_while():
    watcher = loads()
    watcher.new_ends(seen(run("gone", -10, 1000), run("other", -1, 0)))
    for _ in range(20):
        watcher.new_ends(seen(at=1, absent=["gone"]))
    assert watcher.request().ids == {"gone"}
    watcher.new_ends(seen(at=1, absent=["gone"]))
    assert watcher.request().ids == set()


def test_a_refused_start_is_no_load():
    watcher = loads()
    assert ids(watcher.new_ends(seen(run("refused", -1, -1, status="ERROR", messages=(BUSY,))))) == []


def test_every_other_end_is_reported():
    watcher = loads()
    ends = ["SUCCESS", "WARNING", "ERROR", "TERMINATED", "TEMPERROR"]
    some = [run(status, -5 + number / 10, -1, status=status) for number, status in enumerate(ends)]
    assert sorted(ids(watcher.new_ends(seen(*some)))) == sorted(ends)


def test_other_sources_are_left_out():
    watcher = loads(sources=(SOURCE,))
    assert ids(watcher.new_ends(seen(run("ours", -2, -1), run("theirs", -2, -1, source_id=OTHER)))) == [
        "ours"
    ]
    assert ids(watcher.new_ends(seen(run("ours-too", 1, 2, source_id=SOURCE.upper()), at=3))) == ["ours-too"]


def test_other_kinds_of_a_shared_scan_are_left_out():
    watcher = loads()
    scan = seen(
        run("accounts", -2, -1),
        run("groups", -2, -1, name="Cloud Group Aggregation"),
        types=(TYPE, GROUPS),
    )
    assert ids(watcher.new_ends(scan)) == ["accounts"]


def test_an_empty_tenant_leaves_the_first_look_to_the_next_scan():
    watcher = loads()
    assert ids(watcher.new_ends(seen())) == []
    assert watcher.position is None
    assert watcher.request().since is None
    assert ids(watcher.new_ends(seen(run("first", 5, 6), at=7))) == ["first"]


def test_the_memory_is_limited_and_forgets_nothing_that_could_come_again(monkeypatch):
    monkeypatch.setattr(ended, "_MOST_SETTLED", 100)
    watcher = loads()
    crowd = [run(f"{number}", number / 10, number / 10 + 0.5) for number in range(300)]
    for at in range(1, 32, 3):
        watcher.new_ends(seen(*crowd, at=at))
    assert len(watcher._settled) == 100
    assert 40 < len(watcher.position.settled) < 60
    assert ids(watcher.new_ends(seen(*crowd, at=32))) == []


@pytest.mark.parametrize(
    "document",
    [
        "yesterday",
        {},
        {"version": 2, "since": "2026-05-01T12:00:00Z", "running": [], "settled": {}},
        {"version": 1, "since": "soon", "running": [], "settled": {}},
        {"version": 1, "since": "2026-05-01T12:00:00Z", "running": "ids", "settled": {}},
        {"version": 1, "since": "2026-05-01T12:00:00Z", "running": [1], "settled": {}},
        {"version": 1, "since": "2026-05-01T12:00:00Z", "running": [], "settled": ["id"]},
    ],
)
def test_a_strange_position_is_refused(document):
    with pytest.raises(ProtocolError):
        Position.from_json(document)


def request(**changes):
    usual = {"types": (TYPE,), "source_ids": None, "since": NOON, "look_back": None}
    return ScanRequest(**usual | changes)


def test_several_requests_are_met_by_one():
    both = merged(
        [
            request(source_ids=("a",), since=NOON - MINUTE, ids=frozenset("x")),
            request(source_ids=("b",), types=(GROUPS,), ids=frozenset("y")),
        ],
        20,
    )
    assert both == request(
        types=(TYPE, GROUPS), source_ids=("a", "b"), since=NOON - MINUTE, ids=frozenset("xy")
    )


def test_sources_are_not_filtered_if_somebody_wants_all_or_there_are_many():
    assert merged([request(source_ids=("a",)), request()], 20).source_ids is None
    assert merged([request(source_ids=("a", "b")), request(source_ids=("c",))], 2).source_ids is None


def test_a_first_look_reaches_back_a_day_further_for_loads_that_began_before():
    first = request(since=None, look_back=timedelta(hours=1))
    assert first.oldest_needed(NOON) == NOON - timedelta(hours=25) - OVERLAP
    assert first.oldest_needed(None) is None
    assert request().oldest_needed(NOON) == NOON
    old = NOON - timedelta(days=9)
    assert merged([first, request(since=old)], 20).oldest_needed(NOON) == old
