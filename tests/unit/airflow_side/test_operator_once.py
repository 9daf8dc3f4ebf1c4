"""The operator after crashes, retries and clears: one aggregation that counts, and none lost."""

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow_cases import DIRECTORY, HR, NEVER, FakeStore, FakeTaskInstance, carried_out
from turn_cases import counted, crash, crash_at_post, crashed, operator, somebody_elses

from sailpoint_provider.isc import patience
from sailpoint_provider.isc.errors import AggregationFailedError, AggregationTimeoutError

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])


class StoreError(Exception):
    """What the store raises where it cannot be written."""


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


@MODES
@FILES
@pytest.mark.parametrize("place", PLACES)
def test_a_crash_anywhere_and_a_retry_make_exactly_one_aggregation(
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

    (run,) = counted(tenant, source_id)
    assert (result["aggregation_id"], result["state"]) == (run["id"], "succeeded")
    assert (result["file"] is not None) == has_file
    if has_file:
        assert result["file"]["sha256"] == run["file"]["sha256"]


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
    ti, ids = FakeTaskInstance(store=FakeStore()), []
    for one in (ti, ti.cleared()):
        tenant.plan(source_id, seconds=0)
        ids.append(carried_out(make, one)["aggregation_id"])
    assert len({*ids}) == len(counted(tenant, source_id)) == 2


@MODES
def test_a_clear_while_it_runs_waits_for_that_aggregation(tenant, deferrable):
    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance(store=FakeStore(after=breaks_once("running")))
    make = task_of(tenant, None, False, deferrable=deferrable)
    crashed(make, ti)
    result = carried_out(make, ti.cleared())
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
    monkeypatch.setattr(patience, "UNKNOWN_GRACE_SECONDS", 0.1)
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
def test_an_aggregation_with_another_number_of_rows_was_not_ours_and_ours_is_loaded_after_it(
    tenant, tmp_path, deferrable
):
    tenant.plan(HR)
    ours, theirs = tenant.csv(tmp_path, rows=3), tenant.csv(tmp_path, rows=5, name="theirs.csv")
    ti = FakeTaskInstance(store=FakeStore(after=breaks_once("submitting")))
    make = lambda: operator(source_id=HR, file=ours, deferrable=deferrable)  # noqa: E731 - as the others
    crashed(make, ti)
    other = somebody_elses(tenant, HR, theirs)
    result = carried_out(make, ti.next_try())
    assert result["aggregation_id"] != other
    assert (result["counts"]["total"], result["file"]["name"]) == (3, "accounts.csv")
    assert [run["counts"]["total"] for run in counted(tenant, HR)] == [5, 3]


@MODES
def test_what_cannot_be_remembered_before_the_start_is_not_started(tenant, deferrable):
    def broken(state):
        raise StoreError

    ti = FakeTaskInstance(store=FakeStore(before=broken))
    with pytest.raises(StoreError):
        carried_out(task_of(tenant, None, False, deferrable=deferrable), ti)
    assert tenant.starts() == tenant.runs() == []


@MODES
def test_what_cannot_be_remembered_after_the_start_is_only_told(tenant, logged, deferrable):
    def broken(state):
        if state != "submitting":
            raise StoreError

    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance(store=FakeStore(before=broken))
    assert carried_out(task_of(tenant, None, False, deferrable=deferrable), ti)["state"] == "succeeded"
    assert any("could not be stored" in record.getMessage() for record in logged.records)


def test_an_error_of_isc_is_not_hidden_by_a_store_that_cannot_be_written(tenant, tmp_path, monkeypatch):
    def broken(self, key):
        raise StoreError

    monkeypatch.setattr(FakeStore, "delete", broken)
    file = tmp_path / "accounts.csv"
    file.write_text("who,what\n1,2\n", encoding="utf-8")
    with pytest.raises(AirflowFailException, match="is unknown and/or column"):
        carried_out(lambda: operator(source_id=HR, file=file), FakeTaskInstance(store=FakeStore()))


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
    make = task_of(tenant, None, False, deferrable=deferrable, timeout=0.4)
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
