"""The remote jobs that are waited for: one series of ends, in the words of three services."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

from sailpoint_provider.simulator.api.records import aggregation_status, task_status
from sailpoint_provider.simulator.model.accounts import AccountSet, Changes
from sailpoint_provider.simulator.model.aggregations import Outcome, Run, RunPlan, RunState
from sailpoint_provider.simulator.model.shapes import Shapes

ACCOUNT = 70403103922125
"""The dbt account of the benchmark."""

_GOLDEN = (5**0.5 - 1) / 2
"""The parts of its multiples behind the point lie evenly between 0 and 1, in no order."""

_FIRST_DBT_RUN = 70471862000000
_FIRST_AIRBYTE_JOB = 41000000
_ACCOUNTS = 4000
_COLLECTING_SECONDS = 4.0
_MARK = 7777777
"""A number that stands in a prepared record where the progress is put in when it is sent."""


@dataclass(frozen=True)
class Series:
    """
    Jobs that begin together and end one after the other, in another order than that of their numbers.

    A client that asks for one job after the other may need as long for all of them as their ends are spread,
    and in the order of their numbers each end would by luck come just before its question, or just after it.

    :param count: how many.
    :param begun: epoch seconds at which all begin.
    :param seconds: how long the first one takes.
    :param spread: seconds over which the ends are spread evenly, so that they do not all fall on one look.
    """

    count: int
    begun: float
    seconds: float
    spread: float

    def end(self, number: int) -> float:
        """Return when that job ends, in epoch seconds."""
        return self.begun + self.seconds + self.spread * (number * _GOLDEN % 1.0)


def isc_task(number: int) -> str:
    """Return ISC's id of a job: 32 hexadecimal characters."""
    return md5(b"aggregation %d" % number, usedforsecurity=False).hexdigest()


def dbt_run(number: int) -> int:
    """Return dbt's id of a job."""
    return _FIRST_DBT_RUN + number


def airbyte_job(number: int) -> int:
    """Return Airbyte's id of a job."""
    return _FIRST_AIRBYTE_JOB + number


class Job:
    """
    One job; its records are written once, so that to send one costs next to nothing.

    :param series: the series that it belongs to.
    :param number: its place there.
    """

    def __init__(self, series: Series, number: int) -> None:
        self.begun, self.end = series.begun, series.end(number)
        self.isc_id, self.source_id = isc_task(number), _source(number)
        self._isc = _IscRecords(series, number)
        self._dbt = [_json(_dbt_answer(series, number, ended=ended)) for ended in (False, True)]
        self._airbyte = [_json(_airbyte_answer(series, number, ended=ended)) for ended in (False, True)]

    def task_status(self, now: float) -> bytes:
        """Return ISC's task record."""
        return self._isc.task.at(self, now)

    def aggregation_status(self, now: float) -> bytes:
        """Return the answer of ISC's status endpoint."""
        return self._isc.status.at(self, now)

    def dbt(self, now: float) -> bytes:
        """Return dbt's answer about the run."""
        return _with(self._dbt[now >= self.end], int(now - self.begun))

    def airbyte(self, now: float) -> bytes:
        """Return Airbyte's answer about the job."""
        return _with(self._airbyte[now >= self.end], int((now - self.begun) * 20_000))


@dataclass(frozen=True)
class _Record:
    collecting: bytes
    processing: bytes
    ended: bytes
    whole: int

    def at(self, job: Job, now: float) -> bytes:
        if now >= job.end:
            return self.ended
        done = (now - job.begun - _COLLECTING_SECONDS) / (job.end - job.begun - _COLLECTING_SECONDS)
        return self.collecting if done < 0 else _with(self.processing, int(done * self.whole))


class _IscRecords:
    def __init__(self, series: Series, number: int) -> None:
        run = _run(series, number)
        states = (
            RunState("STARTED", None, False, 0, 0, -1.0),
            RunState("ACCOUNTS_COLLECTED", None, True, _MARK, _MARK, -1.0),
            RunState("COMPLETED", Outcome.SUCCESS, True, run.work, 100, 0.0),
        )
        shapes = Shapes()
        self.task = _record(99, [task_status(run, state, shapes) for state in states])
        self.status = _record(_ACCOUNTS, [aggregation_status(run, state, "v1", shapes) for state in states])


def _record(whole: int, answers: list[dict[str, Any]]) -> _Record:
    collecting, processing, ended = map(_json, answers)
    return _Record(collecting, processing, ended, whole)


