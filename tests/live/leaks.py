"""Finds secrets and tokens in logs and XComs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.live.simulator_process import CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BEARER_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+")

# With it Airflow 3.0 logs which DAG file was to be read again; it grants no access.
_FILE_TOKEN = re.compile(r"/parseDagFile/\S+")


def log_texts(folder: Path) -> dict[str, str]:
    """Return every log below a folder by its path, but for that of the simulator.

    The simulator prints its well-known secret when it starts.
    """
    logs = (path for path in folder.rglob("*.log") if path.name != "simulator.log")
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in logs}


def leaks(texts: Mapping[str, str]) -> list[str]:
    """Return the names of the texts that hold the client's secret or a token."""
    return [
        name
        for name, text in texts.items()
        if CLIENT_SECRET in text or _BEARER_TOKEN.search(_FILE_TOKEN.sub("", text))
    ]
