"""
Chaos with drops: files arrive in watched folders while runs, watchers, rivals, crashes and faults race.

Three executors play DAG runs and two watchers report files, all in processes that are killed at every step of
taking, checking, loading and filing. Afterwards, every file is compared with what had to become of it. Run it
with ``make chaos``. Environment: ``CHAOS_SEED`` (any text; it decides the files and the dangers, but not how
the processes race), ``CHAOS_DROPS`` (number of files; 1,000, or as many as ``CHAOS_TASKS``),
``CHAOS_WEATHER`` (factor on the probability of crashes and faults, 0 for none), ``CHAOS_BREAK`` (breaks the
package on purpose, see ``tests/live/drop_chaos/breaks.py``: the verdict must notice).
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.live.chaos.command import prepare_environment, print_table
from tests.live.simulator_process import PROJECT
from tests.live.workplace import WorkplaceTakenError, workplace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.drop_chaos.run import Outcome

FOLDER = PROJECT / ".airflow" / "drop-chaos"
FILES = 1000
_MOST_SHOWN = 60


def main() -> int:
    """Run it, print what happened, and return the exit status: 1 if a rule was violated."""
    if os.environ.get("CHAOS_ONLY"):
        return 0  # a replay of tasks without drops
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    files = int(os.environ.get("CHAOS_DROPS") or os.environ.get("CHAOS_TASKS") or FILES)
    weather = float(os.environ.get("CHAOS_WEATHER") or 1.0)
    broken = os.environ.get("CHAOS_BREAK", "")
    print(
        f"Chaos with drops, CHAOS_SEED={seed} CHAOS_DROPS={files} {broken and f'CHAOS_BREAK={broken} '}...",
        flush=True,
    )
    begun = time.monotonic()
    try:
        with workplace(FOLDER) as folder, ExitStack() as stack:
            prepare_environment(folder)
            outcome = _run(seed, files, weather, broken, folder, stack)
    except WorkplaceTakenError as error:
        print(error, file=sys.stderr)
        return 1
    _print_summary(outcome, time.monotonic() - begun)
    if outcome.violations:
        print(f"\n{len(outcome.violations)} VIOLATIONS; folders, records and traces are in {FOLDER}")
        for violation in outcome.violations[:_MOST_SHOWN]:
            print(f"  {violation}")
        print(f"\nCHAOS_SEED={seed} CHAOS_DROPS={files}")
        return 1
    print("\nNo rule was violated.")
    return 0


def _run(seed: str, files: int, weather: float, broken: str, folder: Path, stack: ExitStack) -> Outcome:
    # Imported late, because Airflow reads the environment when it is imported.
    from tests.live.drop_chaos.run import DropRun

    return DropRun(seed, files, weather, broken, folder, stack).run()


def _print_summary(outcome: Outcome, seconds: float) -> None:
    def count(what: str) -> int:
        return outcome.events[what]

    print(f"\n{outcome.dropped} files of {outcome.sources} sources in {seconds:.0f} s")
    print(
        f"  {count('run over')} runs, {outcome.abandoned} of them marked as failed; {outcome.unprompted} "
        f"times none began by itself; {outcome.reports} reports of watchers"
    )
    print(
        f"  {count('check')} checks, {outcome.aggregations} aggregations, {outcome.rivals} of rivals, "
        f"{outcome.busy} starts refused as busy"
    )
    print(
        f"  {outcome.taken_over} files taken over from runs that were over, {count('tampered')} changed "
        f"between check and upload, {count('doubt')} times Airflow did not say whether a run was over"
    )
    print_table("Files", outcome.files)
    print_table("Kills", outcome.kills)
    print_table("Faults", outcome.faults)
    print_table("Errors of tries", outcome.errors)


if __name__ == "__main__":
    sys.exit(main())
