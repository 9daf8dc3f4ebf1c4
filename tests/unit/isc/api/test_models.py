from datetime import UTC, datetime

import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.models import (
    TaskMessage,
    read_account_aggregation_status,
    read_source,
    read_sources,
    read_start_response,
    read_task_status,
    read_task_statuses,
)
from sailpoint_provider.results import UploadedFile
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document

BUSY = (
    "This aggregation failed because the currently running aggregation must complete before the next one "
    "can start."
)
NO_OBJECTS = [None, [], "text", 7, True, [{}]]


def start_document(**task):
    return {
        "success": True,
        "task": {
            "type": "QUARTZ",
            "id": RUN,
            "name": "Cloud Account Aggregation",
            "launcher": "System",
            "created": 1714574212775,
            "launched": "2024-05-01T14:36:52.788Z",
            "completed": None,
            "completionStatus": None,
            "messages": [],
            "returns": [{"displayLabel": "x", "attributeName": "total"}],
            "attributes": {"eventId": 4311625, "appId": SOURCE},
            "progress": None,
        }
        | task,
    }


def test_a_documented_start_is_read():
    file = UploadedFile(name="a.csv", size_bytes=1, sha256="0" * 64, rows=None)
    task = read_start_response(start_document(), file)
    assert (task.id, task.messages) == (RUN, ())
    assert task.file is file
    assert not task.refused_as_busy


def test_a_start_without_a_wrapper_is_read_too():
    flat = start_document()["task"] | {"success": "false"}
    assert read_start_response(flat).id == RUN


def test_a_start_without_a_usable_id_has_none():
    assert read_start_response(start_document(id=None)).id is None
    assert read_start_response(start_document(id="../x")).id is None


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ERROR", "key": BUSY},
        {"type": "ERROR", "key": "err", "localizedText": BUSY},
        {"type": "ERROR", "key": "err", "localizedText": {"locale": "en", "message": BUSY}},
        {"type": "ERROR", "key": "err", "text": BUSY},
        {"text": BUSY.upper()},
        {"key": BUSY, "localizedText": {"locale": "de", "message": "Es wird noch eine verarbeitet."}},
        BUSY,
        f"  Error: {BUSY}  ",
    ],
)
def test_the_busy_refusal_is_known_in_every_disguise(message):
    assert read_start_response(start_document(messages=[message])).refused_as_busy
    assert read_start_response(start_document() | {"messages": [message]}).refused_as_busy
    assert read_task_status(task_document("ERROR", messages=[message])).refused_as_busy


@pytest.mark.parametrize(
    "messages", [None, "text", 7, {}, [None], [7], [[]], [""], [{}], [{"type": "ERROR"}], [{"text": " "}]]
)
def test_messages_that_say_nothing_are_left_out(messages):
    assert read_task_status(task_document(messages=messages)).messages == ()


def test_the_localized_text_is_preferred_to_text_and_key():
    messages = read_task_status(
        task_document(
            messages=[
                {
                    "type": "WARN",
                    "key": "k",
                    "localizedText": {"locale": "en", "message": "words"},
                    "text": "t",
                },
                {"type": "INFO", "key": "k", "localizedText": "words"},
                {"key": "k", "localizedText": None, "text": "t"},
                {"key": "k", "localizedText": {"locale": "en"}},
                "plain",
            ]
        )
    ).messages
    assert messages == (
        TaskMessage("WARN", "words", "k"),
        TaskMessage("INFO", "words", "k"),
        TaskMessage(None, "t", "k"),
        TaskMessage(None, "k", "k"),
        TaskMessage(None, "plain"),
    )


def test_a_documented_aggregation_status_is_read():
    status = read_account_aggregation_status(
        {
            "start": "2021-01-31T14:30:05.104Z",
            "status": "ACCOUNTS_COLLECTED",
            "totalAccounts": 520,
            "processedAccounts": 150,
            "totalAccountsMarkedForDeletion": 10,
            "deletedAccounts": 3,
            "totalIdentities": 518,
            "processedIdentities": 148,
        }
    )
    assert status.status == "ACCOUNTS_COLLECTED"
    assert status.start == datetime(2021, 1, 31, 14, 30, 5, 104000, tzinfo=UTC)
    assert (status.total_accounts, status.processed_accounts) == (520, 150)
    assert (status.accounts_marked_for_deletion, status.deleted_accounts) == (10, 3)
    assert (status.total_identities, status.processed_identities) == (518, 148)


def test_an_aggregation_status_without_counts_is_read():
    status = read_account_aggregation_status(
        {"status": "accounts collected", "start": None, "totalAccounts": None}
    )
    assert status.status == "ACCOUNTS_COLLECTED"
    assert status.start is None
    assert status.total_accounts is None


@pytest.mark.parametrize("document", [{}, {"status": None}, {"status": ""}, {"status": 7}])
def test_an_aggregation_status_without_a_status_is_a_broken_protocol(document):
    with pytest.raises(ProtocolError, match="without 'status'"):
        read_account_aggregation_status(document)


