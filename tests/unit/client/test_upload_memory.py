"""A file is never held in memory, however large it is."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.client.slow_server import SlowServer

HERE = Path(__file__).parent
MIB = 1024 * 1024
# Many times what may be held, and soon sent.
SIZE = 64 * MIB
PROMISED = 8 * MIB
# Allowance for modules that only a long upload imports, and for memory that the allocator retains.
ALLOWANCE = 4 * MIB


def plain(folder):
    path = folder / "large.csv"
    path.write_bytes(b"id,name\n")
    os.truncate(path, SIZE)
    return path


def packed(folder):
    path = folder / "large.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(SIZE // MIB):
            stream.write(bytes(MIB))
    return path


@pytest.mark.parametrize("make", [plain, packed])
@pytest.mark.parametrize("world", ["blocking", "event_loop"])
def test_an_upload_takes_little_memory(world, make, certificates, tmp_path):
    large = make(tmp_path)
    small = tmp_path / ("small" + "".join(large.suffixes))
    small.write_bytes(gzip.compress(b"id,name\n") if make is packed else b"id,name\n")
    with SlowServer(certificates=certificates) as server:
        probe = [sys.executable, HERE / "upload_probe.py", world, server.url]
        done = subprocess.run(
            [*probe, certificates.authority, small, large],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[2], HERE)))},
        )
    assert done.returncode == 0, done.stderr
    size, growth = map(int, done.stdout.split())
    assert size == SIZE
    assert growth <= PROMISED + ALLOWANCE
