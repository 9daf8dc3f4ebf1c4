"""Crashes, clicks and outages on a real Airflow with PostgreSQL: what the tenant and the user see of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live import crash_outages, crash_stories
from tests.live.conftest import TABLES
from tests.live.crash_case import Finding, find_out, table
from tests.live.crash_place import crash_place
from tests.live.postgres import NoPostgresError, find_postgres, running_postgres

if TYPE_CHECKING:
    from pathlib import Path

CASES = (*crash_stories.CASES, *crash_outages.CASES)


@pytest.fixture(scope="module")
def findings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    try:
        programs = find_postgres()
    except NoPostgresError as reason:
        pytest.skip(str(reason))
    folder: Path = tmp_path_factory.mktemp("crashes")
    with (
        running_postgres(programs, folder / "postgres") as postgres,
        crash_place(postgres.url, folder) as place,
    ):
        found = find_out(place, CASES)
    request.config.stash[TABLES].append(table(found))
    return {finding.case.title: finding for finding in found}


@pytest.mark.parametrize("title", [case.title for case in CASES])
def test_nothing_is_lost_and_nothing_starts_twice(title: str, findings: dict[str, Finding]) -> None:
    assert findings[title].faults == []
