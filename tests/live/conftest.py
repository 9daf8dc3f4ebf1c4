"""One Airflow and one tenant for all live tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.account_files import AccountFile
from tests.live.airflow_home import READ_ONCE
from tests.live.file_drop import FOLDERS, STORE_DAG_ID, FileDrop, RunStory, start_file_drop
from tests.live.lineage_events import LineageEvents
from tests.live.object_store import ObjectStore, start_object_store
from tests.live.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNTS = 200
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


@pytest.fixture(scope="session")
def lineage_events(folder: Path) -> LineageEvents:
    return LineageEvents(folder / "lineage.jsonl")


# Package scope stops the processes before the same test worker runs unit tests.
@pytest.fixture(scope="package")
def object_store(folder: Path) -> Iterator[ObjectStore]:
    with Processes(folder / "store-logs") as processes:
        yield start_object_store(processes)


@pytest.fixture(scope="package")
def file_drop(folder: Path, lineage_events: LineageEvents, object_store: ObjectStore) -> Iterator[FileDrop]:
    with Processes(folder / "logs") as processes:
        yield start_file_drop(
            processes,
            folder,
            lambda subject, what: print(f"{subject:<14} {what}"),
            dag_ids=[*FOLDERS, STORE_DAG_ID],
            # Airflow can fail a task that resumes before the executor has seen the end of its deferral.
            poll_interval=6.0,
            settings=READ_ONCE | lineage_events.settings,
            store=object_store,
            ui_url=UI_URL,
        )


@pytest.fixture(scope="package")
def story(file_drop: FileDrop) -> RunStory:
    """The first file of the source, loaded."""
    return file_drop.load(AccountFile.numbered(ACCOUNTS), "accounts.csv")
