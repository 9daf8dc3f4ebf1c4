"""A file is streamed unchanged, or nothing is started."""

import hashlib
import os
import time
import tracemalloc

import pytest

from sailpoint_provider.exceptions import InvalidInputError, TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.models import StartResponse
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import (
    HR,
    asked,
    csv_of,
    disturbing,
    opened_by,
    tenant_at,
    upload_disturbed,
    write_csv,
)
from tests.unit.client.recording_servers import TOKEN_ANSWER, RecordingServer, json_answer
from tests.unit.isc.isc_cases import load_accounts

V1 = API_VERSIONS["v1"]
RUN = "af1b82086c194f89acce82e156ff6e61"
MIB = 1024 * 1024


def start_of(upload):
    return load_accounts(V1, HR, upload)


def rewritten(path):
    path.write_text(csv_of(2), encoding="utf-8")


def grown(path):
    with path.open("a", encoding="utf-8") as file:
        file.write("x,y,,,,,,,\n")


def touched(path):
    """Change the file without changing its size."""
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace("p1", "q1"), encoding="utf-8")
    os.utime(path, ns=(1, 1))


def emptied(path):
    os.truncate(path, 0)


def deleted(path):
    path.unlink()


CHANGES = [rewritten, grown, touched, emptied, deleted]


@pytest.mark.parametrize("rows", [0, 1, 5000])
@pytest.mark.parametrize("name", ["accounts.csv", 'an "odd" näme; x=1.csv', "line\nbreak.csv"])
def test_a_file_arrives_as_it_is(world, tenant, control, tmp_path, rows, name):
    path = write_csv(tmp_path, rows, name)
    content = path.read_bytes()
    task = world.send(tenant, start_of(find_csv(path)))
    digest = hashlib.sha256(content).hexdigest()
    assert (task.file["name"], task.file["size_bytes"], task.file["sha256"]) == (name, len(content), digest)
    (request,) = asked(control, "load_accounts")
    assert (request["file"]["size"], request["file"]["sha256"]) == (len(content), digest)
    assert request["parts"] == ["disableOptimization", "file"]


def test_the_name_of_the_file_arrives(world, tenant, control, tmp_path):
    world.send(tenant, start_of(find_csv(write_csv(tmp_path, name="people 2024.csv"))))
    assert asked(control, "load_accounts")[0]["file"]["name"] == "people 2024.csv"


def test_a_start_without_a_file_mentions_none(world, tenant):
    task = world.send(tenant, load_accounts(V1, "2c918085000000000000000000000a03"))
    assert isinstance(task, StartResponse)
    assert task.file is None


