"""Several rows of one identity are one account, where the source merges rows."""

import itertools

import pytest

from sailpoint_provider.simulator.model import accounts
from sailpoint_provider.simulator.model.accounts import AccountSet, compare
from tests.unit.simulator.simulator_cases import finished

ROWS = [["1", "Ada", "red"], ["2", "Bo", "red"], ["1", "Ada", "blue"], ["1", "", "red"]]


def merged(rows):
    return AccountSet.of_rows(rows, 0, merges_rows=True)


def test_an_account_of_several_rows_keeps_every_value_once():
    found = merged(ROWS)
    assert found.rows == {"1": ("1", "Ada", ("red", "blue")), "2": ("2", "Bo", "red")}
    assert (len(found), found.scanned) == (2, 4)


def test_without_merging_the_last_row_wins():
    assert AccountSet.of_rows(ROWS, 0).rows == {"1": ("1", "", "red"), "2": ("2", "Bo", "red")}


def test_an_empty_value_gives_way_to_the_first_that_is_not():
    assert merged([["1", ""], ["1", "x"], ["1", ""]]).rows == {"1": ("1", "x")}


@pytest.mark.parametrize("kept", [accounts.ROWS_KEPT, 0], ids=["rows", "digests"])
def test_the_order_of_rows_changes_no_account_and_a_missing_row_does(kept, monkeypatch):
    monkeypatch.setattr(accounts, "ROWS_KEPT", kept)
    held = merged(ROWS)
    for order in itertools.permutations(ROWS):
        changes = compare(held, merged(order), 0)
        assert (changes.created, changes.updated, changes.deleted, changes.unchanged) == ((), (), (), 2)
    assert compare(held, merged([ROWS[0], ROWS[1], ROWS[3]]), 0).updated == ("1",)


def test_rows_that_are_not_kept_are_merged_by_digest(monkeypatch):
    monkeypatch.setattr(accounts, "ROWS_KEPT", 1)
    found = merged(ROWS)
    assert found.rows is None
    assert len(found) == 2


def test_a_file_with_several_rows_of_an_account_loads_one(api, control):
    source = control.create_source("Badges", header=["id", "name", "group"], merge_rows=True)["id"]
    csv = "id,name,group\n1,Ada,red\n2,Bo,red\n1,Ada,blue\n"
    task = finished(control, api.started(source, csv))
    attributes = api.task(task).json()["attributes"]
    assert (attributes["total"], attributes["created"]) == (3, 2)
    assert control.accounts(source) == {
        "total": 2,
        "accounts": [
            {"id": "1", "attributes": {"id": "1", "name": "Ada", "group": ["red", "blue"]}},
            {"id": "2", "attributes": {"id": "2", "name": "Bo", "group": "red"}},
        ],
    }
    answer = api.accounts(filters=f'sourceId eq "{source}"', count="true")
    assert answer.headers["X-Total-Count"] == "2"
    assert answer.json()[0]["attributes"]["group"] == ["red", "blue"]


def test_a_threshold_counts_accounts_and_not_rows(api, control):
    held = [["1", "red"], ["1", "blue"], ["1", "green"], ["2", "red"]]
    source = control.create_source(
        "Badges", header=["id", "group"], accounts=held, merge_rows=True, delete_threshold=40
    )["id"]
    task = finished(control, api.started(source, "id,group\n1,red\n1,blue\n1,green\n"))
    assert api.task(task).json()["completionStatus"] == "WARNING"
    assert control.accounts(source)["total"] == 2
