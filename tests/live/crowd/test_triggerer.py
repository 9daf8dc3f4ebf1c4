"""More waits than are looked at one by one, deferred at one time in the one triggerer of a real Airflow."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from sailpoint_provider.polling.poller import CROWD
from tests.live.crowd.dags.waits import WAITS
from tests.live.crowd.place import FIRST_TO_END, POLLS, REFUSED, CrowdPlace, CrowdStory, crowd_place
from tests.live.leaks import leaks, log_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.airflow_api import LogLine
    from tests.live.crowd.place import Aggregation

# One worker runs all of these, because they share one Airflow.

INDEXES = range(WAITS)
STATES = {"success": "succeeded", "warning": "succeeded_with_warnings"}
PROGRESS = re.compile(
    r"^(?:running|ACCOUNTS_COLLECTED|COMPLETED) +(?:\((?P<percent>\d+) %\)|"
    r"[█░]{20} [\d,]+/(?P<accounts>[\d,]+) accounts +(?P<share>\d+)%) +elapsed \d+:\d\d:\d\d$"
)
AGGREGATION_ID = re.compile(r"\b[0-9a-f]{32}\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crowd")


@pytest.fixture(scope="module")
def place(folder: Path) -> Iterator[CrowdPlace]:
    with crowd_place(folder) as place:
        yield place


@pytest.fixture(scope="module")
def story(place: CrowdPlace) -> CrowdStory:
    return place.live_through()


def progress_lines(log: list[LogLine]) -> list[str]:
    return [line.text for line in log if "elapsed" in line.text]


def expected_result(aggregation: Aggregation) -> dict[str, object]:
    return {
        "aggregation_id": aggregation.id,
        "source_name": aggregation.source_name,
        "state": STATES[aggregation.outcome],
        "scanned": aggregation.accounts,
        "created": aggregation.accounts,
    }


def test_all_waited_at_one_time_in_one_triggerer(story: CrowdStory) -> None:
    assert len(story.aggregations) - FIRST_TO_END > CROWD
    assert len(story.triggerers) == 1


def test_every_wait_ends_well(story: CrowdStory) -> None:
    assert story.run.state == "success"
    assert {index: task.state for index, task in story.tasks.items()} == dict.fromkeys(INDEXES, "success")
    assert {task.try_number for task in story.tasks.values()} == {1}


@pytest.mark.parametrize("index", INDEXES)
def test_each_has_the_result_of_its_own_aggregation(index: int, story: CrowdStory) -> None:
    result = story.results[index]
    counts = {name: result["accounts"][name] for name in ("scanned", "created")}
    told = {name: result[name] for name in ("aggregation_id", "source_name", "state")}
    assert told | counts == expected_result(story.aggregations[index])


def test_the_tenant_is_asked_by_lists_and_not_for_each_wait(story: CrowdStory) -> None:
    asked = story.while_together
    looks = len(asked.named)
    assert looks >= WAITS * POLLS
    assert len(asked.together) <= looks / 3
    assert len(asked.alone) <= looks / 10


@pytest.mark.parametrize("index", INDEXES)
def test_what_a_list_mentions_progress_is_in_the_log_of_its_own_wait(index: int, story: CrowdStory) -> None:
    # Only polls by list log a percentage without a bar; all came this far after those polls had begun.
    matches = [PROGRESS.match(text) for text in progress_lines(story.early_logs[index])]
    percents = [match["percent"] for match in matches if match]
    assert str(story.aggregations[index].late_percent) in percents


@pytest.mark.parametrize("index", INDEXES)
def test_each_log_holds_nothing_of_another_wait(index: int, story: CrowdStory) -> None:
    aggregation, log = story.aggregations[index], story.logs[index]
    matches = [match for text in progress_lines(log) if (match := PROGRESS.match(text))]
    assert len(matches) == len(progress_lines(log))
    own = {aggregation.early_percent, aggregation.late_percent, 100}
    assert {int(match["percent"]) for match in matches if match["percent"]} <= own
    # A share of whole accounts is rounded down, so it can be one below the tenant's own percentage.
    shares = {int(match["share"]) for match in matches if not match["percent"]}
    assert shares <= own | {percent - 1 for percent in own}
    assert {match["accounts"] for match in matches} <= {None, f"{aggregation.accounts:,}"}
    assert {id for line in log for id in AGGREGATION_ID.findall(line.text)} == {aggregation.id}


def test_the_triggerers_own_log_says_once_of_each_list_that_it_is_refused(
    story: CrowdStory, place: CrowdPlace
) -> None:
    told = [line.partition(REFUSED)[2] for line in place.triggerer_lines() if REFUSED in line]
    lists = sorted(text.partition(",")[0] for text in told)
    assert lists == ["the list of running aggregations", "the list of task statuses by ID"]


def test_no_tasks_log_mentions_the_poller_and_its_refused_lists(story: CrowdStory) -> None:
    others = [
        (index, line.text)
        for index, log in story.logs.items()
        for line in log
        if REFUSED in line.text or "HTTP 400" in line.text or line.logger.endswith(".polling")
    ]
    assert others == []


def test_no_secret_and_no_token_is_in_logs_or_results(story: CrowdStory, folder: Path) -> None:
    texts = log_texts(folder)
    trigger_logs = [path for path in texts if ".trigger." in path]
    assert len(trigger_logs) == WAITS, "the logs of the triggers were not found"
    texts["results"] = json.dumps(story.results)
    assert leaks(texts) == []
