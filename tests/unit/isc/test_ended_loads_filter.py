"""What a watcher is asked to report: checked, and the same however it is spelled."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.models import read_task_status
from sailpoint_provider.isc.ended_loads_filter import EndedLoadsFilter, recorded_kind
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION
from tests.unit.isc.isc_cases import SOURCE, task_document

TYPE = "CLOUD_ACCOUNT_AGGREGATION"
OTHER = "2c918085000000000000000000000a01"


def watched(source_ids=None, task_types=(TYPE,), states=None):
    return EndedLoadsFilter.from_arguments(source_ids, task_types, states)


def test_one_value_stands_for_a_list_of_one():
    assert watched(SOURCE, TYPE, "failed") == watched([SOURCE], [TYPE], ["failed"])


def test_order_case_and_repetition_make_no_difference():
    assert watched([OTHER, SOURCE.upper(), SOURCE]) == watched((SOURCE, OTHER))
    assert watched([OTHER, SOURCE]).identity("conn") == watched([SOURCE, OTHER]).identity("conn")
    assert watched([SOURCE]).identity("conn") != watched([OTHER]).identity("conn")
    assert watched([SOURCE]).identity("conn") != watched([SOURCE]).identity("other")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"source_ids": "HR"}, "32 hex characters"),
        ({"source_ids": []}, "source_ids"),
        ({"source_ids": 5}, "source_ids"),
        ({"source_ids": [SOURCE, None]}, "source_ids"),
        ({"states": "good"}, "succeeded_with_warnings"),
        ({"states": "running"}, "known are"),
        ({"task_types": 'X" or id eq "1'}, "letters and underscores"),
    ],
)
def test_anything_else_is_refused(arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        watched(**arguments)


def test_every_end_is_reported_unless_states_are_named():
    assert watched().reports("failed")
    assert not watched(states=["succeeded"]).reports("failed")
    assert watched(states=["succeeded"]).reports("succeeded")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cloud Account Aggregation", ACCOUNT_AGGREGATION),
        ("Cloud Group Aggregation", ENTITLEMENT_AGGREGATION),
        ("Cloud Group Aggregation - 3a68239b12ad4443ba2ab3b1460c321f", ENTITLEMENT_AGGREGATION),
        ("Something New", None),
        (None, None),
    ],
)
def test_a_record_names_its_kind_of_load(name, expected):
    record = read_task_status(task_document("SUCCESS", uniqueName=name))
    assert recorded_kind(record) == expected
