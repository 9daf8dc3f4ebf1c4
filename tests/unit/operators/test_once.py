"""The operator after crashes, retries and clears: one aggregation that counts, and none lost."""

import hashlib
import itertools
import json
from dataclasses import replace
from functools import partial

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider._airflow import task_state
from sailpoint_provider._airflow.task_state import KEY
from sailpoint_provider.exceptions import AggregationFailedError, AggregationTimeoutError, CheckpointError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait import deadlines
from tests.unit.airflow_cases import DIRECTORY, HR, NEVER, FakeStore, FakeTaskInstance, carried_out
from tests.unit.operators.turn_cases import (
    counted,
    crash,
    crash_at_post,
    crashed,
    one_after_the_other,
    operator,
    somebody_elses,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])


class StoreError(Exception):
    """What the store raises where it cannot be read or written."""


@pytest.fixture
def quick_store(monkeypatch):
    """Try a store that fails again without a pause."""
    monkeypatch.setattr(task_state, "_FIRST_PAUSE", 0.0)


def task_of(tenant, tmp_path, has_file, **changed):
    if not has_file:
        return lambda: operator(source_id=DIRECTORY, **changed)
    file = tenant.csv(tmp_path)
    return lambda: operator(source_id=HR, file=file, **changed)


def breaks_once(state):
    """Die at the first write of that state, and never again."""
    left = [state]

    def write(written):
        if left == [written]:
            left.clear()
            crash()

    return write


PLACES = ["before POST", "after POST"] + [
    f"{when} {state}" for state in ("submitting", "running", "returned") for when in ("before", "after")
]


UNACKNOWLEDGED = ("after POST", "before running")
"""Where a worker dies after ISC has started the aggregation, and before its ID is stored."""


@MODES
@FILES
@pytest.mark.parametrize("place", PLACES)
def test_a_crash_anywhere_and_a_retry_report_an_aggregation_of_their_own(
    tenant, tmp_path, monkeypatch, place, has_file, deferrable
):
    source_id = HR if has_file else DIRECTORY
    tenant.plan(source_id)
    make = task_of(tenant, tmp_path, has_file, deferrable=deferrable)
    ti = FakeTaskInstance(store=FakeStore())
    when, what = place.split()
    if what == "POST":
        crash_at_post(monkeypatch, when)
    else:
        setattr(ti.store, when, breaks_once(what))

    crashed(make, ti)
    result = carried_out(make, ti.next_try())

    *unacknowledged, run = counted(tenant, source_id)
    assert len(unacknowledged) == (has_file and place in UNACKNOWLEDGED)
    assert one_after_the_other([*unacknowledged, run])
    assert (result["aggregation_id"], result["state"]) == (run["id"], "succeeded")
    assert (result["file"] is not None) == has_file
    if has_file:
        assert result["file"]["sha256"] == run["file"]["sha256"]


@MODES
@pytest.mark.parametrize("place", UNACKNOWLEDGED)
def test_a_crash_in_a_run_without_optimization_starts_a_full_one_of_its_own(
    tenant, monkeypatch, place, deferrable
):
    when, what = place.split()
    ti = FakeTaskInstance(store=FakeStore())
    if what == "POST":
        crash_at_post(monkeypatch, when)
    else:
        setattr(ti.store, when, breaks_once(what))
    make = task_of(tenant, None, False, deferrable=deferrable, disable_optimization=True)
    tenant.plan(DIRECTORY)
    crashed(make, ti)
    result = carried_out(make, ti.next_try())
    assert result["aggregation_id"] == counted(tenant)[-1]["id"]
    assert len(tenant.starts()) == 2


@MODES
def test_a_crash_between_the_result_and_the_success_gives_the_same_result_without_asking(tenant, deferrable):
    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance(store=FakeStore())
    make = task_of(tenant, None, False, deferrable=deferrable)
    first = carried_out(make, ti)
    tenant.control.clear_requests()
    assert carried_out(make, ti.next_try()) == first
    assert tenant.calls() == ["get_source"]


