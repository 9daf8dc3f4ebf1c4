"""The main job, shown: two files of accounts through a real Airflow into a simulated tenant.

Run it with ``make demo``. It ends with status 0 only if both runs counted what was written into the files.
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
# Slow enough that an aggregation shows its progress, also where a new triggerer needs ten seconds to begin.
SPEED = 0.5


@dataclass(frozen=True)
class Comparison:
    """One file, and what came of it.

    :param name: name of the file.
    :param written: the counts that follow from what was written into the file.
    :param story: what was seen of the run.
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
        """What to say of it; ``right`` is the only good one."""
        if self.counted != self.written or self.story.aggregation["state"] != "succeeded":
            return f"WRONG, the aggregation {self.story.aggregation['state']}"
        return "right" if self.was_deferred else "WRONG, it was never seen deferred"


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
                console.say("demo", "stopping everything that it started ...")
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
    """Print what was written beside what Airflow has as the result, and return the exit status."""
    lines: list[tuple[str, Mapping[str, int | None], str]] = []
    for comparison in comparisons:
        lines.append((f"{comparison.name}, as written", comparison.written, ""))
        seconds = comparison.story.aggregation.get("duration_seconds")
        remark = f"{comparison.verdict}, after {seconds} s" if seconds is not None else comparison.verdict
        lines.append((f"{comparison.name}, result in XCom", comparison.counted, remark))
    print(f"\nAccounts of '{SOURCE_NAME}':\n\n{table(lines)}\n")
    print(f"The tenant was asked for {starts} aggregations. All logs are in {FOLDER}.")
    right = all(comparison.verdict == "right" for comparison in comparisons) and starts == len(comparisons)
    print(
        "Both runs ended with the right numbers." if right else "The demo failed: the numbers are not right."
    )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
