"""One process of a chaos run: its tenants, and every unit of tasks that falls to it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.chaos.clock import make_time_pass_quickly
from tests.live.chaos.hooks import listen_to_logs, put_mischief_between_steps
from tests.live.chaos.player import Player, SensorPlayer
from tests.live.chaos.tenant import TENANTS, ChaosServer
from tests.live.chaos.truth import Truth
from tests.live.chaos.verdict import Verdict, judge

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Story
    from tests.live.chaos.plan import Unit

UNITS_AT_ONCE = 14
_LATEST_SECONDS = 0.3
"""A start whose gateway gave up may still come, so many real seconds later."""


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
        servers = [stack.enter_context(ChaosServer(number)) for number in range(len(TENANTS))]
        by_url = {server.url: server for server in servers}
        put_mischief_between_steps(lambda url, client: _revoke(by_url[url], client))
        with ThreadPoolExecutor(UNITS_AT_ONCE) as pool:
            verdicts = pool.map(lambda unit: _UnitRun(unit, share.seed, servers, folder).run(), share.units)
            return list(verdicts)


def _revoke(server: ChaosServer, client_id: str) -> None:
    server.control.revoke_tokens(client_id)


class _UnitRun:
    """One unit from its first task to the verdict."""

    def __init__(self, unit: Unit, seed: str, servers: list[ChaosServer], folder: Path) -> None:
        self._unit = unit
        self._folder = folder
        self._server = servers[unit.number % len(servers)]
        unit.create_source(self._server.control)
        self._players = [
            (Player if task.watching is None else SensorPlayer)(task, seed, self._server, folder)
            for task in unit.tasks
        ]
        self._ended = threading.Event()
        self._rival_id: str | None = None

    def run(self) -> Verdict:
        unit = self._unit
        rivals = threading.Thread(target=self._start_rivals, daemon=True)
        rivals.start()
        threads = [
            threading.Thread(target=self._play, args=(player,), daemon=True) for player in self._players
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._ended.set()
        rivals.join()
        time.sleep(_LATEST_SECONDS)
        stories = [player.story for player in self._players if player.story.reports]
        tenant = self._server.tenant
        truth = Truth.of_records(
            self._server.control.runs(unit.source["id"]), tenant.origins, self._server.traits.skew
        )
        verdict = judge(unit, stories, truth, self._server.traits)
        if verdict.violations:
            self._write_traces(stories)
        return verdict

    def _start_rivals(self) -> None:
        begun = time.monotonic()
        for rival in sorted(self._unit.rivals, key=lambda rival: rival.begins_after):
            if self._ended.wait(max(0.0, begun + rival.begins_after - time.monotonic())):
                return
            self._rival_id = self._server.start_rival(rival, self._unit.source["id"])

    def _play(self, player: Player) -> None:
        if isinstance(player, SensorPlayer):
            watched = self._watched(player)
            if watched is None:
                return
            player.wait_for(watched)
        player.play()

    def _watched(self, player: SensorPlayer) -> str | None:
        """Return the ID that a sensor waits for, None where its task never had one."""
        watching = player.story.task.watching
        assert watching is not None
        by_name = {one.story.task.name: one for one in self._players}
        for _ in range(3000):
            if watching.task is None:
                found = self._rival_id
            else:
                operator = by_name[watching.task]
                found = next((one.aggregation_id for one in operator.story.ledger.choices), None)
                if found is None and operator.is_over:
                    return None
            if found is not None:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{player.story.task.name} had nothing to wait for")

    def _write_traces(self, stories: list[Story]) -> None:
        for story in stories:
            trace = self._folder / f"{story.task.name}.trace"
            trace.write_text("\n".join(story.mischief.trace), encoding="utf-8")