def test_a_documented_task_record_is_read():
    task = read_task_status(task_document("SUCCESS"))
    assert (task.id, task.completion_status, task.launcher) == (RUN, "SUCCESS", "System")
    assert task.unique_name == "Cloud Account Aggregation"
    assert (task.source_id, task.source_name) == (SOURCE, "Directory")
    assert task.created == datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
    assert task.launched == datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC)
    assert task.completed == datetime(2024, 5, 1, 12, 1, 1, 500000, tzinfo=UTC)
    assert task.percent_complete == 100


def test_a_task_record_of_almost_nothing_is_running():
    task = read_task_status({"id": RUN})
    assert task.completion_status is None
    assert (task.source_id, task.source_name, task.unique_name, task.percent_complete) == (None,) * 4
    assert dict(task.attributes) == {}


def test_wild_shapes_of_a_task_record_are_read():
    task = read_task_status(
        task_document(
            "Success",
            created=1714574212775,
            completed="1714574212775",
            percentComplete=None,
            attributes={"total": "1,520", "created": 3, "optimized": "x", "appId": SOURCE},
            target=None,
            taskDefinitionSummary={"uniqueName": "Cloud Account Aggregation"},
            uniqueName=None,
        )
    )
    assert task.created == task.completed
    assert task.percent_complete is None
    assert [task.count(name) for name in ("total", "created", "optimized", "deleted")] == [
        1520,
        3,
        None,
        None,
    ]
    assert task.source_id == SOURCE
    assert task.unique_name == "Cloud Account Aggregation"


@pytest.mark.parametrize("junk", [None, [], "text", 7])
def test_target_attributes_and_definition_of_another_shape_are_passed_over(junk):
    task = read_task_status(task_document(target=junk, attributes=junk, taskDefinitionSummary=junk))
    assert (task.source_id, task.source_name, dict(task.attributes)) == (None, None, {})


def test_a_skipped_deletion_is_seen_in_the_messages():
    warned = task_document("WARNING", messages=[{"type": "WARN", "key": "Account Deletion was skipped"}])
    assert read_task_status(warned).deletions_skipped
    assert not read_task_status(task_document("WARNING")).deletions_skipped


@pytest.mark.parametrize(
    ("type_name", "connector"),
    [
        ("DelimitedFile", ""),
        ("Delimited File", ""),
        ("delimited-file", ""),
        ("", "delimited-file-angularsc"),
        ("Generic", "DelimitedFile"),
    ],
)
def test_a_delimited_file_source_is_known_by_every_spelling(type_name, connector):
    document = {"id": SOURCE, "name": "HR", "type": type_name, "connector": connector}
    assert read_source(document).is_delimited_file


def test_a_source_is_read_with_its_cluster():
    source = read_source(
        {
            "id": SOURCE,
            "name": "AD",
            "type": "Active Directory",
            "cluster": {"id": "1"},
            "connectionType": "direct",
        }
    )
    assert (source.name, source.has_cluster, source.is_delimited_file) == ("AD", True, False)
    assert source.connection_type == "direct"


def test_a_source_without_a_name_is_named_by_its_id():
    source = read_source({"id": SOURCE, "name": None, "cluster": None})
    assert (source.name, source.type, source.connector, source.has_cluster) == (SOURCE, "", "", False)


@pytest.mark.parametrize(
    "read", [read_start_response, read_account_aggregation_status, read_task_status, read_source]
)
@pytest.mark.parametrize("document", NO_OBJECTS)
def test_what_is_no_object_is_a_broken_protocol(read, document):
    with pytest.raises(ProtocolError, match=r"instead of .*, a JSON object"):
        read(document)


@pytest.mark.parametrize("read", [read_task_statuses, read_sources])
@pytest.mark.parametrize("document", [None, {}, "text", 7])
def test_what_is_no_list_is_a_broken_protocol(read, document):
    with pytest.raises(ProtocolError, match=r"instead of .*, a JSON array"):
        read(document)


@pytest.mark.parametrize("read", [read_task_status, read_source])
@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": "../x"}, {"id": 7}])
def test_a_record_without_a_usable_id_is_a_broken_protocol(read, document):
    with pytest.raises(ProtocolError, match="without a usable 'id'"):
        read(document)


def test_a_list_with_one_unreadable_record_is_a_broken_protocol():
    with pytest.raises(ProtocolError):
        read_task_statuses([task_document(), {"name": "no id"}])
    with pytest.raises(ProtocolError):
        read_sources([{"id": SOURCE}, None])


def test_lists_are_read_in_their_order():
    assert [task.id for task in read_task_statuses([{"id": "b"}, {"id": "a"}])] == ["b", "a"]
    assert [source.id for source in read_sources([{"id": "b"}, {"id": "a"}])] == ["b", "a"]
    assert read_sources([]) == []


@pytest.mark.parametrize(
    ("document", "has_failed"),
    [
        (start_document(), False),
        (start_document() | {"success": False}, True),
        (start_document(completionStatus="ERROR"), True),
        (start_document(completionStatus="Temp Error"), True),
        (start_document(completionStatus="TERMINATED"), True),
        (start_document(completionStatus="SUCCESS"), False),
        (start_document()["task"] | {"completionStatus": "Error"}, True),
    ],
)
def test_a_start_that_has_failed_at_once_says_so(document, has_failed):
    assert read_start_response(document).has_failed is has_failed
