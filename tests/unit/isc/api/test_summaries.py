"""Pages of task records, read quickly: odd shapes do no harm, and no end is read out of them."""

from __future__ import annotations

import json
import random

import pytest

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.endpoints import running_tasks, tasks_of_ids
from sailpoint_provider.isc.api.models import read_task_status
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.api.summaries import read_task_summaries
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.outcome import decide
from tests.unit.isc.isc_cases import RUN, answer, task_document

TYPES = ("CLOUD_ACCOUNT_AGGREGATION",)


def summaries(document):
    return [
        (one.id, one.completion_status, one.percent_complete) for one in read_task_summaries(answer(document))
    ]


def test_of_each_record_id_end_and_percent_are_read():
    assert summaries([task_document(), task_document("SUCCESS", id="other")]) == [
        (RUN, None, 40),
        ("other", "SUCCESS", 100),
    ]


@pytest.mark.parametrize(
    ("record", "read"),
    [
        ({}, (None, None)),
        ({"completionStatus": None, "percentComplete": None}, (None, None)),
        ({"completionStatus": "Success"}, ("Success", None)),
        ({"completionStatus": " "}, (None, None)),
        ({"completionStatus": 1}, (None, None)),
        ({"completionStatus": ["SUCCESS"]}, (None, None)),
        ({"completionStatus": {"status": "SUCCESS"}}, (None, None)),
        ({"percentComplete": "40"}, (None, 40)),
        ({"percentComplete": 40.0}, (None, 40)),
        ({"percentComplete": True}, (None, None)),
        ({"percentComplete": "half"}, (None, None)),
        ({"percentComplete": {"value": 1}}, (None, None)),
        ({"unknown": [1, {"deep": []}]}, (None, None)),
    ],
)
def test_odd_fields_are_read_like_those_of_a_single_record(record, read):
    assert summaries([{"id": RUN} | record]) == [(RUN, *read)]
    single = read_task_status({"id": RUN} | record)
    assert (single.completion_status, single.percent_complete) == read


@pytest.mark.parametrize("odd", [None, 7, "text", True, [], [RUN], {}, {"id": None}, {"id": 12}])
def test_what_is_no_record_is_left_out_and_hides_no_other(odd):
    assert summaries([odd, {"id": RUN, "completionStatus": "ERROR"}, odd]) == [(RUN, "ERROR", None)]


@pytest.mark.parametrize("document", [None, 7, "text", {}, {"items": []}, {"id": RUN}])
def test_what_is_no_array_is_an_error(document):
    with pytest.raises(ProtocolError, match="did not return a JSON array"):
        summaries(document)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'[{"id": "',
        b"[" * 5000,
        b"\xff\xfe",
        b"[NaN",
        b'[{"id": "\xff"}]',
        b'[{"id": "' + RUN.encode() + b'"}, {"completionStatus": "\xc3"}]',
        b'[{"id": ' + b"[" * 100_000,
        b'[{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    ],
)
def test_what_is_no_json_is_an_error(body):
    with pytest.raises(ProtocolError):
        read_task_summaries(answer(body=body))


def test_no_content_is_an_empty_page():
    assert read_task_summaries(answer(body=b"", status=204)) == []
    assert summaries([]) == []


@pytest.mark.parametrize("seed", range(20))
def test_an_end_is_reported_only_of_records_that_say_one(seed):
    chance = random.Random(seed)
    odd = [None, "", " ", 0, 1, True, "SUCCESS", "Success", "temp_error", [], {}, 2.5]
    records = [
        {
            "id": chance.choice([RUN, "b" * 32, None, 5]),
            "completionStatus": chance.choice(odd),
            "percentComplete": chance.choice(odd),
        }
        for _ in range(30)
    ]
    page = [chance.choice([None, 3, record]) if chance.random() < 0.1 else record for record in records]
    for one in read_task_summaries(answer(page)):
        said = [
            entry["completionStatus"] for entry in page if isinstance(entry, dict) and entry["id"] == one.id
        ]
        assert (decide(None, one) != "running") <= any(isinstance(status, str) for status in said)
        assert one.completion_status is None or one.completion_status in said


def test_an_error_of_a_page_names_the_status_and_the_support_id():
    call = running_tasks(API_VERSIONS["v1"], offset=0, types=TYPES)
    with pytest.raises(ProtocolError, match="list the tasks that are waited for") as caught:
        read_response(call, answer(body=b"<html>", slpt_request_id="t-7"))
    assert (caught.value.status, caught.value.tracking_id) == (200, "t-7")


@pytest.mark.parametrize("wrong", ["", "a/b", 'x" or id eq "y', "ä" * 32])
def test_an_id_that_cannot_be_one_never_gets_into_a_filter(wrong):
    with pytest.raises(InvalidInputError):
        tasks_of_ids(API_VERSIONS["v1"], [RUN, wrong])


@pytest.mark.parametrize("name", sorted(API_VERSIONS))
def test_calls_for_many_ask_for_full_pages(name):
    api_version = API_VERSIONS[name]
    by_id = tasks_of_ids(api_version, [RUN, "b" * 32])
    assert by_id.path == api_version.path("task-status")
    assert dict(by_id.query) == {"limit": "250", "filters": f'id in ("{RUN}","{"b" * 32}")'}
    later = running_tasks(api_version, offset=500, types=TYPES)
    assert (dict(later.query)["limit"], dict(later.query)["offset"]) == ("250", "500")
    assert "offset" not in dict(running_tasks(api_version, offset=0, types=TYPES).query)
    assert json.dumps(dict(later.query))
