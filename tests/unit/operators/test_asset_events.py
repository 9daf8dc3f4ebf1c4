"""The events of a task's outlets: after a good end only, and only on the asset of the loaded source."""

from __future__ import annotations

import json
from types import SimpleNamespace
from unittest import mock

import pytest
from airflow.models import taskinstance as server
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors

from sailpoint_provider import version_compat
from sailpoint_provider.assets.aggregations import triggering_loads
from sailpoint_provider.assets.sources import source_asset
from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.exceptions import AggregationFailedError, FileRefusedError, InvalidInputError
from sailpoint_provider.files.check import FileCheck
from sailpoint_provider.results import LoadEvent
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    MAINFRAME,
    POLL,
    FakeStore,
    FakeTaskInstance,
    carried_out,
)
from tests.unit.operators.turn_cases import crash, crashed, operator

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])


def task_instance(**settings):
    return FakeTaskInstance(outlet_events=OutletEventAccessors(), **settings)


def crash_at(state):
    """Return what lets the worker die once its store holds this state."""
    return lambda stored: crash() if stored == state else None


def events(ti):
    """Return what Airflow's API server would receive: the extras by URI, and those of aliases, as read."""
    named, by_alias = {}, {}
    for key, accessor in ti.outlet_events._dict.items():
        if accessor.extra:
            named[key.uri] = json.loads(json.dumps(accessor.extra))
        for event in accessor.asset_alias_events:
            (load,) = triggering_loads({"triggering_asset_events": {"asset": [event]}})
            by_alias.setdefault((key.name, event.dest_asset_key.uri), []).append(json.loads(json.dumps(load)))
    return named, by_alias


@pytest.fixture
def asset(tenant):
    """Return a function that makes the asset of a source of the tenant."""
    return lambda source_id, name=None: source_asset(tenant.server.url, source_id, name)


@MODES
def test_the_event_of_a_named_outlet_says_what_was_loaded(tenant, asset, tmp_path, deferrable):
    tenant.plan(HR)
    file, ti = tenant.csv(tmp_path, rows=7), task_instance()
    outlet = asset(HR, "HR accounts")

    result = carried_out(
        lambda: operator(source_id=HR, file=str(file), check=True, deferrable=deferrable, outlets=[outlet]),
        ti,
    )

    named, by_alias = events(ti)
    assert by_alias == {}
    assert list(named) == [outlet.uri]
    event = named[outlet.uri]
    assert list(event) == list(LoadEvent.__annotations__)
    assert event["version"] == 1
    assert event["kind"] == "account aggregation"
    assert event["source_uri"] == outlet.uri
    for key in ("aggregation_id", "state", "source_id", "source_name", "accounts", "started", "completed"):
        assert event[key] == result[key]
    assert event["file"] == result["file"] | {"rows": 7}
    assert event["check"]["verdict"] == "passed"
    assert (event["check"]["rows"], event["check"]["accounts"]) == (7, 7)


@MODES
def test_without_a_check_the_rows_are_unknown(tenant, asset, tmp_path, deferrable):
    tenant.plan(HR)
    file, ti = tenant.csv(tmp_path), task_instance()
    carried_out(
        lambda: operator(source_id=HR, file=str(file), deferrable=deferrable, outlets=[asset(HR)]), ti
    )
    (event,) = events(ti)[0].values()
    assert (event["check"], event["file"]["rows"]) == (None, None)


def test_no_key_and_no_value_of_the_file_is_in_the_event(tenant, asset, tmp_path):
    tenant.plan(HR)
    file, ti = tenant.csv(tmp_path, rows=5), task_instance()
    before = tmp_path / "before.csv"
    header, joiner, mover, *others = tenant.csv_text(9).splitlines()
    before.write_text("\n".join([header, f"{mover} before", *others, ""]), encoding="utf-8")
    carried_out(
        lambda: operator(
            source_id=HR,
            file=str(file),
            check=FileCheck(max_deletions=None),
            compare_with=str(before),
            outlets=[asset(HR)],
        ),
        ti,
    )
    (event,) = events(ti)[0].values()
    assert [event["check"][group] for group in ("joiners", "movers", "leavers")] == [1, 1, 4]
    values = set(joiner.split(",")) | {
        value for line in before.read_text(encoding="utf-8").splitlines()[1:] for value in line.split(",")
    }
    assert len(values) > 9
    assert not [value for value in values if f'"{value}"' in json.dumps(event)]


