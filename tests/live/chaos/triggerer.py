"""Plays the triggerer for a deferred task: it may crash, stop properly, restart or come too late."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.live.chaos.hooks import forget_shares
from tests.live.chaos.mischief import Crash

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.triggers.base import BaseTrigger

    from tests.live.chaos.airflow import Story

BACKSTOP_CHANCE = 0.01
MOST_RESTARTS = 100
TRIGGER_TIMEOUT = ("__fail__", {"error": "Trigger timeout"})


def waited(deferred: TaskDeferred, story: Story, try_number: int) -> tuple[str, dict[str, Any]]:
    """Let a triggerer wait, and return the method and arguments with which the task resumes."""
    mischief = story.mischief
    stored = json.dumps([deferred.trigger.serialize(), deferred.kwargs or {}])
    mischief.check(stored, "the arguments of a deferral")
    (path, arguments), kwargs = json.loads(stored)
    if not isinstance(deferred.timeout, timedelta):
        story.wrongs.append("deferred without a timeout")
    number = story.deferrals
    module, _, name = path.rpartition(".")
    for restart in range(MOST_RESTARTS):
        stop_after = mischief.begin_trigger(try_number, number * MOST_RESTARTS + restart)
        if mischief.rng("backstop", number, restart).random() < BACKSTOP_CHANCE * mischief.weather:
            mischief.note("the timeout of the deferral has passed")
            story.backstops += 1
            return TRIGGER_TIMEOUT
        forget_shares(story.task.name)
        try:
            payloads = asyncio.run(_payloads(getattr(import_module(module), name)(**arguments), stop_after))
        except Crash:
            continue
        if payloads is None:
            mischief.crashes["triggerer, stopped properly"] += 1
            continue
        (payload,) = payloads
        text = json.dumps(payload)
        mischief.check(text, "a trigger's event")
        mischief.note(f"event {text}")
        return deferred.method_name, kwargs | {"event": json.loads(text)}
    raise AssertionError("the triggerer never came to an end")


async def _payloads(trigger: BaseTrigger, stop_after: float | None) -> list[Any] | None:
    """Run a trigger and return its events; None if its triggerer was stopped first."""

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    running = asyncio.create_task(run())
    await asyncio.wait((running,), timeout=stop_after)
    if running.done():
        return await running
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return None
    return None
