"""Checks files as tests need them: from bytes, against the good file, for one source."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sailpoint_provider.files.check.check import check_file
from sailpoint_provider.files.check.facts import SourceFacts
from sailpoint_provider.files.check.last import LastLoaded
from sailpoint_provider.files.check.rules import FileCheck
from sailpoint_provider.files.locate import file_source

if TYPE_CHECKING:
    from pathlib import Path

    from sailpoint_provider.files.check.report import FileReport

NOW = 1_795_000_000.0
SOURCE_ID = "2c91808570313110017040b06f344ec9"
FACTS = SourceFacts(SOURCE_ID, "HR", ("id", "name", "dept", "note"), "id", 10)


def last_of(folder: Path, content: bytes, name: str = "hr-last.csv") -> LastLoaded:
    """Return a last good file with that content."""
    path = folder / "last" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return LastLoaded(
        file_source(str(path)), name, hashlib.sha256(content).hexdigest(), NOW - 86400, NOW - 90000
    )


def checked(
    folder: Path,
    content: bytes,
    *,
    last: bytes | LastLoaded | None = None,
    facts: SourceFacts | None = FACTS,
    name: str = "hr.csv",
    dropped_at: float | None = NOW,
    **rules: Any,
) -> FileReport:
    """Return the report on a file with that content."""
    path = folder / name
    path.write_bytes(content)
    last_loaded = last_of(folder, last) if isinstance(last, bytes) else last
    return check_file(
        file_source(str(path)),
        FileCheck(**rules),
        facts=facts,
        last=last_loaded,
        dropped_at=dropped_at,
        now=NOW,
    )


def outcome(report: FileReport, rule: str) -> Any:
    """Return the outcome of one rule."""
    return next(one for one in report.rules if one.rule == rule)
