"""What happens to one task: where its process crashes, which requests fail, and which secrets it leaks."""

from __future__ import annotations

import re
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.live.chaos.clock import CLOCK
from tests.live.chaos.faults import draw_trouble, late_start, title_of, trouble_beside_rival
from tests.live.chaos.rivals import RivalAtStart
from tests.live.chaos.starts import Ledger

_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+")
_TAIL = 16
CRASH_CHANCE = 0.8
CRASH_CHANCE_LATER = 0.4
TRIGGERER_CRASH_CHANCE = 0.2
IN_FLIGHT_CHANCE = 0.4
OUTAGE_CHANCE = 0.2
OUTAGE_REQUESTS = 6
"""More than the attempts of one request to Airflow."""
FEWER_RIVALS = 0.7
"""Factor on the probability of a rival for each earlier one, so that every task comes to an end."""
WORKER_POINTS = {
    "before load_accounts": 4,
    "after load_accounts": 6,
    "during upload": 2,
    "before set submitting": 2,
    "after set submitting": 4,
    "before set running": 4,
    "after set running": 4,
    "before set returned": 3,
    "after set returned": 4,
    "before set unanswered": 2,
    "after set unanswered": 3,
    "before set refused": 2,
    "after set refused": 2,
    "before set discarded": 1,
    "after set discarded": 2,
    "before get": 1,
    "after get": 1,
    "before xcom_push": 2,
    "after xcom_push": 2,
    "before success": 4,
    "before deferral": 3,
    "before resume": 3,
    "before pause": 2,
    "after pause": 2,
    "before token": 1,
    "after token": 1,
    "before get_source": 1,
    "after get_source": 1,
    "before list_tasks": 2,
    "after list_tasks": 2,
    "before list_pending": 1,
    "after list_pending": 1,
    "before task_status": 2,
    "after task_status": 2,
    "before aggregation_status": 2,
    "after aggregation_status": 2,
}
_TRIGGERER_POINTS = (
    "before token",
    "after token",
    "before pause",
    "after pause",
    "before task_status",
    "after task_status",
    "before aggregation_status",
    "after aggregation_status",
)


class Crash(BaseException):
    """Ends the process at this point; nothing of it runs afterwards."""


class AirflowTroubleError(Exception):
    """Airflow's own API did not respond to a task."""


@dataclass(frozen=True)
class Dangers:
    """
    How likely crashes and faults are for a task.

    :param weather: factor on their probability; 0 for none at all.
    :param airflow: probability that a request to Airflow fails.
    :param rival: probability that a start meets a rival.
    :param rival_rows: rows of such a rival's file; 0 for a direct source.
    :param rival_load: the kind of load of such a rival.
    """

    weather: float
    airflow: float = 0.02
    rival: float = 0.0
    rival_rows: int = 0
    rival_load: str = "account_aggregation"


