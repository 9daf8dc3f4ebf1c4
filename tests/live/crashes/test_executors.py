"""Crashes, clicks and outages on a real Airflow with PostgreSQL: what the tenant and the user see of each."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.live.conftest import TABLES
from tests.live.crashes import celery, outages, stories
from tests.live.crashes.broker import Broker, find_redis
from tests.live.crashes.case import Finding, find_out, table
from tests.live.crashes.celery_place import celery_place
from tests.live.crashes.debian import NoPackageError
from tests.live.crashes.place import crash_place
from tests.live.crashes.postgres import find_postgres, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.crashes.case import Case
    from tests.live.crashes.place import CrashPlace
    from tests.live.crashes.postgres import Postgres

LOCAL, CELERY = "LocalExecutor", "CeleryExecutor"
CASES: dict[str, tuple[Case, ...]] = {
    LOCAL: (*stories.CASES, *outages.CASES),
    # The killed triggerer stays dead, so that case comes last.
    CELERY: (*stories.CASES, *celery.CASES, *outages.CASES),
}


@contextmanager
def place_of(executor: str, postgres: Postgres, folder: Path) -> Iterator[CrashPlace]:
    if executor == LOCAL:
        with crash_place(postgres.url, folder) as place:
            yield place
    else:
        broker = Broker(find_redis(), folder / "redis")
        with celery_place(postgres, broker, folder) as place:
            yield place


def found_out(
    executor: str, request: pytest.FixtureRequest, factory: pytest.TempPathFactory
) -> dict[str, Finding]:
    folder = factory.mktemp(executor)
    try:
        with (
            running_postgres(find_postgres(), folder / "postgres") as postgres,
            place_of(executor, postgres, folder) as place,
        ):
            found = find_out(place, CASES[executor])
    except NoPackageError as reason:
        pytest.skip(str(reason))
    request.config.stash[TABLES].append(f"{executor}\n{table(found)}")
    return {finding.case.title: finding for finding in found}


@pytest.fixture(scope="module")
def local_findings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Finding]:
    return found_out(LOCAL, request, tmp_path_factory)


@pytest.fixture(scope="module")
def celery_findings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Finding]:
    if importlib.util.find_spec("airflow.providers.celery") is None:
        pytest.skip("Airflow's Celery provider is not installed; 'make test-live' installs it.")
    return found_out(CELERY, request, tmp_path_factory)


@pytest.mark.parametrize("title", [case.title for case in CASES[LOCAL]])
def test_nothing_is_lost_and_nothing_starts_twice(title: str, local_findings: dict[str, Finding]) -> None:
    assert local_findings[title].faults == []


@pytest.mark.parametrize("title", [case.title for case in CASES[CELERY]])
def test_the_same_on_celery(title: str, celery_findings: dict[str, Finding]) -> None:
    assert celery_findings[title].faults == []
