"""Keeps a claim in Airflow's task state store, where there is one (Airflow 3.3 and later)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.isc.memory import Claim, Memory

KEY = "sailpoint_account_aggregation"


class TaskMemory:
    """
    Keeps a claim under one key of the task state store, which survives retries, crashes, deferral and clear.

    :param store: ``context["task_state_store"]``.
    :param log: where a claim that cannot be kept is told.
    """

    def __init__(self, store: Any, log: Any) -> None:
        self._store = store
        self._log = log

    def load(self) -> Claim | None:
        """Return the claim of an earlier try, None for none."""
        from sailpoint_provider.isc.memory import read_claim

        return read_claim(self._store.get(KEY))

    def save(self, claim: Claim) -> None:
        """
        Keep a claim in place of the one before.

        An intent that cannot be kept ends the try before anything is sent. Later ones do not: the next try
        finds the aggregation by the intent.
        """
        try:
            self._store.set(KEY, claim.to_json())
        except Exception:
            if claim.state == "submitting":
                raise
            self._log.warning("What this task has started could not be stored.", exc_info=True)

    def forget(self) -> None:
        """Keep no claim."""
        try:
            self._store.delete(KEY)
        except Exception:
            self._log.warning("What an earlier try has started could not be forgotten.", exc_info=True)


def memory_of(context: Context, log: Any, *, durable: bool) -> Memory:
    """Return what remembers this task's start over its tries."""
    from sailpoint_provider.isc.memory import NoMemory

    store = context.get("task_state_store") if durable else None
    return NoMemory() if store is None else TaskMemory(store, log)


def max_tries_of(context: Context) -> int:
    """Return the task instance's ``max_tries``, which Airflow raises on clear and leaves alone on retry."""
    max_tries = getattr(context["ti"], "max_tries", 0)
    return max_tries if isinstance(max_tries, int) else 0


def began_before(context: Context, retries: int) -> datetime | None:
    """
    Return since when an aggregation may be one that an earlier try of this task started.

    That is for Airflow 3.0 to 3.2, where nothing survives a retry.

    :param retries: the task's ``retries``.
    :returns: the start of the DAG run on a later try; None on a first try, also after a clear, and where the
        task state store remembers.
    """
    try_number = getattr(context["ti"], "try_number", None)
    if "task_state_store" in context or not isinstance(try_number, int):
        return None
    if try_number <= max_tries_of(context) - retries + 1:
        return None
    started: datetime | None = getattr(context.get("dag_run"), "start_date", None)
    return started