def test_a_file_that_a_person_approved_says_so(tenant, asset, tmp_path):
    tenant.plan(HR)
    file, before, ti = tenant.csv(tmp_path, rows=1), tmp_path / "before.csv", task_instance()
    before.write_text(tenant.csv_text(50), encoding="utf-8")
    load = {"source_id": HR, "file": str(file), "check": True, "compare_with": str(before)}
    with pytest.raises(FileRefusedError) as refused:
        carried_out(lambda: operator(**load, outlets=[asset(HR)]), task_instance())
    approval = refused.value.report["approval"]
    carried_out(lambda: operator(**load, approved=approval, outlets=[asset(HR)]), ti)
    (event,) = events(ti)[0].values()
    assert (event["check"]["verdict"], event["check"]["approved"]) == ("refused", True)
    assert event["check"]["refused_by"]


@MODES
def test_a_source_that_is_known_only_at_run_time_gets_its_event_by_an_alias(tenant, asset, deferrable):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    (name,) = (one["name"] for one in tenant.control.sources() if one["id"] == DIRECTORY)
    carried_out(lambda: operator(source_name=name, emit_asset_event=True, deferrable=deferrable), ti)
    named, by_alias = events(ti)
    assert named == {}
    (((alias, uri), (event,)),) = by_alias.items()
    assert (alias, uri) == ("sailpoint-loads", asset(DIRECTORY).uri)
    assert event["source_id"] == DIRECTORY


def test_an_alias_of_the_dag_takes_the_place_of_ours(tenant, asset):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    make = lambda: operator(source_id=DIRECTORY, emit_asset_event=True, outlets=[AssetAlias("mine")])  # noqa: E731
    assert [outlet.name for outlet in make().outlets] == ["mine"]
    carried_out(make, ti)
    assert list(events(ti)[1]) == [("mine", asset(DIRECTORY).uri)]


def test_an_alias_alone_sends_nothing(tenant):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    carried_out(lambda: operator(source_id=DIRECTORY, outlets=[AssetAlias("mine")]), ti)
    assert events(ti) == ({}, {})


def test_a_named_outlet_and_an_alias_make_one_event(tenant, asset):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    carried_out(lambda: operator(source_id=DIRECTORY, emit_asset_event=True, outlets=[asset(DIRECTORY)]), ti)
    named, by_alias = events(ti)
    assert list(named) == [asset(DIRECTORY).uri]
    assert by_alias == {}


def test_the_outlet_of_another_source_is_refused_before_anything_is_sent(tenant, asset):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    with pytest.raises(InvalidInputError, match="is not the source that would be loaded") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, outlets=[asset(MAINFRAME)]), ti)
    assert asset(MAINFRAME).uri in str(caught.value)
    assert "load_accounts" not in tenant.calls()
    assert events(ti) == ({}, {})


class NotFound(Exception):
    """Airflow's error for an asset that no DAG names, as its classes of all versions show it."""

    def __init__(self):
        self.error = SimpleNamespace(error=SimpleNamespace(value="ASSET_NOT_FOUND"))


@pytest.mark.parametrize(
    ("failures", "expected"),
    [([], "directory"), ([NotFound()], None), ([OSError()], "directory"), ([OSError()] * 2, False)],
    ids=["named", "unnamed", "one failure", "two failures"],
)
def test_an_alias_event_reaches_the_asset_under_the_name_that_dags_give_it(
    tenant, asset, logged, monkeypatch, failures, expected
):
    tenant.plan(DIRECTORY)
    known, left = asset(DIRECTORY, "directory"), failures[:]

    def look_up(name=None, uri=None):
        if left:
            raise left.pop()
        return known

    monkeypatch.setattr(OutletEventAccessor, "_get_asset_from_db", staticmethod(look_up))
    monkeypatch.setattr(OutletEventAccessor, "_asset_ref_cache", {})
    ti = task_instance()
    carried_out(lambda: operator(source_id=DIRECTORY, emit_asset_event=True), ti)
    alias = ti.context["outlet_events"][AssetAlias("sailpoint-loads")]
    names = [event.dest_asset_key.name for event in alias.asset_alias_events]
    assert names == ([] if expected is False else [expected or known.uri])
    assert any("is missing" in line for line in logged.messages) is (expected is False)


