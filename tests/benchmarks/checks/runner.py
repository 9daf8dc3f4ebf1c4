"""One check of a CSV against the last one, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "id"


def ours(new: str, last: str) -> dict[str, int]:
    """Check with this package: digest, encoding, shape, keys, changed columns."""
    from sailpoint_provider.files.check.check import check_file
    from sailpoint_provider.files.check.last import LastLoaded
    from sailpoint_provider.files.check.rules import FileCheck
    from sailpoint_provider.files.locate import file_source

    before = LastLoaded(file_source(last), "last.csv", digest_beside(last), 0.0, None)
    report = check_file(file_source(new), FileCheck(key=KEY), last=before, now=time.time())
    joiners, movers, leavers = report.joiners, report.movers, report.leavers
    assert joiners is not None and movers is not None and leavers is not None, report.sentence  # noqa: PT018
    return {"joiners": joiners.count, "movers": movers.count, "leavers": leavers.count}


def polars(new: str, last: str) -> dict[str, int]:
    """Compare with polars, as people would: both files lazily, anti joins and a join on the key."""
    import polars as pl

    frames = [pl.scan_csv(path, infer_schema=False) for path in (new, last)]
    hashed = [
        frame.select(pl.col(KEY), pl.struct(pl.all()).hash().alias("values")).collect(engine="streaming")
        for frame in frames
    ]
    mine, theirs = hashed
    if mine[KEY].n_unique() != mine.height:
        raise RuntimeError("A key occurs more than once.")
    both = mine.join(theirs, on=KEY)
    return {
        "joiners": mine.join(theirs, on=KEY, how="anti").height,
        "movers": both.filter(pl.col("values") != pl.col("values_right")).height,
        "leavers": theirs.join(mine, on=KEY, how="anti").height,
    }


def python_csv(new: str, last: str) -> dict[str, int]:
    """Compare with Python's csv module and two dictionaries."""
    import csv

    def read(path: str) -> dict[str, int]:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader)
            at, found = header.index(KEY), {}
            for row in reader:
                if len(row) != len(header) or row[at] in found:
                    raise RuntimeError("A row is malformed.")
                found[row[at]] = hash(tuple(row))
            return found

    mine, theirs = read(new), read(last)
    return {
        "joiners": len(mine.keys() - theirs.keys()),
        "movers": sum(1 for key, value in mine.items() if theirs.get(key, value) != value),
        "leavers": len(theirs.keys() - mine.keys()),
    }


def pandera(new: str, last: str) -> dict[str, int]:
    """Validate a polars frame with pandera (key present and unique), then compare as with polars."""
    import pandera.polars as pa
    import polars as pl

    schema = pa.DataFrameSchema({KEY: pa.Column(str, nullable=False, unique=True)})
    schema.validate(pl.read_csv(new, infer_schema=False))
    return polars(new, last)


def frictionless(new: str, last: str) -> dict[str, int]:
    """Validate with frictionless: shape and a primary key. It compares nothing."""
    from frictionless import Resource, Schema, fields, validate

    del last
    with open(new, encoding="utf-8") as stream:
        names = stream.readline().strip().split(",")
    schema = Schema(fields=[fields.StringField(name=name) for name in names], primary_key=[KEY])
    folder, _, name = new.rpartition("/")
    report = validate(Resource(path=name, basepath=folder, schema=schema))
    if not report.valid:
        raise RuntimeError("frictionless found a fault.")
    return {}


def digests(new: str, last: str) -> dict[str, int]:
    """Compute the SHA-256 of both files at once: a part of every check, and a floor of its time."""
    from concurrent.futures import ThreadPoolExecutor

    def digest(path: str) -> str:
        with open(path, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(digest, (new, last)))
    return {}


def duckdb_counts(new: str, last: str) -> dict[str, int]:
    """Count the rows of both files with DuckDB: a floor for whatever reads with it."""
    return _with_duckdb("count(*)", new, last)


def duckdb_hashes(new: str, last: str) -> dict[str, int]:
    """Read every value of both files with DuckDB, and keep nothing: a floor for whatever compares values."""
    return _with_duckdb("bit_xor(hash(columns(*)))", new, last)


def _with_duckdb(expression: str, *paths: str) -> dict[str, int]:
    import duckdb

    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        for path in paths:
            with open(path, encoding="utf-8") as stream:
                columns = dict.fromkeys(stream.readline().strip().split(","), "VARCHAR")
            source = f"read_csv('{path}', auto_detect=false, header=true, columns={columns})"
            connection.execute(f"SELECT {expression} FROM {source}").fetchall()
    return {}


def lines(new: str, last: str) -> dict[str, int]:
    """Count the lines of both files with ``wc -l``: the floor, because it reads all and compares nothing."""
    subprocess.run(["wc", "-l", new, last], check=True, stdout=subprocess.DEVNULL)
    return {}


TOOLS: dict[str, Callable[[str, str], dict[str, int]]] = {
    "ours": ours,
    "polars": polars,
    "csv": python_csv,
    "pandera": pandera,
    "frictionless": frictionless,
    "sha256": digests,
    "count": duckdb_counts,
    "hash": duckdb_hashes,
    "wc": lines,
}


def digest_beside(path: str) -> str:
    """Return the SHA-256 of a file, which a load recorded; it is no part of a check."""
    try:
        with open(f"{path}.sha256", encoding="ascii") as stream:
            return stream.read()
    except FileNotFoundError:
        with open(path, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()


def main(tool: str, new: str, last: str) -> dict[str, Any]:
    """Run one tool and return what it found and what it took."""
    begun = time.perf_counter()
    found = TOOLS[tool](new, last)
    seconds = time.perf_counter() - begun
    usage, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime + children.ru_utime + children.ru_stime
    return {"found": found, "seconds": seconds, "cpu_seconds": cpu, "peak_bytes": usage.ru_maxrss * 1024}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:4])))