@dataclass
class Mischief:
    """
    Everything random that happens to one task. It is seeded by its subject, so a task can be replayed alone.

    :param seed: seed of the whole run.
    :param task: name of the task.
    :param dangers: how likely crashes and faults are.
    :param secrets: what must not appear anywhere: the client's secret, and its tokens once they are issued.
    """

    seed: str
    task: str
    dangers: Dangers
    secrets: list[str]
    crashes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    airflow_troubles: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    rivals: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    _resumed: int = 0
    _outage: tuple[bool, int] = (False, 0)
    _place: str = ""
    _crash_at: tuple[str, int] | None = None
    _met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.task)

    @property
    def weather(self) -> float:
        """Factor on the probability of crashes and faults."""
        return self.dangers.weather

    def rng(self, *subject: object) -> Random:
        """Return the random numbers that belong to a subject."""
        return Random(":".join(map(str, (self.seed, self.task, *subject))))

    def begin_try(self, number: int) -> None:
        """Decide where the process of a try crashes, if it does."""
        rng = self._begin(f"try {number}")
        chance = (CRASH_CHANCE if number <= 3 else CRASH_CHANCE_LATER) * min(1.0, self.weather)
        if rng.random() < chance:
            point = rng.choices(list(WORKER_POINTS), list(WORKER_POINTS.values()))[0]
            self._crash_at = (point, rng.choice((1, 1, 1, 1, 1, 1, 2, 3)))

    def begin_trigger(self, number: int, attempt: int) -> float | None:
        """
        Decide where the triggerer crashes during a wait, if it does.

        :param number: number of the try.
        :param attempt: number of the wait within it.
        :returns: real seconds after which it is stopped properly; None for never.
        """
        rng = self._begin(f"trigger {number}.{attempt}")
        if rng.random() >= TRIGGERER_CRASH_CHANCE * min(1.0, self.weather):
            return None
        if rng.random() < 0.4:
            return rng.uniform(0.0, 0.5)
        self._crash_at = (rng.choice(_TRIGGERER_POINTS), rng.choice((1, 1, 2, 3)))
        return None

    def resume(self, number: int) -> None:
        """Resume a try after its wait, and decide again where its process crashes, if it does."""
        self._resumed += 1
        self._begin(f"try {number} resumed {self._resumed}")
        rng = self.rng(self._place, "crash")
        if rng.random() < 0.3 * min(1.0, self.weather):
            points = [point for point in WORKER_POINTS if "load" not in point]
            self._crash_at = (rng.choice(points), 1)

    def _begin(self, place: str) -> Random:
        self._place, self._crash_at = place, None
        self._met.clear()
        self.note(f"--- {place}")
        return self.rng(place)

    def reach(self, point: str) -> None:
        """Reach a point between two steps of a flow, where the process may crash."""
        self._met[point] += 1
        if self._crash_at == (point, self._met[point]):
            where = "triggerer, " if self._place.startswith("trigger") else ""
            self.crashes[f"{where}{point}"] += 1
            self.note(f"CRASH {point}")
            raise Crash(point)

    def trouble_for(self, name: str, token: str | None) -> dict[str, Any] | None:
        """
        Decide which fault the next request of that call meets; None for none.

        :param token: the token that it carries.
        """
        self._met[name] += 1
        rng = self.rng(self._place, name, self._met[name])
        if self._crash_at == (f"after {name}", self._met[name]) and rng.random() < IN_FLIGHT_CHANCE:
            # The process is killed while its start is under way.
            return self._counted(name, late_start(rng)) if name == "load_accounts" else None
        known_to_tenant = self.secrets[:1] if token is None else [self.secrets[0], token]
        trouble = draw_trouble(name, rng, self.weather, known_to_tenant)
        return None if trouble is None else self._counted(name, trouble)

    def trouble_for_start(self, token: str | None) -> tuple[dict[str, Any] | None, RivalAtStart | None]:
        """Decide what the next start meets: a fault, a rival, both or neither."""
        name = "load_accounts"
        number = self._met[name] + 1
        rng = self.rng(self._place, "rival", number)
        chance = self.dangers.rival * min(1.0, self.weather) * FEWER_RIVALS ** self.rivals.total()
        if rng.random() >= chance:
            return self.trouble_for(name, token), None
        self._met[name] = number
        name, dangers = f"{self.task}-rival-{self._place}-{number}", self.dangers
        rival = RivalAtStart.draw(name, dangers.rival_rows, rng, dangers.rival_load)
        self.rivals[rival.kind] += 1
        self.note(f"{name} meets a rival: {rival.kind}")
        trouble = trouble_beside_rival(rival.kind, rng)
        return None if trouble is None else self._counted(name, trouble), rival

    def _counted(self, name: str, trouble: dict[str, Any]) -> dict[str, Any]:
        title = title_of(trouble)
        self.troubles[title] += 1
        self.note(f"{name} meets {title}")
        return trouble

    def ask_airflow(self, what: str) -> bool:
        """
        Reach a request to Airflow, where the process may crash.

        :returns: whether the request fails after it took effect.
        :raises AirflowTroubleError: it fails before it takes effect.
        """
        self.reach(f"before {what}")
        rng = self.rng(self._place, "airflow", what, self._met[f"before {what}"])
        after, left = self._outage
        if not left:
            if rng.random() >= self.dangers.airflow * min(1.0, self.weather):
                return False
            after, left = rng.random() < 0.5, 1
            if rng.random() < OUTAGE_CHANCE:
                self.outages += 1
                left = OUTAGE_REQUESTS
        self._outage = after, left - 1
        self.airflow_troubles[f"{what.split()[0]}, {'after' if after else 'before'} it took effect"] += 1
        self.note(f"Airflow fails {'after' if after else 'before'} {what}")
        if not after:
            raise AirflowTroubleError(what)
        return True

    def note(self, line: str) -> None:
        """Add a line to the trace of this task."""
        self.trace.append(f"{CLOCK.time():.3f} {line}")

    def check(self, text: str, where: str) -> None:
        """Check that a text contains no secret and no token, not even the end of one."""
        if _TOKEN.search(text) or any(secret[-_TAIL:] in text for secret in self.secrets):
            self.leaks.append(f"a secret or token is in {where}: {text[:300]!r}")


current: ContextVar[Mischief | None] = ContextVar("current", default=None)