def test_airflow_stores_the_event_of_an_alias(tenant):
    """Airflow 3.0 fails the task if a value of such an event is not hashable."""
    tenant.plan(DIRECTORY)
    ti = task_instance()
    carried_out(lambda: operator(source_id=DIRECTORY, emit_asset_event=True), ti)
    (event,) = ti.context["outlet_events"][AssetAlias("sailpoint-loads")].asset_alias_events
    sent = {
        "source_alias_name": event.source_alias_name,
        "dest_asset_key": {"name": event.dest_asset_key.name, "uri": event.dest_asset_key.uri},
        "extra": event.extra,
    }
    session = mock.MagicMock()
    session.scalars.return_value = []
    outlet = SimpleNamespace(name="sailpoint-loads", uri=None, type="AssetAlias")
    with mock.patch("airflow.assets.manager.asset_manager.register_asset_change") as registered:
        server.TaskInstance.register_asset_changes_in_db(mock.MagicMock(), [outlet], [sent], session=session)
    (stored,) = [call.kwargs["extra"] for call in registered.call_args_list]
    triggered = SimpleNamespace(extra=json.loads(json.dumps(stored)))
    (load,) = triggering_loads({"triggering_asset_events": {"asset": [triggered]}})
    assert load == event_of(ti)


def event_of(ti):
    """Return what the task's only alias event says."""
    (((load,),),) = [events(ti)[1].values()]
    assert load["source_id"] == DIRECTORY
    return load


def test_an_alias_event_of_airflow_3_0_is_text_that_is_read_again(monkeypatch):
    monkeypatch.setattr(version_compat, "find_spec", lambda name: None)
    extra = version_compat.alias_extra({"source_id": DIRECTORY, "state": "succeeded", "file": {"rows": 3}})
    assert len(frozenset(extra.items())) == 1
    (load,) = triggering_loads({"triggering_asset_events": {"asset": [SimpleNamespace(extra=extra)]}})
    assert load["file"] == {"rows": 3}


def test_other_outlets_are_left_alone(tenant):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    carried_out(lambda: operator(source_id=DIRECTORY, outlets=[Asset("report"), "anything"]), ti)
    assert events(ti) == ({}, {})


def test_an_outlet_by_uri_alone_is_matched(tenant, asset, monkeypatch):
    tenant.plan(DIRECTORY)
    ti = task_instance()
    known = asset(DIRECTORY, "directory")
    monkeypatch.setattr(
        OutletEventAccessors, "_get_asset_from_db", staticmethod(lambda name=None, uri=None: known)
    )
    monkeypatch.setattr(OutletEventAccessors, "_asset_ref_cache", {})
    carried_out(lambda: operator(source_id=DIRECTORY, outlets=[Asset.ref(name="directory")]), ti)
    assert list(events(ti)[0]) == [known.uri]


@MODES
def test_a_failed_load_sends_nothing(tenant, asset, deferrable):
    tenant.plan(DIRECTORY, "error")
    ti = task_instance()
    with pytest.raises(AggregationFailedError):
        carried_out(
            lambda: operator(
                source_id=DIRECTORY, emit_asset_event=True, outlets=[asset(DIRECTORY)], deferrable=deferrable
            ),
            ti,
        )
    assert events(ti) == ({}, {})


def test_a_skipped_load_sends_nothing(tenant, asset):
    tenant.started(DIRECTORY, seconds=60)
    ti = task_instance()
    with pytest.raises(AirflowSkipException):
        carried_out(
            lambda: operator(
                source_id=DIRECTORY, if_running="skip", emit_asset_event=True, outlets=[asset(DIRECTORY)]
            ),
            ti,
        )
    assert events(ti) == ({}, {})