@pytest.mark.parametrize("trouble", [("rate_limit", {"retry_after": 0}), ("expired_token", {})])
def test_a_second_attempt_sends_the_whole_file_again(world, tenant, control, tmp_path, trouble):
    kind, settings = trouble
    control.fault(kind, path="load-accounts", times=1, **settings)
    path = write_csv(tmp_path, rows=3000)
    task = world.send(tenant, start_of(find_csv(path)))
    assert task.file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert asked(control, "load_accounts")[1]["file"]["sha256"] == task.file["sha256"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_before_it_is_sent_is_not_sent(world, tenant, control, tmp_path, change):
    path = write_csv(tmp_path)
    upload = find_csv(path)
    change(path)
    with pytest.raises(InvalidInputError) as failure:
        world.send(tenant, start_of(upload))
    assert not failure.value.final
    assert asked(control, "load_accounts") == []
    assert control.runs() == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_two_attempts_is_not_sent_again(world, tenant, control, tmp_path, change):
    control.fault("rate_limit", path="load-accounts", times=1, retry_after=0)
    path = write_csv(tmp_path)
    with pytest.raises(InvalidInputError) as failure:
        world.send(tenant, start_of(find_csv(path)), disturbing(lambda: change(path)))
    assert not failure.value.final
    assert len(asked(control, "load_accounts")) == 1
    assert control.runs() == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_sent_starts_nothing(world, tenant, control, tmp_path, change):
    path = write_csv(tmp_path, rows=5000)
    with pytest.raises(InvalidInputError) as failure:
        world.send(tenant, start_of(upload_disturbed(path, lambda: change(path))))
    assert not failure.value.final
    assert control.runs() == []
    assert len(asked(control, "load_accounts")) <= 1


def test_a_file_that_ends_early_is_reported(world, tenant, control, tmp_path):
    path = write_csv(tmp_path, rows=5000)
    with pytest.raises(
        InvalidInputError, match=r"changed while it was being sent \(it ends \d+ bytes early\)"
    ):
        world.send(tenant, start_of(upload_disturbed(path, lambda: emptied(path))))
    assert control.runs() == []


def test_after_a_broken_upload_the_source_takes_the_next_one(world, tenant, control, tmp_path):
    path = write_csv(tmp_path, rows=5000)
    with pytest.raises(InvalidInputError):
        world.send(tenant, start_of(upload_disturbed(path, lambda: grown(path))))
    assert world.send(tenant, start_of(find_csv(path))).id == control.runs()[0]["id"]


def test_a_file_that_cannot_be_opened_is_reported(world, tenant, control, tmp_path):
    path = write_csv(tmp_path)

    def refuse():
        raise PermissionError(13, "Permission denied")

    with pytest.raises(
        InvalidInputError, match=r"Cannot read the file .*: Permission denied\. Nothing was loaded"
    ) as failure:
        world.send(tenant, start_of(opened_by(find_csv(path), refuse)))
    assert not failure.value.final
    assert asked(control, "load_accounts") == []


def test_a_file_that_cannot_be_read_to_its_end_starts_nothing(world, tenant, control, tmp_path):
    path = write_csv(tmp_path, rows=5000)
    closed = []

    class Broken:
        def __init__(self):
            self.reads = 0

        def read(self, size=-1):
            self.reads += 1
            if self.reads > 1:
                raise OSError(5, "Input/output error")
            return path.read_bytes()[:1000]

        def close(self):
            closed.append(True)

    with pytest.raises(
        InvalidInputError, match=r"Cannot read the file .*: Input/output error\. Nothing was loaded"
    ):
        world.send(tenant, start_of(opened_by(find_csv(path), Broken)))
    assert control.runs() == []
    assert closed == [True]


@pytest.mark.parametrize(
    ("trouble", "settings"), [("answer", {"status": 400}), ("reset", {}), ("rate_limit", {"retry_after": 0})]
)
def test_the_file_is_closed_whatever_happens(world, tenant, control, tmp_path, trouble, settings):
    control.fault(trouble, path="load-accounts", **settings)
    upload, opened = find_csv(write_csv(tmp_path)), []

    def open_and_note():
        opened.append(upload.open())
        return opened[-1]

    with pytest.raises(Exception, match="Could not start"):
        world.send(tenant, start_of(opened_by(upload, open_and_note)))
    assert opened
    assert all(file.closed for file in opened)


def sink(request):
    """Reply as ISC does, but slowly, and keep nothing: a client that does not wait would buffer the file."""
    if request.target.endswith("/oauth/token"):
        return TOKEN_ANSWER
    time.sleep(0.05)
    return json_answer({"success": True, "task": {"id": RUN}}, 202)


def test_a_large_file_is_never_held_in_memory(world, tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,name\n")
    os.truncate(path, 64 * MIB)
    with RecordingServer(sink, keeps_bodies=False) as server:
        tenant = tenant_at(server.url)
        world.send(tenant, endpoints.token(tenant))
        tracemalloc.start()
        try:
            task = world.send(tenant, start_of(find_csv(path)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert task.file["size_bytes"] == 64 * MIB
    assert server.received[-1].size > 64 * MIB
    assert int(server.received[-1].headers["content-length"]) == server.received[-1].size
    assert peak < 16 * MIB


def test_an_upload_may_be_silent_for_longer_than_other_calls(world, sailpoint_simulator, control, tmp_path):
    control.fault("delay", path="load-accounts", delay_seconds=0.5)
    upload = find_csv(write_csv(tmp_path))
    patient = tenant_at(sailpoint_simulator.url, extra={"timeout": 0.2, "upload_timeout": 5})
    assert world.send(patient, start_of(upload)).id


def test_an_upload_is_not_waited_for_endlessly(world, sailpoint_simulator, control, tmp_path):
    control.fault("timeout", path="load-accounts")
    hasty = tenant_at(sailpoint_simulator.url, extra={"upload_timeout": 0.2})
    with pytest.raises(TenantUnavailableError, match="may have been started"):
        world.send(hasty, start_of(find_csv(write_csv(tmp_path))))
