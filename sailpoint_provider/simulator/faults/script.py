"""Scripted faults: which requests they hit, and with what effect."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

KINDS = frozenset(
    {
        "answer",
        "rate_limit",
        "expired_token",
        "html",
        "not_json",
        "other_shape",
        "redirect",
        "reset",
        "disconnect",
        "refuse",
        "timeout",
        "delay",
        "stall",
        "cut_body",
        "clock_skew",
        "same_page",
    }
)
STARTS = ("accepted", "refused")
"""What ISC's 202 says of a start."""

_WHOLE_NUMBERS = frozenset({"status", "bytes"})
_SECONDS = frozenset({"delay_seconds", "seconds"})
_ALWAYS_BEFORE = frozenset({"refuse"})
_ALWAYS_AFTER = frozenset({"delay", "stall", "cut_body", "clock_skew", "same_page"})
_USUALLY_AFTER = frozenset({"timeout"})


@dataclass(frozen=True)
class Effect:
    """What a fault does to a request.

    :param kind: one of :data:`KINDS`.
    :param happens_after: whether ISC carries the request out first.
    :param settings: settings of this kind.
    """

    kind: str
    happens_after: bool
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_json(cls, then: dict[str, Any]) -> Effect:
        """Read the ``then`` of a fault.

        :raises ValueError: for an unknown kind or an unusable setting.
        """
        settings = dict(then)
        kind = settings.pop("kind", None)
        if kind not in KINDS:
            raise ValueError(f"unknown kind of fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        for name in settings.keys() & (_WHOLE_NUMBERS | _SECONDS):
            settings[name] = (int if name in _WHOLE_NUMBERS else float)(settings[name])
        if not isinstance(settings.get("headers", {}), dict):
            raise ValueError("headers must be an object")
        usual = "after" if kind in _ALWAYS_AFTER | _USUALLY_AFTER else "before"
        when = settings.pop("when", usual)
        if when not in ("before", "after"):
            raise ValueError(f"when must be before or after, not {when!r}")
        if when != usual and kind in _ALWAYS_AFTER | _ALWAYS_BEFORE:
            raise ValueError(f"{kind} always happens {usual} the request takes effect")
        return cls(kind, when == "after", settings)


@dataclass
class Fault:
    """A rule for which requests are hit, and how.

    :param effect: what happens to them.
    :param method: HTTP method, None for any.
    :param path: regular expression searched in the path, None for any.
    :param api_version: API version, None for any.
    :param start: ``accepted`` or ``refused``: only starts that ISC answers so, after they took effect; None
        for any request.
    :param nth: which of the matching requests it hits, counted from 1; None for all.
    :param skip: number of matching requests that pass first.
    :param times: how often it strikes; None for no limit.
    :param chance: probability from 0 to 1 that it strikes.
    :param seed: seed of that probability, which makes a run repeatable.
    """

    effect: Effect
    method: str | None = None
    path: str | None = None
    api_version: str | None = None
    start: str | None = None
    nth: tuple[int, ...] | None = None
    skip: int = 0
    times: int | None = None
    chance: float = 1.0
    seed: int = 0
    number: int = 0
    matched: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        """Validate the rule."""
        if self.start not in (None, *STARTS):
            raise ValueError(f"start must be {' or '.join(STARTS)}, not {self.start!r}")
        if self.start is not None and not self.effect.happens_after:
            raise ValueError("a fault with start always happens after the request takes effect")
        self.skip, self.chance = int(self.skip), float(self.chance)
        self.times = None if self.times is None else int(self.times)
        self._pattern = re.compile(self.path) if self.path else None
        self._random = random.Random(self.seed)

    def strikes(self, method: str, path: str, api_version: str | None) -> bool:
        """Count the request if it matches; return whether the fault strikes."""
        if self.method not in (None, method) or self.api_version not in (None, api_version):
            return False
        if self._pattern is not None and self._pattern.search(path) is None:
            return False
        self.matched += 1
        if self.times is not None and self.struck >= self.times:
            return False
        if self.nth is not None and self.matched not in self.nth:
            return False
        if self.matched <= self.skip:
            return False
        return self.chance >= 1.0 or self._random.random() < self.chance

    def as_json(self) -> dict[str, Any]:
        """Return it in the control API's form."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "api_version": self.api_version,
            "start": self.start,
            "kind": self.effect.kind,
            "matched": self.matched,
            "struck": self.struck,
        }

    @classmethod
    def of_json(cls, body: dict[str, Any]) -> Fault:
        """Read the body of ``POST /_simulator/faults``, which has known fields only.

        :raises ValueError: for an unusable value.
        """
        settings = {name: value for name, value in body.items() if name != "then"}
        nth = settings.get("nth")
        if nth is not None:
            settings["nth"] = (nth,) if isinstance(nth, int) else tuple(nth)
        if settings.get("method"):
            settings["method"] = str(settings["method"]).upper()
        then = dict(body.get("then") or {})
        if settings.get("start") is not None:
            then.setdefault("when", "after")
        try:
            return cls(effect=Effect.of_json(then), **settings)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error


@dataclass
class FaultScript:
    """The faults in force, in the order in which they were added."""

    faults: list[Fault] = field(default_factory=list)
    _added: int = 0

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._added += 1
        fault.number = self._added
        self.faults.append(fault)

    def pick(
        self, method: str, path: str, api_version: str | None, start: str | None = None
    ) -> Effect | None:
        """Return the effect on this request: every matching fault counts it, the first that strikes wins.

        :param start: ``accepted`` or ``refused``, as ISC answered a start that no other fault has hit; None
            for a request that is not answered yet.
        """
        if not self.faults:
            return None
        chosen: Fault | None = None
        for fault in self.faults:
            if fault.start != start:
                continue
            if fault.strikes(method, path, api_version) and chosen is None:
                chosen = fault
        if chosen is None:
            return None
        chosen.struck += 1
        return chosen.effect

    def clear(self) -> None:
        """Remove all faults."""
        self.faults.clear()

    def reset(self) -> None:
        """Remove all faults, and number the next one 1."""
        self.clear()
        self._added = 0
