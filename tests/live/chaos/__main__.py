"""
Chaos: a thousand tasks run the real operator, sensor and trigger, with crashes and faults at every step.

The outcome is then compared with the tenant's own record. Run it with ``make chaos``. Environment:
``CHAOS_SEED`` (any text), ``CHAOS_TASKS`` (1000), ``CHAOS_WEATHER`` (factor on the probability of crashes and
faults, 0 for none), ``CHAOS_ONLY`` (names of units or tasks, to replay only these).
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.live.chaos.command import prepare_environment, print_list, print_table
from tests.live.simulator_process import PROJECT
from tests.live.workplace import WorkplaceTakenError, workplace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.live.chaos.verdict import Verdict

FOLDER = PROJECT / ".airflow" / "chaos"
TASKS = 1000
LEAST_SUCCESS = 0.9


def main() -> int:
    """Run it, print what happened, and return the exit status: 1 if a rule was violated."""
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    tasks = int(os.environ.get("CHAOS_TASKS") or TASKS)
    weather = float(os.environ.get("CHAOS_WEATHER") or 1.0)
    only = os.environ.get("CHAOS_ONLY", "").split()
    print(f"Chaos with CHAOS_SEED={seed} CHAOS_TASKS={tasks} ...", flush=True)
    begun = time.monotonic()
    try:
        with workplace(FOLDER) as folder:
            prepare_environment(folder)
            verdicts = _run(seed, tasks, weather, only, folder)
    except WorkplaceTakenError as error:
        print(error, file=sys.stderr)
        return 1
    if not verdicts:
        print(f"Nothing was run: this seed has no unit or task named {' or '.join(only)}.", file=sys.stderr)
        return 1
    _print_summary(verdicts, time.monotonic() - begun)
    if any(verdict.violations for verdict in verdicts):
        _print_violations(verdicts, seed, tasks, weather)
        return 1
    settled, all_tasks = sum(v.settled for v in verdicts), sum(v.tasks for v in verdicts)
    if settled < LEAST_SUCCESS * all_tasks and not only:
        print(f"\nOnly {settled} of {all_tasks} tasks ended properly, too few to prove anything.")
        print(f"CHAOS_SEED={seed}")
        return 1
    print("\nNo rule was violated.")
    return 0


def _run(seed: str, tasks: int, weather: float, only: list[str], folder: Path) -> list[Verdict]:
    # Imported late, because Airflow reads the environment when it is imported.
    from tests.live.chaos.draw import units_of
    from tests.live.chaos.shard import Share, run_share

    units = [
        unit
        for unit in units_of(seed, tasks, weather)
        if not only or {unit.name, *(task.name for task in unit.tasks)} & set(only)
    ]
    processes = 1 if only else min(os.cpu_count() or 1, 2)
    shares = [Share(seed, units[number::processes], str(folder)) for number in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [verdict for verdicts in pool.map(run_share, shares) for verdict in verdicts]


def _print_summary(verdicts: list[Verdict], seconds: float) -> None:
    from tests.live.chaos.doubles import REASONS
    from tests.live.chaos.kinds import KINDS

    def total(name: str) -> int:
        return sum(getattr(verdict, name) for verdict in verdicts)

    crashes = _sum(verdict.crashes for verdict in verdicts)
    troubles = _sum(verdict.troubles for verdict in verdicts)
    gave_up = _sum(verdict.gave_up for verdict in verdicts)
    print(
        f"\n{total('tasks')} tasks in {seconds:.0f} s, {total('tries')} tries, {total('deferrals')} deferrals"
    )
    print(
        f"  {total('succeeded')} succeeded, {total('skipped')} skipped, {gave_up.total()} failed"
        f"{_in_words(gave_up)}"
    )
    print(f"  {total('clears')} clears, {crashes.total()} crashes, {troubles.total()} faults")
    print(f"  {total('aggregations')} aggregations, {total('refused')} starts refused as busy")
    print(f"  {total('files')} files arrived, {total('lost')} LOST, {total('guessed')} GUESSED")
    print(
        f"  {total('told_terminated')} cancelled runs reported as terminated, because the status endpoint "
        "did not respond"
    )
    print_table("Crashes", crashes)
    print_table("Faults", troubles)
    kinds = _sum(verdict.kinds for verdict in verdicts)
    print_list("Other events", {name: kinds[name] for name in KINDS})
    doubled = _sum(verdict.doubled for verdict in verdicts)
    print_list("Aggregations started more than once", {name: doubled[name] for name in REASONS})


def _print_violations(verdicts: list[Verdict], seed: str, tasks: int, weather: float) -> None:
    bad = [verdict for verdict in verdicts if verdict.violations]
    print(f"\n{sum(len(verdict.violations) for verdict in bad)} VIOLATIONS; traces are in {FOLDER}")
    for verdict in bad:
        for violation in verdict.violations:
            print(f"  {violation}")
    names = " ".join(verdict.unit for verdict in bad[:20])
    weather_said = "" if weather == 1.0 else f"CHAOS_WEATHER={weather} "
    print(
        f"\nReplay with: CHAOS_SEED={seed} CHAOS_TASKS={tasks} {weather_said}CHAOS_ONLY='{names}' make chaos"
    )


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total += counter
    return total


def _in_words(counter: Counter[str]) -> str:
    return f" ({', '.join(f'{number} {name}' for name, number in counter.most_common())})" if counter else ""


if __name__ == "__main__":
    sys.exit(main())