@pytest.mark.parametrize("how", ["outlet", "alias"])
def test_a_task_that_does_not_wait_cannot_report_its_outlet(asset, how):
    changed = {"outlets": [asset(DIRECTORY)]} if how == "outlet" else {"emit_asset_event": True}
    with pytest.raises(InvalidInputError, match="wait_for_completion=False"):
        operator(source_id=DIRECTORY, wait_for_completion=False, **changed)


def test_a_retry_that_resumes_after_a_crash_still_knows_the_check(tenant, asset, tmp_path):
    tenant.plan(HR, seconds=0.5)
    file, ti = tenant.csv(tmp_path, rows=4), task_instance(store=FakeStore())
    make = lambda: operator(source_id=HR, file=str(file), check=True, outlets=[asset(HR)])  # noqa: E731
    ti.store.after = crash_at("running")
    crashed(make, ti)
    ti.store.after = None
    again = ti.next_try()
    carried_out(make, again)
    (event,) = events(again)[0].values()
    assert event["file"]["rows"] == 4
    assert len(tenant.starts()) == 1


def test_a_retry_that_finds_its_result_sends_the_event_that_the_crash_lost(tenant, asset):
    tenant.plan(DIRECTORY)
    ti = task_instance(store=FakeStore())
    make = lambda: operator(source_id=DIRECTORY, outlets=[asset(DIRECTORY)])  # noqa: E731
    ti.store.after = crash_at("returned")
    crashed(make, ti)
    assert events(ti) == ({}, {})
    ti.store.after = None
    again = ti.next_try()
    carried_out(make, again)
    assert list(events(again)[0]) == [asset(DIRECTORY).uri]
    assert len(tenant.starts()) == 1


@MODES
def test_a_drop_is_reported_with_its_check(tenant, asset, tmp_path, deferrable):
    tenant.plan(HR)
    folder, ti = tmp_path / "drops", task_instance()
    folder.mkdir()
    (folder / "hr.csv").write_text(tenant.csv_text(6), encoding="utf-8")
    rules = FolderRules(url=str(folder), source_id=HR, complete="renamed")
    (drop,) = take_drops(rules, Run("load", "run"), active=lambda _: True).drops
    carried_out(lambda: operator(drop=drop, emit_asset_event=True, deferrable=deferrable), ti)
    ((event,),) = events(ti)[1].values()
    assert event["file"]["name"] == "hr.csv"
    assert event["file"]["rows"] == 6
    assert event["check"]["verdict"] == "passed"


def test_an_event_that_cannot_be_made_leaves_the_load_good(tenant, asset, monkeypatch, logged):
    from sailpoint_provider.isc import load_event

    def broken(*_, **__):
        raise RuntimeError("no event today")

    monkeypatch.setattr(load_event, "load_event", broken)
    tenant.plan(DIRECTORY)
    ti = task_instance()
    result = carried_out(lambda: operator(source_id=DIRECTORY, outlets=[asset(DIRECTORY)]), ti)
    assert result["state"] == "succeeded"
    assert any("no event today" in record.getMessage() for record in logged.records)


@MODES
def test_a_sensor_reports_to_its_outlet_what_it_waited_for(tenant, asset, deferrable):
    started, ti = tenant.started(DIRECTORY), task_instance()
    result = carried_out(
        lambda: SailPointAccountAggregationSensor(
            task_id="task",
            aggregation_id=started,
            poll_interval=POLL,
            deferrable=deferrable,
            outlets=[asset(DIRECTORY)],
        ),
        ti,
    )
    (event,) = events(ti)[0].values()
    assert event["aggregation_id"] == started
    assert event["accounts"] == result["accounts"]
    assert (event["file"], event["check"]) == (None, None)


def test_a_sensor_that_is_skipped_shows_nothing(tenant, asset):
    started, ti = tenant.started(DIRECTORY, "error"), task_instance()
    with pytest.raises(AirflowSkipException):
        carried_out(
            lambda: SailPointAccountAggregationSensor(
                task_id="task",
                aggregation_id=started,
                poll_interval=POLL,
                soft_fail=True,
                outlets=[asset(DIRECTORY)],
            ),
            ti,
        )
    assert events(ti) == ({}, {})
