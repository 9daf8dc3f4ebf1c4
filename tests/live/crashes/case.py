"""Describes crash cases, runs several side by side, and collects what each of them showed."""

from __future__ import annotations

import re
import textwrap
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from requests import RequestException

from sailpoint_provider.simulator.control import ControlError
from tests.live.processes import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from tests.live.crashes.place import CrashPlace

Story: TypeAlias = "Generator[None, None, None]"

PAUSE = 0.5
PATIENCE = 240.0
LOG_WIDTH = 100
LOST = frozenset({"failed", "upstream_failed", "removed"})
MOST_ALIKE = 2
LONGEST_LINE = 280
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_NUMBER = re.compile(r"\b[0-9a-f]{32}\b|\d+")


@dataclass(frozen=True)
class Case:
    """One case: what happens, and what must be true afterwards.

    :param title: what happens, for the table.
    :param dag_ids: the DAGs that take part; the names of their sources begin with the first of these IDs.
    :param story: makes it happen, one step at each turn.
    :param aggregations: number of aggregations that the tenant must have started.
    :param state: final state of the tasks.
    :param says: regular expressions; each must match a line of the tasks' logs.
    :param never_says: regular expressions that no line may match.
    :param before: prepares the DAGs, for a story that affects the whole Airflow and must run alone.
    """

    title: str
    dag_ids: tuple[str, ...]
    story: Callable[[CrashPlace], Story]
    aggregations: int
    state: str
    says: tuple[str, ...]
    never_says: tuple[str, ...] = ()
    before: Callable[[CrashPlace], Story] | None = None


@dataclass(frozen=True)
class Finding:
    """What a case showed.

    :param aggregations: number of aggregations that the tenant started.
    :param state: state of the tasks.
    :param log: every line of their logs.
    :param failure: why the story was aborted; empty if it was not.
    """

    case: Case
    aggregations: int
    state: str
    log: list[str]
    failure: str

    @property
    def said(self) -> list[str]:
        """The lines that the case is about, shortened; of lines that differ only in numbers, the first."""
        expressions = self.case.says + self.case.never_says
        alike: dict[str, list[str]] = {}
        for line in self.log:
            if any(re.search(words, line) for words in expressions):
                alike.setdefault(_NUMBER.sub("#", line), []).append(line)
        told = []
        for lines in alike.values():
            shown = [_shortened(line) for line in lines]
            told += (
                shown if len(lines) <= MOST_ALIKE else [f"{shown[0]} (and {len(lines) - 1} more like this)"]
            )
        return told

    @property
    def faults(self) -> list[str]:
        """What is wrong, one sentence each."""
        found = [self.failure] if self.failure else []
        if self.aggregations != self.case.aggregations:
            found.append(f"{self.aggregations} aggregations instead of {self.case.aggregations}")
        if self.state != self.case.state:
            found.append(f"the tasks are {self.state} instead of {self.case.state}")
        for words in self.case.says:
            if not any(re.search(words, line) for line in self.log):
                found.append(f"no line of the log matches {words!r}")
        for words in self.case.never_says:
            found += [f"the log contains {line!r}" for line in self.log if re.search(words, line)]
        return found


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> Story:
    """Wait for a condition, which is checked once per turn.

    :param what: what is awaited, for the error.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotReadyError(f"Timed out after {seconds:.0f} s waiting for {what}.")
        yield


def until_state(place: CrashPlace, dag_id: str, state: str, *, tries: int = 1) -> Story:
    """Wait until all tasks of a DAG are in a state, on this try or a later one."""

    def arrived() -> bool:
        tasks = place.tasks(dag_id)
        if state != "failed" and any(task.state in LOST for task in tasks):
            raise RuntimeError(f"A task of {dag_id} failed; it should have become {state}.")
        return bool(tasks) and all(task.state == state and task.try_number >= tries for task in tasks)

    return until(arrived, f"{dag_id} to be {state}")


def until_logged(place: CrashPlace, dag_id: str, words: str, seconds: float = 60.0) -> Story:
    """Wait until a line of the tasks' logs matches a regular expression."""
    return until(
        lambda: any(re.search(words, line) for line in place.log_texts(dag_id)),
        f"a line in the log of {dag_id} that matches {words!r}",
        seconds,
    )


def find_out(place: CrashPlace, cases: Sequence[Case]) -> list[Finding]:
    """Run every case and return what they showed.

    Cases that affect only their own tasks run side by side, the others one after another.
    """
    failures = _side_by_side(place, {case.title: (case.before or case.story)(place) for case in cases})
    for case in cases:
        if case.before is not None and case.title not in failures:
            failures |= _side_by_side(place, {case.title: case.story(place)})
    return [_finding(place, case, failures.get(case.title, "")) for case in cases]


def table(findings: Iterable[Finding]) -> str:
    """Return the findings as a table for the terminal."""
    heading = ("case", "aggregations", "task", "lines of the log")
    rows = [(finding.case.title, str(finding.aggregations), finding.state) for finding in findings]
    widths = [max(len(cell) for cell in column) for column in zip(heading[:3], *rows, strict=True)]
    text = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(heading, widths, strict=False)), heading[3]])
    ]
    text.append("  ".join("-" * width for width in [*widths, LOG_WIDTH]))
    margin = " " * (sum(widths) + 2 * len(widths))
    for finding, row in zip(findings, rows, strict=True):
        lines = [
            part for line in finding.said for part in textwrap.wrap(line, LOG_WIDTH, subsequent_indent="  ")
        ]
        first = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        text.append(f"{first}  {lines[0] if lines else '-'}")
        text += [f"{margin}{line}" for line in lines[1:]]
        text += [f"{margin}FAULT: {fault}" for fault in finding.faults]
    return "\n".join(text)


def _side_by_side(place: CrashPlace, stories: dict[str, Story]) -> dict[str, str]:
    """Give the stories turns until all have ended; return why some were aborted."""
    failures = {}
    going = dict(stories)
    while going:
        for title, story in list(going.items()):
            try:
                next(story)
            except StopIteration:
                del going[title]
            except (RuntimeError, ControlError, OSError, RequestException) as error:
                del going[title]
                failures[title] = f"{type(error).__name__}: {error}"
        place.processes.check()
        time.sleep(PAUSE)
    return failures


def _shortened(line: str) -> str:
    text = _ID.sub(lambda found: f"{found.group()[:6]}…", line)
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]} …"


def _finding(place: CrashPlace, case: Case, failure: str) -> Finding:
    begun = [dag_id for dag_id in case.dag_ids if dag_id in place.dag_runs]
    states = Counter(task.state for dag_id in begun for task in place.tasks(dag_id))
    return Finding(
        case,
        aggregations=sum(
            len(place.aggregations(name)) for name in place.source_ids if name.startswith(case.dag_ids[0])
        ),
        state=", ".join(state if count == 1 else f"{count} x {state}" for state, count in states.items()),
        log=[text for dag_id in begun for text in place.log_texts(dag_id)],
        failure=failure,
    )
