"""The cost of a start: requests, checks before deferring, and the operator's own time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import trustme

from tests.benchmarks.json_process import PROJECT
from tests.benchmarks.report import Bar, Section, Table
from tests.benchmarks.starts.runner import STARTS, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUESTS = {"v1": 3, "v2026": 3, "v2025": 3, "v2024": 4, "beta": 4}
_CHECKS = 1
_OWN_MS = 50.0
_SECONDS = 300.0


def measure() -> Section:
    """Run starts up to their deferral, over TLS against the simulator in another process."""
    with tempfile.TemporaryDirectory(prefix="start_bench_") as name:
        folder = Path(name)
        authority, identity = _certificates(folder)
        with _simulator(identity) as url:
            starts = _run(url, authority, folder)
    return Section(
        "Starts",
        f"The operator from execute to its deferral with a token in memory: {STARTS} starts of each kind "
        "after two warm-up starts, over TLS against the simulator in its own process. Own time excludes only "
        "the waits between the end of a request and the head of its response, so it includes connections and "
        "handshakes. The trusted certificate authorities are certifi's and the server's. Files have 1,000 "
        "rows.",
        (_table(starts),),
        _bars(starts),
    )


def _bars(starts: list[Start]) -> tuple[Bar, ...]:
    few = [start for start in starts if _REQUESTS[start.api_version] == 3]
    more = [start for start in starts if _REQUESTS[start.api_version] == 4]
    most, most_elsewhere = max(start.requests for start in few), max(start.requests for start in more)
    checks, own = max(start.checks for start in starts), max(start.own_ms for start in starts)
    return (
        Bar("requests per start on v1, v2026, v2025", "≤ 3", str(most), most <= 3),
        Bar("requests per start on v2024, beta", "≤ 4", str(most_elsewhere), most_elsewhere <= 4),
        Bar("checks before deferring", f"≤ {_CHECKS}", str(checks), checks <= _CHECKS),
        Bar(
            "own time of the slowest kind of start",
            f"< {_OWN_MS:.0f} ms",
            f"{own:.1f} ms",
            own < _OWN_MS,
        ),
    )


def _table(starts: list[Start]) -> Table:
    rows = tuple(
        (
            f"{start.api_version}, by {'ID' if start.by == 'id' else start.by}"
            f"{', with file' if start.has_file else ''}",
            str(start.requests),
            str(start.checks),
            f"{start.total_ms:.1f}",
            f"{start.own_ms:.1f}",
        )
        for start in starts
    )
    first = starts[0].first_own_ms
    return Table(
        "A start, by API version and kind",
        ("start", "requests", "checks", "total ms", "own ms"),
        rows,
        (
            "Requests and checks are maxima over all starts; times are medians.",
            f"The first start of the process also imports requests and gets a token: {first:.0f} own ms.",
        ),
    )


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Write a realistic bundle of certificate authorities, and the server's key with its certificate."""
    authority, identity = folder / "authorities.pem", folder / "server.pem"
    signer = trustme.CA()
    signed = signer.issue_cert("127.0.0.1")
    authority.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + signer.cert_pem.bytes())
    identity.write_bytes(signed.private_key_and_cert_chain_pem.bytes())
    return authority, identity


@contextmanager
def _simulator(identity: Path) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.starts.server", str(identity)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _run(url: str, authority: Path, folder: Path) -> list[Start]:
    environment = os.environ | {"AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environment |= {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.starts.runner", url, str(authority), str(folder)],
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return [Start(**start) for start in json.loads(run.stdout.splitlines()[-1])]
