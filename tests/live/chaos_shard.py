"""One process of a chaos run: its tenants, and every unit of tasks that falls to it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.chaos_clock import make_time_pass_quickly
from tests.live.chaos_hooks import listen_to_logs, put_mischief_between_steps
from tests.live.chaos_player import Player
from tests.live.chaos_tenant import SKEWS, ChaosServer
from tests.live.chaos_verdict import Verdict, judge

if TYPE_CHECKING:
    from tests.live.chaos_airflow import Story
    from tests.live.chaos_plan import Unit

UNITS_AT_ONCE = 14
CONTROL_SECONDS = 60.0


@dataclass(frozen=True)
class Share:
    """
    What falls to one process.

    :param seed: seed of the whole run.
    :param units: its units.
    :param folder: where its files and traces go.
    """

    seed: str
    units: list[Unit]
    folder: str


def run_share(share: Share) -> list[Verdict]:
    """Run all units of a share in this process and judge them."""
    listen_to_logs()
    make_time_pass_quickly()
    folder = Path(share.folder)
    with ExitStack() as stack:
        servers = [stack.enter_context(ChaosServer(number)) for number in range(len(SKEWS))]
        by_url = {server.url: server for server in servers}
        put_mischief_between_steps(lambda url, client: _revoke(by_url[url], client))
        with ThreadPoolExecutor(UNITS_AT_ONCE) as pool:
            verdicts = pool.map(lambda unit: _run_unit(unit, share.seed, servers, folder), share.units)
            return list(verdicts)


def _revoke(server: ChaosServer, client_id: str) -> None:
    server.control.revoke_tokens(client_id)


def _run_unit(unit: Unit, seed: str, servers: list[ChaosServer], folder: Path) -> Verdict:
    server = servers[unit.number % len(servers)]
    unit.create_source(server.control)
    players = [Player(task, seed, server, folder) for task in unit.tasks]
    threads = [threading.Thread(target=player.play, daemon=True) for player in players]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A start whose gateway gave up may still come.
    time.sleep(0.3)
    stories: list[Story] = [player.story for player in players]
    verdict = judge(unit, stories, server.control.runs(unit.source["id"]), server.skew)
    if verdict.violations:
        for story in stories:
            trace = folder / f"{story.task.name}.trace"
            trace.write_text("\n".join(story.mischief.trace), encoding="utf-8")
    return verdict
