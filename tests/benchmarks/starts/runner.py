"""
A worker for :mod:`tests.benchmarks.starts.section`: starts aggregations up to their deferral and times each.

What was measured is written to standard output as JSON.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import ssl
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.simulator.control import SimulatorControl
from sailpoint_provider.simulator.model.tokens import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

API_VERSIONS = ("v1", "v2026", "v2025", "v2024", "beta")
STARTS = 15
_WARM_UP = 2
_CSV_ROWS = 1000


@dataclass(frozen=True)
class Start:
    """
    What one kind of start cost.

    :param api_version: the API version.
    :param by: ``id`` or ``name``, by which the source was given.
    :param has_file: whether a CSV went along.
    :param requests: the most requests that one start took, up to and with the POST.
    :param checks: the most requests that one took between the POST and the deferral.
    :param total_ms: median of the time from ``execute`` to the deferral.
    :param own_ms: median of that time without the waits for the server.
    :param first_own_ms: the same of the first start of the process, which loads the transport.
    """

    api_version: str
    by: str
    has_file: bool
    requests: int
    checks: int
    total_ms: float
    own_ms: float
    first_own_ms: float


class Waits:
    """
    Sums up how long the process waited for the server.

    A wait begins when a request is written and ends with the head of its answer, so that connecting,
    handshakes and the reading of bodies count as the client's own time.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def install(self) -> None:
        """Watch every answer of this process from now on."""
        waited = http.client.HTTPConnection.getresponse

        def getresponse(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            began = time.perf_counter()
            try:
                return waited(connection)
            finally:
                self.seconds += time.perf_counter() - began

        # mypy knows no replacing of methods.
        http.client.HTTPConnection.getresponse = getresponse  # type: ignore[method-assign, assignment]


class TaskInstance:
    """As much of a task instance as a start asks for."""

    try_number = 1
    max_tries = 0

    def xcom_push(self, key: str, value: Any) -> None:
        """Write the value as it goes over the wire, and keep nothing."""
        json.dumps({key: value})


class Store:
    """A task state store in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """Return what is kept."""
        return json.loads(self._kept[key]) if key in self._kept else None

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        """Keep nothing."""
        self._kept.pop(key, None)


def measured(url: str, authority: str, folder: Path) -> Iterator[Start]:
    """Measure every kind of start, one after the other."""
    control = SimulatorControl(url, ssl_context=ssl.create_default_context(cafile=authority))
    waits = Waits()
    waits.install()
    # What Airflow holds anyway would be searched again before every start.
    gc.collect()
    gc.freeze()
    for api_version in API_VERSIONS:
        _connect(url, authority, api_version)
        for by in ("id", "name"):
            for kind in ("direct", "delimited"):
                # A fresh tenant, or the records of earlier starts would make every look longer.
                control.reset()
                control.rate_limit(1_000_000)
                source = control.create_source(f"Bench {kind}", kind)
                arguments = {f"source_{by}": source[by]}
                if kind == "delimited":
                    arguments["file"] = str(_write_csv(folder, source["header"]))
                yield _measure_kind(control, waits, api_version, by, arguments)


def _measure_kind(
    control: SimulatorControl, waits: Waits, api_version: str, by: str, arguments: dict[str, Any]
) -> Start:
    totals, owns, requests, checks = [], [], [], []
    for _ in range(_WARM_UP + STARTS):
        operator = SailPointAccountAggregationOperator(task_id="start", deferrable=True, **arguments)
        context: Any = {"ti": TaskInstance(), "task_state_store": Store()}
        context["dag_run"] = SimpleNamespace(start_date=datetime.now(UTC))
        control.clear_requests()
        waits.seconds = 0.0
        gc.collect()
        began = time.perf_counter()
        try:
            operator.execute(context)
        except TaskDeferred:
            totals.append((time.perf_counter() - began) * 1e3)
            owns.append(totals[-1] - waits.seconds * 1e3)
        else:
            raise AssertionError("the aggregation was over before it could be deferred")
        operator.hook.close()
        calls = [request["call"] for request in control.requests()]
        after = calls.index("load_accounts") + 1
        requests.append(after)
        checks.append(len(calls) - after)
        _end_runs(control)
    return Start(
        api_version,
        by,
        "file" in arguments,
        max(requests[_WARM_UP:]),
        max(checks[_WARM_UP:]),
        median(totals[_WARM_UP:]),
        median(owns[_WARM_UP:]),
        owns[0],
    )


def _end_runs(control: SimulatorControl) -> None:
    """End what was started, so that the next start does not find its source busy."""
    run = control.runs()[-1]
    control.finish(run["id"])


def _write_csv(folder: Path, header: list[str]) -> Path:
    file = folder / "accounts.csv"
    rows = (",".join(f"{column} {number}" for column in header) for number in range(_CSV_ROWS))
    file.write_text("\n".join([",".join(header), *rows, ""]), encoding="utf-8")
    return file


def _connect(url: str, authority: str, api_version: str) -> None:
    extra = {"api_version": api_version, "verify": authority, "requests_per_10s": 1_000_000}
    os.environ["AIRFLOW_CONN_SAILPOINT_DEFAULT"] = json.dumps(
        {
            "conn_type": "sailpoint",
            "host": url,
            "login": DEFAULT_CLIENT_ID,
            "password": DEFAULT_CLIENT_SECRET,
            "extra": extra,
        }
    )


if __name__ == "__main__":
    found = [asdict(start) for start in measured(sys.argv[1], sys.argv[2], Path(sys.argv[3]))]
    print(json.dumps(found))