@MODES
@FILES
def test_a_clear_after_success_starts_a_new_aggregation(tenant, tmp_path, has_file, deferrable):
    make = task_of(tenant, tmp_path, has_file, deferrable=deferrable)
    source_id = HR if has_file else DIRECTORY
    ti, ids = FakeTaskInstance(store=FakeStore(), try_number=2, max_tries=3), []
    for one in (ti, ti.cleared(retries=1)):
        assert one.max_tries == ti.max_tries, "the clear shows in the clear number alone"
        tenant.plan(source_id, seconds=0)
        ids.append(carried_out(make, one)["aggregation_id"])
    assert len({*ids}) == len(counted(tenant, source_id)) == 2


def test_a_retry_after_the_clear_of_another_task_starts_anew_rather_than_return_what_is_old(tenant):
    make = task_of(tenant, None, False)
    ti = FakeTaskInstance(store=FakeStore())
    tenant.plan(DIRECTORY, seconds=0)
    old = carried_out(make, ti)["aggregation_id"]
    tenant.plan(DIRECTORY, seconds=0)
    retry = replace(ti.next_try(), clear_number=1)
    assert carried_out(make, retry)["aggregation_id"] != old


@MODES
def test_a_clear_while_it_runs_waits_for_that_aggregation(tenant, deferrable):
    tenant.plan(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance(store=FakeStore(after=breaks_once("running")))
    make = task_of(tenant, None, False, deferrable=deferrable)
    crashed(make, ti)
    (run,) = counted(tenant)
    clear = ti.cleared()
    clear.on_push = lambda: tenant.control.finish(run["id"])
    result = carried_out(make, clear)
    assert [run["id"] for run in counted(tenant)] == [result["aggregation_id"]]


@MODES
def test_a_retry_after_a_bad_end_starts_a_new_aggregation(tenant, deferrable):
    tenant.plan(DIRECTORY, "error")
    ti = FakeTaskInstance(store=FakeStore())
    make = task_of(tenant, None, False, deferrable=deferrable)
    with pytest.raises(AggregationFailedError):
        carried_out(make, ti)
    tenant.plan(DIRECTORY)
    assert carried_out(make, ti.next_try())["state"] == "succeeded"
    assert len(counted(tenant)) == 2


def test_an_aggregation_that_isc_no_longer_knows_is_started_anew(tenant, monkeypatch):
    monkeypatch.setattr(deadlines, "UNKNOWN_GRACE_SECONDS", 0.1)
    ti = FakeTaskInstance(store=FakeStore(after=breaks_once("running")))
    make = task_of(tenant, None, False)
    crashed(make, ti)
    (document,) = ti.store.kept.values()
    ti.store.kept = dict.fromkeys(ti.store.kept, document.replace(tenant.runs()[0]["id"], "0" * 32))
    tenant.control.finish(tenant.runs()[0]["id"])
    tenant.plan(DIRECTORY, seconds=0)
    assert carried_out(make, ti.next_try())["state"] == "succeeded"
    assert len(counted(tenant)) == 2


@MODES
@pytest.mark.parametrize("ending", ["running", "ended"])
@pytest.mark.parametrize("place", ["after submitting", "before POST"])
def test_a_rivals_equal_file_is_never_reported_in_place_of_ours(
    tenant, tmp_path, monkeypatch, place, ending, deferrable
):
    ours, theirs = tenant.csv(tmp_path, rows=3), tenant.csv(tmp_path, rows=3, name="theirs.csv")
    theirs.write_text(theirs.read_text().replace("id 1", "id 7"))
    ti = FakeTaskInstance(store=FakeStore())
    if place == "before POST":
        crash_at_post(monkeypatch, "before")
    else:
        ti.store.after = breaks_once("submitting")
    make = partial(operator, source_id=HR, file=ours, deferrable=deferrable)
    crashed(make, ti)
    other = somebody_elses(tenant, HR, theirs, seconds=0.15 if ending == "running" else 0)
    result = carried_out(make, ti.next_try())
    assert result["aggregation_id"] != other
    theirs_run, run = counted(tenant, HR)
    assert (theirs_run["id"], run["id"]) == (other, result["aggregation_id"])
    sha256 = hashlib.sha256(ours.read_bytes()).hexdigest()
    assert run["file"]["sha256"] == result["file"]["sha256"] == sha256


@MODES
def test_what_cannot_be_remembered_before_the_start_is_not_started(tenant, quick_store, deferrable):
    def broken(state):
        raise StoreError

    ti = FakeTaskInstance(store=FakeStore(before=broken))
    with pytest.raises(CheckpointError, match="Nothing was sent") as caught:
        carried_out(task_of(tenant, None, False, deferrable=deferrable), ti)
    assert not caught.value.final
    assert tenant.starts() == tenant.runs() == []


def test_a_store_that_cannot_be_read_starts_nothing(tenant, quick_store, monkeypatch):
    def broken(self, key):
        raise StoreError

    monkeypatch.setattr(FakeStore, "get", broken)
    with pytest.raises(CheckpointError, match="Nothing was sent"):
        carried_out(task_of(tenant, None, False), FakeTaskInstance(store=FakeStore()))
    assert tenant.starts() == tenant.runs() == []


@MODES
def test_a_store_that_fails_now_and_then_is_tried_again(tenant, quick_store, deferrable):
    failures = itertools.cycle([True, True, False])

    def broken(state):
        if next(failures):
            raise StoreError

    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance(store=FakeStore(before=broken))
    carried_out(task_of(tenant, None, False, deferrable=deferrable), ti)
    assert ti.store.states == ["submitting", "running", "returned"]


@MODES
def test_what_cannot_be_remembered_after_the_start_is_only_reported(tenant, quick_store, logged, deferrable):
    def broken(state):
        if state != "submitting":
            raise StoreError

    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance(store=FakeStore(before=broken))
    assert carried_out(task_of(tenant, None, False, deferrable=deferrable), ti)["state"] == "succeeded"
    assert any("Could not store" in record.getMessage() for record in logged.records)


def test_a_refusal_that_cannot_be_stored_ends_the_task_without_a_retry(tenant, quick_store):
    """A retry would take the rival for what its intent had started."""

    def broken(state):
        if state == "refused":
            raise StoreError
        if state == "submitting":
            tenant.plan(DIRECTORY)
            SailPointHook().load_accounts(DIRECTORY)

    with pytest.raises(AirflowFailException, match="Could not store") as caught:
        carried_out(task_of(tenant, None, False), FakeTaskInstance(store=FakeStore(before=broken)))
    assert isinstance(caught.value, CheckpointError)


def test_an_error_of_isc_is_not_hidden_by_a_store_that_cannot_be_written(tenant, tmp_path, quick_store):
    def broken(state):
        if state != "submitting":
            raise StoreError

    file = tmp_path / "accounts.csv"
    file.write_text("who,what\n1,2\n", encoding="utf-8")
    with pytest.raises(AirflowFailException, match="is unknown and/or column"):
        carried_out(
            lambda: operator(source_id=HR, file=file), FakeTaskInstance(store=FakeStore(before=broken))
        )


@pytest.mark.parametrize(
    "document",
    [7, "running", [], {}, {"state": "running"}, {"version": 2}, {"version": 1, "state": "returned"}],
    ids=str,
)
def test_what_is_not_a_checkpoint_is_ignored_with_one_line_in_the_log(tenant, logged, document):
    tenant.plan(DIRECTORY, seconds=0)
    store = FakeStore(kept={KEY: json.dumps(document)})
    result = carried_out(task_of(tenant, None, False), FakeTaskInstance(store=store))
    assert [run["id"] for run in counted(tenant)] == [result["aggregation_id"]]
    assert sum("Ignoring the stored checkpoint" in one.getMessage() for one in logged.records) == 1


def test_without_durable_nothing_is_remembered(tenant):
    ti = FakeTaskInstance(store=FakeStore())
    for one in (ti, ti.next_try()):
        tenant.plan(DIRECTORY, seconds=0)
        carried_out(task_of(tenant, None, False, durable=False), one)
    assert len(counted(tenant)) == 2
    assert ti.store.states == []


@MODES
def test_a_retry_keeps_the_time_out_of_the_first_try_and_a_clear_renews_it(tenant, deferrable):
    tenant.plan(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance(store=FakeStore())
    make = task_of(tenant, None, False, deferrable=deferrable, timeout=1.0)
    with pytest.raises(AggregationTimeoutError) as first:
        carried_out(make, ti)
    retry = ti.next_try()
    with pytest.raises(AggregationTimeoutError) as second:
        carried_out(make, retry)
    assert str(second.value) == str(first.value)
    assert ti.pushed == retry.pushed
    (run,) = counted(tenant)
    clear = ti.cleared()
    clear.on_push = lambda: tenant.control.finish(run["id"])
    assert carried_out(make, clear)["aggregation_id"] == run["id"]