_CHANGES = Changes(AccountSet(scanned=_ACCOUNTS), updated=tuple(f"{n:05d}" for n in range(_ACCOUNTS)))


def _source(number: int) -> str:
    return md5(b"source %d" % number, usedforsecurity=False).hexdigest()


def _run(series: Series, number: int) -> Run:
    return Run(
        id=isc_task(number),
        source_id=_source(number),
        source_name=f"Source {number}",
        changes=_CHANGES,
        plan=RunPlan(process_seconds=series.end(number) - series.begun - _COLLECTING_SECONDS),
        created=series.begun,
        started=series.begun,
        speed=1.0,
        event_id=4311625 + number,
    )


def _dbt_answer(series: Series, number: int, *, ended: bool) -> dict[str, Any]:
    """Write the answer of dbt's "retrieve run" (API v2), without the related objects, as the trigger asks."""
    begun, end, id = _dbt_time(series.begun), _dbt_time(series.end(number)), dbt_run(number)
    return {
        "status": {"code": 200, "is_success": True, "user_message": "Success!", "developer_message": ""},
        "data": {
            "id": id,
            "trigger_id": id + 1,
            "account_id": ACCOUNT,
            "environment_id": 70403103936332,
            "project_id": 70403103937119,
            "job_definition_id": 70403103985068 + number,
            "status": 10 if ended else 3,
            "dbt_version": "latest",
            "git_branch": "main",
            "git_sha": md5(b"%d" % id, usedforsecurity=False).hexdigest() + "3f1c9a04",
            "status_message": None,
            "owner_thread_id": None,
            "executed_by_thread_id": f"scheduler-run-{id}-8c7f5d9b6-x2k4w",
            "deferring_run_id": None,
            "artifacts_saved": ended,
            "artifact_s3_path": f"prod-us-c1/runs/{id}/artifacts/target" if ended else None,
            "has_docs_generated": False,
            "has_sources_generated": False,
            "notifications_sent": ended,
            "blocked_by": [],
            "created_at": begun,
            "updated_at": end if ended else begun,
            "dequeued_at": begun,
            "started_at": begun,
            "finished_at": end if ended else None,
            "last_checked_at": None,
            "last_heartbeat_at": begun,
            "should_start_at": begun,
            "trigger": None,
            "job": None,
            "environment": None,
            "run_steps": [],
            "status_humanized": "Success" if ended else "Running",
            "in_progress": not ended,
            "is_complete": ended,
            "is_success": ended,
            "is_error": False,
            "is_cancelled": False,
            "duration": "00:00:30" if ended else f"00:00:{_MARK}",
            "queued_duration": "00:00:01",
            "run_duration": "00:00:29" if ended else f"00:00:{_MARK}",
            "duration_humanized": "30 seconds" if ended else f"{_MARK} seconds",
            "queued_duration_humanized": "1 second",
            "run_duration_humanized": "29 seconds" if ended else f"{_MARK} seconds",
            "created_at_humanized": "1 minute ago",
            "finished_at_humanized": "0 minutes ago",
            "retrying_run_id": None,
            "can_retry": False,
            "retry_not_supported_reason": "RETRY_NOT_FAILED_RUN",
            "job_id": 70403103985068 + number,
            "is_running": None if ended else True,
            "href": f"https://cloud.getdbt.com/deploy/{ACCOUNT}/projects/70403103937119/runs/{id}/",
            "used_repo_cache": None,
        },
    }


def _airbyte_answer(series: Series, number: int, *, ended: bool) -> dict[str, Any]:
    """Write the answer of Airbyte's "get job status and details" (API v1)."""
    digits = md5(b"connection %d" % number, usedforsecurity=False).hexdigest()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return {
        "jobId": airbyte_job(number),
        "status": "succeeded" if ended else "running",
        "jobType": "sync",
        "startTime": _iso(series.begun),
        "connectionId": "-".join(parts),
        "lastUpdatedAt": _iso(series.end(number) if ended else series.begun),
        "duration": "PT30S" if ended else "PT15S",
        "bytesSynced": _MARK,
        "rowsSynced": 4000,
    }


def _json(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


def _with(record: bytes, progress: int) -> bytes:
    return record.replace(b"%d" % _MARK, b"%d" % progress)


def _iso(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dbt_time(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).isoformat(sep=" ")
