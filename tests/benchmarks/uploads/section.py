"""Uploads compared with curl and SailPoint's SDK: one file, one server over TLS, one process per client."""

from __future__ import annotations

import gzip
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING

import trustme

from tests.benchmarks.report import Bar, Section, Table
from tests.benchmarks.uploads.client import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
SIZE = 2048 * MIB
STORED = 64 * MIB
RUNS = 7
OURS, CURL, SDK = "this package", "curl -F", "SailPoint's SDK"
_LEAST_OF_CURL = 0.9
_MOST_MEMORY = 8 * MIB

_TEXT = (
    "Each client uploads the same CSV of 2 GiB to a server on loopback, over TLS with a verified "
    "certificate. The server extracts the file from the multipart body and hashes it, which proves that "
    "every run sent the whole file unchanged. This package hashes the file too, because a task's result "
    "contains the SHA-256; curl and the SDK do not. Runs of this package and of curl alternate. Each client "
    "runs in its own process. This package and the SDK are timed once they have a token; curl reports its "
    "own time. Extra memory is the peak of a process minus its peak when it sends a file of a few bytes."
)


@dataclass(frozen=True)
class Run:
    """
    One upload.

    :param seconds: seconds until the response.
    :param cpu_seconds: processor time of the client.
    :param peak_bytes: peak memory of the client; None if it was not measured.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None = None


class Sink:
    """
    The server, as a process of its own.

    :param folder: where certificate and key go.
    :param hashes: whether it hashes what it takes.
    """

    def __init__(self, folder: Path, *, hashes: bool) -> None:
        self.authority = folder / "authority.pem"
        chain, key = folder / "chain.pem", folder / "key.pem"
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.authority))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(chain))
        certificate.private_key_pem.write_to_path(str(key))
        self._hashes: dict[int, str] = {}
        command = [sys.executable, "-m", "tests.benchmarks.uploads.sink", str(chain), str(key)]
        self._process = subprocess.Popen(
            [*command, "--hash"] if hashes else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"https://127.0.0.1:{self._line()}"

    def check(self, size: int) -> None:
        """
        Check that the last upload was a complete file, with the same content as others of that size.

        :raises RuntimeError: it was not.
        """
        taken = json.loads(self._line())
        if not taken["whole"] or taken["file_bytes"] != size:
            raise RuntimeError(f"The server did not receive a complete file of {size} bytes: {taken}")
        if self._hashes.setdefault(size, taken["sha256"]) != taken["sha256"]:
            raise RuntimeError(f"The server received other content than before: {taken}")

    def close(self) -> None:
        """End the process."""
        _pipe(self._process.stdin).close()
        self._process.wait(10)
        _pipe(self._process.stdout).close()

    def _line(self) -> str:
        return _pipe(self._process.stdout).readline().strip()


def measure() -> Section:
    """Measure uploads; takes just under two minutes."""
    with tempfile.TemporaryDirectory(prefix="uploads-") as name:
        folder = Path(name)
        large, small = folder / "large.csv", folder / "small.csv"
        _write_csv(large, SIZE)
        _write_csv(small, 0)
        with _sink(folder, hashes=True) as sink:
            idle = {
                client: _run_python(client, sink, small, small.stat().st_size) for client in ("ours", "sdk")
            }
            runs = _interleaved(sink, large)
            runs[SDK] = [_run_python("sdk", sink, large, SIZE)]
        with _sink(folder, hashes=False) as sink:
            bare = _interleaved(sink, large, runs=1)
        large.unlink()
        with _sink(folder, hashes=True) as sink:
            stored = _from_stores(sink, folder)
    extra = max(_peak(run) for run in runs[OURS]) - _peak(idle["ours"])
    table = Table(
        "2 GiB over TLS to one server, medians",
        ("client", "runs", "seconds", "MiB/s", "throughput relative to curl", "CPU s", "extra memory"),
        (
            _row(OURS, runs, f"{extra / MIB:.1f} MiB"),
            *([_row(CURL, runs, "not measured")] if runs[CURL] else []),
            _row(SDK, runs, f"{(_peak(runs[SDK][0]) - _peak(idle['sdk'])) / MIB:.0f} MiB"),
        ),
        _notes(runs, bare),
    )
    bars = [Bar("extra memory for 2 GiB", "<= 8 MiB", f"{extra / MIB:.1f} MiB", extra <= _MOST_MEMORY)]
    if runs[CURL]:
        share = _seconds(runs[CURL]) / _seconds(runs[OURS])
        bars.append(Bar("throughput relative to curl -F", ">= 0.9", f"{share:.2f}", share >= _LEAST_OF_CURL))
    return Section("Uploads", _TEXT, (table, stored), tuple(bars))


def _interleaved(sink: Sink, large: Path, runs: int = RUNS) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {OURS: [], CURL: []}
    for _ in range(runs):
        found[OURS].append(_run_python("ours", sink, large, SIZE))
        if shutil.which("curl"):
            found[CURL].append(_run_curl(sink, large))
    return found


def _run_python(client: str, sink: Sink, file: Path | str, size: int, *options: str) -> Run:
    command = [sys.executable, "-m", "tests.benchmarks.uploads.client", client, sink.url, str(sink.authority)]
    done = subprocess.run(
        [*command, str(file), *options], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(f"The upload with {client} failed: {done.stderr[-2000:]}")
    sink.check(size)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _run_curl(sink: Sink, file: Path) -> Run:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [
            *("curl", "-sS", "--fail", "--cacert", str(sink.authority)),
            *("-F", "disableOptimization=false", "-F", f"file=@{file};type=text/csv"),
            *("-o", os.devnull, "-w", "%{time_total}", f"{sink.url}/sources/v1/{SOURCE}/load-accounts"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    sink.check(file.stat().st_size)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(float(done.stdout), cpu)


def _from_stores(sink: Sink, folder: Path) -> Table:
    plain, packed, small = (folder / name for name in ("stored.csv", "stored.csv.gz", "small.csv"))
    _write_csv(plain, STORED)
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target, MIB)
    few = small.stat().st_size
    rows = []
    with _s3_server({"stored.csv": plain, "stored.csv.gz": packed, "small.csv": small}) as address:
        for place, drop, options in (("disk", f"{folder}", ()), ("S3", "s3://drop", ("--s3", address))):
            idle = _run_python("ours", sink, f"{drop}/{small.name}", few, *options)
            for kind, path in (("csv", plain), ("csv.gz, read twice", packed)):
                run = _run_python("ours", sink, f"{drop}/{path.name}", STORED, *options)
                extra = f"{(_peak(run) - _peak(idle)) / MIB:.1f} MiB"
                rows.append((f"{place}, .{kind}", f"{run.seconds:.1f}", extra))
    return Table(
        f"{STORED // MIB} MiB from different places, this package, one run each",
        ("from", "seconds", "extra memory"),
        tuple(rows),
        ("The S3 server is moto on loopback. It is written in Python and limits the speed of its rows.",),
    )


@contextmanager
def _s3_server(objects: dict[str, Path]) -> Iterator[str]:
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        store = S3FileSystem(key="k", secret="s", endpoint_url=address, skip_instance_cache=True)
        store.mkdir("drop")
        for name, path in objects.items():
            store.put_file(str(path), f"drop/{name}")
        yield address
    finally:
        server.stop()


@contextmanager
def _sink(folder: Path, *, hashes: bool) -> Iterator[Sink]:
    sink = Sink(folder, hashes=hashes)
    try:
        yield sink
    finally:
        sink.close()


def _write_csv(path: Path, size: int) -> None:
    """Write a CSV of exactly that size; 0 gives the header alone."""
    line = "p{0:07d},Person {0:07d},Given,Family,p{0:07d}@example.com,Department,,2024-01-01,\n".format
    block = "".join(map(line, range(12_000))).encode()
    with path.open("wb") as stream:
        left = size - stream.write(
            b"id,name,givenName,familyName,e-mail,department,manager,startDate,endDate\n"
        )
        while left > 0:
            left -= stream.write(block[:left])
        stream.flush()
        os.fsync(stream.fileno())  # otherwise the disk still writes it while the first runs are timed


def _row(client: str, runs: dict[str, list[Run]], memory: str) -> tuple[str, ...]:
    seconds, cpu = _seconds(runs[client]), median(run.cpu_seconds for run in runs[client])
    share = f"{_seconds(runs[CURL]) / seconds:.2f}" if runs[CURL] else "-"
    count = len(runs[client])
    return client, str(count), f"{seconds:.2f}", f"{SIZE / MIB / seconds:.0f}", share, f"{cpu:.2f}", memory


def _notes(runs: dict[str, list[Run]], bare: dict[str, list[Run]]) -> tuple[str, ...]:
    if not runs[CURL]:
        return ("curl is not on the PATH, so it was omitted.",)
    ours, curl = _seconds(bare[OURS]), _seconds(bare[CURL])
    cpu = {client: median(run.cpu_seconds for run in runs[client]) for client in (OURS, CURL)}
    notes = [
        f"With a server that does not hash, on the same cores, one run each: this package {ours:.2f} s, curl "
        f"{curl:.2f} s; throughput relative to curl {curl / ours:.2f}."
    ]
    if cpu[CURL] < cpu[OURS]:
        notes.append("curl takes less processor time: it neither hashes the file nor checks it for changes.")
    return tuple(notes)


def _seconds(runs: list[Run]) -> float:
    return median(run.seconds for run in runs)


def _peak(run: Run) -> int:
    return run.peak_bytes or 0


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
