"""Every start of one task, as the task itself can know it: what it read, sent, received and stored."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from sailpoint_provider.simulator.model.kinds import RunKind
from tests.live.chaos.clock import CLOCK

AGGREGATION_ID = "aggregation_id"
_FINAL = range(400, 500)
_NOT_FINAL = (408,)


@dataclass(frozen=True)
class Attempt:
    """
    One try of a task.

    :param number: its try number.
    :param epoch: how often the task itself had been cleared.
    :param version: which of the task's files lay there.
    :param clears: the clear number of the DAG run, which rises with clears of other tasks too.
    :param dag_started: epoch seconds of the DAG run's start.
    :param began: epoch seconds of its own start.
    """

    number: int = 0
    epoch: int = 0
    version: int = 0
    clears: int = 0
    dag_started: float = 0.0
    began: float = 0.0


@dataclass(frozen=True)
class Look:
    """
    One read of the source's task records.

    :param begun: epoch seconds of the request.
    :param answered: epoch seconds of the response; it does not contain what began later.
    """

    begun: float = 0.0
    answered: float = 0.0


@dataclass(frozen=True)
class Intent:
    """
    An intent to start.

    :param look: the read before it.
    """

    attempt: Attempt
    look: Look


@dataclass
class Post:
    """
    One start that was sent.

    :param tag: its name in the tenant's record.
    :param look: the read before it.
    :param sent: epoch seconds.
    :param told: the ID in its response.
    :param is_settled: whether its outcome is known: an ID, a refusal, a 4xx, or no connection.
    """

    tag: str
    attempt: Attempt
    look: Look
    sent: float
    told: str | None = None
    is_settled: bool = False


@dataclass(frozen=True)
class Choice:
    """
    A task's decision to follow an aggregation.

    :param look: the read before it.
    :param made: epoch seconds.
    """

    aggregation_id: str
    attempt: Attempt
    look: Look
    made: float


@dataclass
class Ledger:
    """
    The starts of one task.

    :param task: its name.
    :param intents: each start that was sent, and each intent that was stored.
    :param choices: each time that the task followed an aggregation.
    :param ever_stored: IDs that the state store has held.
    :param known: IDs that this try received in responses, and the ID that the state store held at its start.
    """

    task: str
    posts: list[Post] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    ever_stored: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    attempt: Attempt = Attempt()
    look: Look = Look()
    _kept: str | None = None

    def begin_try(self, attempt: Attempt) -> None:
        """Forget what only the process of the try before knew."""
        self.attempt = attempt
        self.known = {self._kept} if self._kept is not None else set()

    def look_begins(self) -> None:
        """Record that ISC is asked for the source's records."""
        self.look = Look(CLOCK.time(), CLOCK.time())

    def look_is_answered(self) -> None:
        """Record that the records are there."""
        self.look = replace(self.look, answered=CLOCK.time())

    def send(self) -> Post:
        """Record a start that is about to be sent."""
        post = Post(f"{self.task}#{len(self.posts) + 1}", self.attempt, self.look, CLOCK.time())
        self.posts.append(post)
        self.intents.append(Intent(self.attempt, self.look))
        return post

    def answered(self, status: int, body: bytes) -> None:
        """Record a complete response to the start that was sent last."""
        post = self.posts[-1]
        text = body.decode(errors="replace")
        if any(kind.busy_text in text for kind in RunKind):
            post.is_settled = True
        elif (told := _id_in(body)) is not None:
            post.told, post.is_settled = told, True
            self.known.add(told)
        elif status in _FINAL and status not in _NOT_FINAL:
            post.is_settled = True

    def never_sent(self) -> None:
        """Record that the start that was sent last never left."""
        self.posts[-1].is_settled = True

    def stored(self, checkpoint: dict[str, Any] | None) -> None:
        """Record what the state store holds from now on."""
        self._kept = None
        if checkpoint is None:
            return
        self._kept = checkpoint.get(AGGREGATION_ID)
        if self._kept is not None:
            self.ever_stored.add(self._kept)
        elif checkpoint["state"] == "submitting":
            self.intents.append(Intent(self.attempt, self.look))

    def follow(self, aggregation_id: str) -> None:
        """Record that the task follows an aggregation."""
        self.choices.append(Choice(aggregation_id, self.attempt, self.look, CLOCK.time()))

    def choice(self, aggregation_id: str, attempt: Attempt | None = None) -> Choice | None:
        """
        Return when the task first followed an aggregation, None where it never did.

        :param attempt: the try that counts, None for any.
        """
        for choice in self.choices:
            if choice.aggregation_id == aggregation_id and attempt in (None, choice.attempt):
                return choice
        return None


def _id_in(body: bytes) -> str | None:
    """Return the ID that the answer to a start gives, None where it gives none."""
    try:
        answer = json.loads(body)
        # The answer about entitlements is the task itself.
        told = answer["task"]["id"] if "task" in answer else answer["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None
