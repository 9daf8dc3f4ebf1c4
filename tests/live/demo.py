"""The demo: a real Airflow loads two files of accounts into a simulated tenant.

Run it with ``make demo``. Its exit status is 0 only if the results of both runs match the files.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.live.account_files import AccountFile
from tests.live.console import COUNTED, Console, table
from tests.live.file_drop import SOURCE_NAME, start_file_drop
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT
from tests.live.stop_signals import StopRequestedError
from tests.live.workplace import workplace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.live.file_drop import FileDrop, RunStory

FOLDER = PROJECT / ".airflow" / "demo"
ACCOUNTS = 1000
NEW, CHANGED, REMOVED = 30, 50, 20
# Slow enough to show the progress of an aggregation even if a new triggerer needs ten seconds to start.
SPEED = 0.5


@dataclass(frozen=True)
class Comparison:
    """One file and the result of loading it.

    :param name: name of the file.
    :param written: the counts that follow from the content of the file.
    :param story: what happened in the run.
    """

    name: str
    written: dict[str, int]
    story: RunStory

    @property
    def counted(self) -> dict[str, int | None]:
        """The counts of the result in XCom."""
        counts = self.story.aggregation["accounts"]
        return {count: counts.get(count) for count in COUNTED}

    @property
    def was_deferred(self) -> bool:
        """Whether the aggregation was seen waiting without a worker."""
        return "deferred" in self.story.states.get("aggregate", [])

    @property
    def verdict(self) -> str:
        """The verdict; only ``right`` is good."""
        if self.counted != self.written or self.story.aggregation["state"] != "succeeded":
            return f"WRONG (the state is {self.story.aggregation['state']})"
        return "right" if self.was_deferred else "WRONG (the task was never seen deferred)"


def main() -> int:
    """Run the demo and return its exit status."""
    console = Console()
    try:
        with workplace(FOLDER), Processes(FOLDER / "logs") as processes:
            try:
                file_drop = start_file_drop(processes, FOLDER, console.say, speed=SPEED)
                comparisons = load_two_files(file_drop)
                starts = len(file_drop.tenant.runs())
            finally:
                console.say("demo", "stopping all processes ...")
    except StopRequestedError as stop:
        console.say("demo", "stopped")
        return stop.exit_status
    except RuntimeError as failure:
        print(f"\nThe demo failed. {failure}\n\nAll logs are in {FOLDER}.", file=sys.stderr)
        return 1
    console.say("demo", "stopped")
    return report(comparisons, starts)


def load_two_files(file_drop: FileDrop) -> list[Comparison]:
    """Load a first file, and a second one with new, changed and removed accounts."""
    first = AccountFile.numbered(ACCOUNTS)
    second = first.changed(new=NEW, changed=CHANGED, removed=REMOVED)
    return [
        Comparison(name, file.counts_after(before), file_drop.load(file, name))
        for name, file, before in (("first.csv", first, None), ("second.csv", second, first))
    ]


def report(comparisons: list[Comparison], starts: int) -> int:
    """Print the content of the files beside the results in Airflow, and return the exit status."""
    lines: list[tuple[str, Mapping[str, int | None], str]] = []
    for comparison in comparisons:
        lines.append((f"{comparison.name}, in the file", comparison.written, ""))
        seconds = comparison.story.aggregation.get("duration_seconds")
        remark = f"{comparison.verdict}, after {seconds} s" if seconds is not None else comparison.verdict
        lines.append((f"{comparison.name}, result in XCom", comparison.counted, remark))
    print(f"\nAccounts of '{SOURCE_NAME}':\n\n{table(lines)}\n")
    print(f"The tenant received {starts} starts. All logs are in {FOLDER}.")
    right = all(comparison.verdict == "right" for comparison in comparisons) and starts == len(comparisons)
    print(
        "The results of both runs match the files."
        if right
        else "The demo failed: the results do not match the files."
    )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
