"""An identity refresh sends each part once, and never again what ISC has acknowledged."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    CheckpointError,
    InvalidInputError,
    ProtocolError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.refresh_outcome import ended_part
from sailpoint_provider.isc.start.refresh import (
    PartProgress,
    RefreshRequest,
    checked_identity_ids,
    read_refresh_checkpoint,
    start_refresh,
)
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.results import IdentityRefreshResult
from tests.unit.isc.isc_cases import NOON, Driver

LOG = logging.getLogger("refresh")
LOST = TenantUnavailableError("the connection broke", sent=True)


def ids(number):
    return tuple(f"{one:032x}" for one in range(number))


def request(number=600, **changed):
    usual = {"max_tries": 0, "clear_number": 0, "deadlines": Deadlines(NOON + 100.0, 60.0, begun=NOON)}
    return RefreshRequest(**usual | {"identity_ids": ids(number)} | changed)


class Memory:
    """The state store, which takes JSON only."""

    def __init__(self):
        self.kept, self.states, self.broken = None, [], ()

    def load(self):
        return None if self.kept is None else read_refresh_checkpoint(json.loads(self.kept))

    def save(self, checkpoint, *, required=False):
        if checkpoint.state in self.broken:
            if required:
                raise CheckpointError("the store is down")
            return
        self.kept = json.dumps(checkpoint.to_json())
        self.states.append([part.state for part in checkpoint.parts])


class Tenant:
    """Answers each request with the next reply, or with an ID."""

    def __init__(self, *replies):
        self.replies, self.sent = list(replies), []

    def __call__(self, call):
        self.sent.append([] if call.content is None else json.loads(call.content)["identityIds"])
        reply = self.replies.pop(0) if self.replies else None
        return f"task-{len(self.sent)}" if reply is None else reply


def started(wanted, memory, tenant):
    return Driver(tenant).run(start_refresh(API_VERSIONS["v1"], wanted, memory, LOG))


def ended(state):
    document = dict.fromkeys(("completion_status", "started", "completed")) | {
        "aggregation_id": "x",
        "state": state,
        "messages": [],
    }
    return ended_part(document, 250)


def test_identities_are_sent_in_parts_of_250_and_each_once():
    memory, tenant = Memory(), Tenant()
    checkpoint = started(request(), memory, tenant)
    assert [len(part) for part in tenant.sent] == [250, 250, 100]
    assert [one for part in tenant.sent for one in part] == list(ids(600))
    assert [part.task_id for part in checkpoint.parts] == ["task-1", "task-2", "task-3"]
    assert memory.states[0] == ["submitting", "open", "open"]
    assert memory.states[-1] == ["accepted", "accepted", "accepted"]


def test_the_intent_of_each_part_is_stored_before_its_request():
    memory = Memory()
    seen = []
    started(request(300), memory, lambda call: seen.append(memory.states[-1]) or "task")
    assert seen == [["submitting", "open"], ["accepted", "submitting"]]


def test_nothing_is_sent_if_the_intent_cannot_be_stored():
    memory, tenant = Memory(), Tenant()
    memory.broken = ("submitting",)
    with pytest.raises(CheckpointError):
        started(request(1), memory, tenant)
    assert tenant.sent == []


def test_a_retry_sends_only_what_isc_has_not_acknowledged():
    memory = Memory()
    with pytest.raises(TenantUnavailableError):
        started(request(), memory, Tenant(None, LOST))
    assert memory.states[-1] == ["accepted", "submitting", "open"]
    again = Tenant()
    checkpoint = started(request(), memory, again)
    assert [part[0] for part in again.sent] == [ids(600)[250], ids(600)[500]]
    assert checkpoint.parts[0].task_id == "task-1"


def test_a_part_that_may_have_taken_effect_is_sent_again_with_a_warning(caplog):
    memory = Memory()
    with pytest.raises(TenantUnavailableError):
        started(request(1), memory, Tenant(LOST))
    with caplog.at_level(logging.WARNING):
        started(request(1), memory, Tenant())
    assert "again" in caplog.text


@pytest.mark.parametrize("error", [AccessDeniedError("403"), TenantUnavailableError("refused", sent=False)])
def test_a_request_that_certainly_had_no_effect_leaves_no_doubt(error, caplog):
    memory = Memory()
    with pytest.raises(type(error)):
        started(request(1), memory, Tenant(error))
    assert memory.states[-1] == ["open"]
    with caplog.at_level(logging.WARNING):
        started(request(1), memory, Tenant())
    assert caplog.text == ""


def test_an_acknowledgement_without_an_id_is_not_repeated():
    memory = Memory()
    wanted = request(0, profile_id="2b838de9-db9b-abcf-e646-d4f274ad4238", identity_ids=())
    nothing = Tenant()
    driver = Driver(lambda call: nothing.sent.append(call.path))
    driver.run(start_refresh(API_VERSIONS["v1"], wanted, memory, LOG))
    driver.run(start_refresh(API_VERSIONS["v1"], wanted, memory, LOG))
    assert len(nothing.sent) == 1


def test_only_parts_that_failed_are_sent_again():
    memory = Memory()
    checkpoint = started(request(), memory, Tenant())
    for number, state in enumerate(("succeeded", "failed", "succeeded_with_warnings")):
        checkpoint = checkpoint.with_part(number, ended=ended(state))
    memory.save(checkpoint)
    again = Tenant()
    started(request(), memory, again)
    assert [part[0] for part in again.sent] == [ids(600)[250]]
    memory.save(checkpoint)
    strict = Tenant()
    started(request(fail_on_warning=True), memory, strict)
    assert [part[0] for part in strict.sent] == [ids(600)[250], ids(600)[500]]


@pytest.mark.parametrize(
    "other",
    [{"identity_ids": ids(599)}, {"max_tries": 1}, {"clear_number": 1}],
    ids=lambda other: str(*other),
)
def test_other_identities_or_a_clear_begin_anew(other):
    memory = Memory()
    started(request(), memory, Tenant())
    again = Tenant()
    started(request(**other), memory, again)
    assert len(again.sent) == 3


def test_a_retry_after_the_result_sends_nothing():
    memory = Memory()
    checkpoint = started(request(1), memory, Tenant())
    result = IdentityRefreshResult(
        state="succeeded", identities=1, identity_profile_id=None, parts=[ended("succeeded")]
    )
    memory.save(replace(checkpoint, result=result))
    again = Tenant()
    assert started(request(1), memory, again).result == result
    assert again.sent == []


@pytest.mark.parametrize(
    "document",
    [7, {}, {"version": 2}, {"version": 1, "digest": 3}, {"version": 1, "digest": "a", "\ud800": 1}],
)
def test_a_foreign_checkpoint_is_refused(document):
    with pytest.raises(ProtocolError):
        read_refresh_checkpoint(document)


def test_each_identity_is_sent_once_however_often_it_is_named():
    assert checked_identity_ids([*ids(2), *ids(2)]) == ids(2)
    assert checked_identity_ids(ids(1)[0]) == ids(1)


@pytest.mark.parametrize("given", [[], None, 7, b"x", ["short"], [None]])
def test_what_are_no_identities_is_refused(given):
    with pytest.raises(InvalidInputError, match="identity_ids"):
        checked_identity_ids(given)


def test_a_part_that_is_sent_anew_has_the_whole_timeout():
    first, again = request(), request(deadlines=Deadlines(NOON + 900.0, 60.0, begun=NOON + 800.0))
    accepted = replace(PartProgress(), state="accepted", task_id="a" * 32)
    waits = replace(first.checkpoint(), parts=tuple(accepted for _ in first.sizes))
    assert again.resumed(waits).deadlines.deadline == NOON + 100.0
    unsent = replace(waits, parts=(PartProgress(), *waits.parts[1:]))
    assert again.resumed(unsent).deadlines.deadline == NOON + 900.0
