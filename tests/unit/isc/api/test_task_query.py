import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.models import TaskStatus, read_task_status
from sailpoint_provider.isc.api.task_query import TaskQuery
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document

OTHER = "f" * 32
UUID = "5d3f1b2a-0c4e-4a6b-9d8f-1e2a3b4c5d6e"
TYPE = "CLOUD_ACCOUNT_AGGREGATION"


@pytest.mark.parametrize(
    ("arguments", "filters"),
    [
        ({}, None),
        ({"running": False}, None),
        ({"task_ids": RUN}, f'id eq "{RUN}"'),
        ({"task_ids": [RUN, OTHER]}, f'id in ("{RUN}", "{OTHER}")'),
        ({"task_ids": UUID}, f'id eq "{UUID}"'),
        ({"task_ids": [UUID, RUN]}, f'id in ("{UUID}", "{RUN}")'),
        ({"source_ids": (SOURCE,)}, f'sourceId eq "{SOURCE}"'),
        ({"types": TYPE}, f'type eq "{TYPE}"'),
        ({"completion_statuses": ("SUCCESS", "Error")}, 'completionStatus in ("SUCCESS", "Error")'),
        ({"running": True}, "completionStatus isnull"),
        (
            {"running": True, "types": [TYPE], "source_ids": [SOURCE]},
            f'sourceId eq "{SOURCE}" and type eq "{TYPE}" and completionStatus isnull',
        ),
    ],
)
def test_the_conditions_become_one_filter(arguments, filters):
    assert TaskQuery.from_arguments(**arguments).filters == filters


@pytest.mark.parametrize("name", ["task_ids", "source_ids"])
@pytest.mark.parametrize("value", ["10001", "", f'{SOURCE}" or', [SOURCE, "x"], [None], 7, SOURCE.encode()])
def test_what_is_no_id_is_refused(name, value):
    with pytest.raises(InvalidInputError, match=name):
        TaskQuery.from_arguments(**{name: value})


def test_the_id_of_a_source_is_no_uuid():
    with pytest.raises(InvalidInputError, match="source_ids"):
        TaskQuery.from_arguments(source_ids=UUID)


@pytest.mark.parametrize("name", ["types", "completion_statuses"])
@pytest.mark.parametrize("value", ["", "A B", 'A" or "B', "SUCCESS\n", "\u0421", ["SUCCESS", "1"], [None], 7])
def test_types_and_completion_statuses_are_words(name, value):
    with pytest.raises(InvalidInputError, match=name):
        TaskQuery.from_arguments(**{name: value})


def test_a_running_task_has_no_completion_status_to_list_it_by():
    with pytest.raises(InvalidInputError, match="exclude each other"):
        TaskQuery.from_arguments(running=True, completion_statuses=["SUCCESS"])


@pytest.mark.parametrize("running", ["yes", "false", 2, 0, 1, 1.0])
def test_running_is_a_truth_value_or_none(running):
    with pytest.raises(InvalidInputError, match="running is"):
        TaskQuery.from_arguments(running=running)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, True),
        ({"task_ids": RUN}, True),
        ({"task_ids": [OTHER, RUN]}, True),
        ({"task_ids": OTHER}, False),
        ({"source_ids": SOURCE}, True),
        ({"source_ids": [OTHER]}, False),
        ({"types": TYPE}, True),
        ({"types": "CLOUD_GROUP_AGGREGATION"}, False),
        ({"running": True}, True),
        ({"running": False}, False),
        ({"source_ids": SOURCE, "types": "CLOUD_GROUP_AGGREGATION"}, False),
    ],
)
def test_a_running_task_is_matched_here_too(arguments, expected):
    assert TaskQuery.from_arguments(**arguments).matches(read_task_status(task_document())) is expected


def test_a_record_without_source_type_and_end_meets_no_condition_on_them():
    record = read_task_status({"id": RUN, "completionStatus": "SUCCESS"})
    for arguments in ({"source_ids": SOURCE}, {"types": TYPE}, {"running": True}):
        assert not TaskQuery.from_arguments(**arguments).matches(record)


@pytest.mark.parametrize("name", ["task_ids", "source_ids", "types", "completion_statuses"])
def test_an_empty_collection_matches_nothing(name):
    assert TaskQuery.from_arguments(**{name: []}).is_empty
    assert not TaskQuery.from_arguments().is_empty


@pytest.mark.parametrize(
    "name", ["Cloud Group Aggregation", "Cloud Group Aggregation - 3a68239b12ad4443ba2ab3b1460c321f"]
)
def test_the_name_of_a_task_may_go_on_with_an_id(name):
    query = TaskQuery(types=("CLOUD_GROUP_AGGREGATION",))
    assert query.matches(TaskStatus("a" * 32, None, unique_name=name))
    assert not query.matches(TaskStatus("a" * 32, None, unique_name=f"Other {name}"))
