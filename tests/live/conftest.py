"""One Airflow and one tenant for all live tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.airflow_home import READ_ONCE
from tests.live.file_drop import FOLDERS, FileDrop, start_file_drop
from tests.live.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UI_URL = "https://acme.identitynow.com"
TABLES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for text in config.stash[TABLES]:
        terminalreporter.ensure_newline()
        terminalreporter.write_line("")
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


# Package scope stops Airflow before the same test worker runs unit tests.
@pytest.fixture(scope="package")
def file_drop(folder: Path) -> Iterator[FileDrop]:
    with Processes(folder / "logs") as processes:
        yield start_file_drop(
            processes,
            folder,
            lambda subject, what: print(f"{subject:<14} {what}"),
            dag_ids=FOLDERS,
            poll_interval=3.0,
            settings=READ_ONCE,
            ui_url=UI_URL,
        )
