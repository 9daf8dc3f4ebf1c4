"""The demo: a real Airflow checks dropped files, asks a person about one, and loads them.

Run it with ``make demo``. Its exit status is 0 only if everything is as it says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.files.check.report import FileReport
from tests.live.account_files import AccountFile
from tests.live.airflow_home import READ_ONCE
from tests.live.console import Console
from tests.live.file_drop import APPROVAL_DAG_ID, APPROVAL_SOURCE_NAME, start_file_drop
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT
from tests.live.stop_signals import StopRequestedError
from tests.live.workplace import workplace

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop

FOLDER = PROJECT / ".airflow" / "demo"
ACCOUNTS = 1000
MISSING = ACCOUNTS // 3
# With less, a busy scheduler fails a task that resumes before it has noticed the end of its first process.
POLL_INTERVAL = 6.0
SPEED = 2.0


@dataclass
class Demo:
    """The steps of the demo, each compared with what the tenant and the folder then hold.

    :param file_drop: the running Airflow, tenant and folder.
    :param findings: each sentence about a step, and whether it is true.
    """

    file_drop: FileDrop
    findings: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def state(self) -> tuple[int, int]:
        """How many aggregations the tenant was asked for, and how many accounts it holds."""
        tenant = self.file_drop.tenant
        return len(tenant.runs()), tenant.accounts_held(APPROVAL_SOURCE_NAME)

    def load_a_good_file(self) -> None:
        """Drop a good file, which starts a run that loads it."""
        title("A good file is dropped. It starts a run, passes the check, and is loaded.")
        follower = self.file_drop.drop(AccountFile.numbered(ACCOUNTS), "monday.csv", APPROVAL_DAG_ID)
        run = self.file_drop.follow_to_end(follower)
        result = self.file_drop.api.xcom(run, "load")
        self._find(
            f"monday.csv was loaded: {ACCOUNTS:,} accounts created.",
            result["state"] == "succeeded"
            and result["accounts"]["created"] == ACCOUNTS
            and self.state == (1, ACCOUNTS)
            and self._filed("loaded/*/monday.csv"),
        )
        self._find("No worker waited for the aggregation.", "deferred" in follower.states.get("load", []))

    def refuse_a_short_file_until_a_person_approves(self) -> None:
        """Drop a file with a third of its rows missing; nothing is sent until a person approves it."""
        title("The next file lacks a third of its rows. The check refuses it, and the run asks a person.")
        follower = self.file_drop.drop(short_file(), "tuesday.csv", APPROVAL_DAG_ID)
        question = self.file_drop.question(follower, "approve")
        checked = self.file_drop.api.xcom(follower.run, "check")
        print(f"\n{indented(FileReport.from_json(checked).as_text())}")
        self._find(
            f"tuesday.csv was refused, and nothing was sent: the tenant still holds {ACCOUNTS:,} accounts.",
            checked["verdict"] == "refused" and leavers(checked) == MISSING and self.state == (1, ACCOUNTS),
        )
        self.file_drop.say("without check", f"ISC would have deleted {leavers(checked):,} accounts by now")

        title("A person chooses Approve, here through Airflow's REST API. That holds for exactly this file.")
        self.file_drop.answer(follower, question, "Approve")
        run = self.file_drop.follow_to_end(follower)
        result = self.file_drop.api.xcom(run, "load_approved")
        self._find(
            f"tuesday.csv was loaded once it was approved: {MISSING:,} accounts deleted.",
            result["accounts"]["deleted"] == MISSING
            and result["file"]["sha256"] == checked["sha256"]
            and self.state == (2, ACCOUNTS - MISSING)
            and self._filed("loaded/*/tuesday.csv"),
        )

    def skip_a_repeated_file(self) -> None:
        """Drop the same content again, which is not sent."""
        title("The same content is dropped again. It is filed as a duplicate.")
        follower = self.file_drop.drop(short_file(), "tuesday again.csv", APPROVAL_DAG_ID)
        self.file_drop.follow_to_end(follower)
        self._find(
            "tuesday again.csv was filed as a duplicate, and not sent.",
            follower.state("load") == "skipped"
            and self.state == (2, ACCOUNTS - MISSING)
            and self._filed("duplicate/tuesday again.csv"),
        )

    def _filed(self, pattern: str) -> bool:
        return len(list(self.file_drop.watched(APPROVAL_DAG_ID).glob(pattern))) == 1

    def _find(self, sentence: str, is_true: bool) -> None:
        self.findings.append((sentence, is_true))


def main() -> int:
    """Run the demo and return its exit status."""
    console = Console()
    try:
        with workplace(FOLDER), Processes(FOLDER / "logs") as processes:
            try:
                file_drop = start_file_drop(
                    processes,
                    FOLDER,
                    console.say,
                    dag_ids=[APPROVAL_DAG_ID],
                    speed=SPEED,
                    poll_interval=POLL_INTERVAL,
                    settings=READ_ONCE,
                )
                demo = Demo(file_drop)
                demo.load_a_good_file()
                demo.refuse_a_short_file_until_a_person_approves()
                demo.skip_a_repeated_file()
            finally:
                print()
                console.say("demo", "stopping all processes ...")
    except StopRequestedError as stop:
        console.say("demo", "stopped")
        return stop.exit_status
    except RuntimeError as failure:
        print(f"\nThe demo failed. {failure}\n\nAll logs are in {FOLDER}.", file=sys.stderr)
        return 1
    console.say("demo", "stopped")
    return report(demo.findings)


def short_file() -> AccountFile:
    """Return the good file without the last third of its rows."""
    return AccountFile.numbered(ACCOUNTS - MISSING)


def leavers(checked: dict[str, Any]) -> int:
    """Return how many accounts a load would delete, according to a report."""
    return int(checked["leavers"]["count"])


def report(findings: list[tuple[str, bool]]) -> int:
    """Print whether each sentence is true according to the tenant, and return the exit status."""
    print("\nThe tenant's own record and the folder say:\n")
    for sentence, is_true in findings:
        print(f"  {'right' if is_true else 'WRONG'}  {sentence}")
    right = all(is_true for _, is_true in findings)
    print(f"\nThe demo {'succeeded' if right else 'failed'}. Logs and files are in {FOLDER}.")
    return 0 if right else 1


def title(sentence: str) -> None:
    """Print what comes next."""
    print(f"\n{sentence}\n", flush=True)


def indented(text: str) -> str:
    """Return lines for people, set off from those with a time."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
