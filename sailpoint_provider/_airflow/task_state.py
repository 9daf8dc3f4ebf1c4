"""Stores checkpoints in Airflow's task state store (Airflow 3.3 and later)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sailpoint_provider.exceptions import CheckpointError, ProtocolError
from sailpoint_provider.isc.start.checkpoint_store import NoCheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore
    from sailpoint_provider.isc.start.request import UnstoredTries

    class _Storable(Protocol):
        @property
        def state(self) -> str: ...

        def to_json(self) -> dict[str, Any]: ...


T = TypeVar("T")

KEY = "sailpoint_account_aggregation"

_ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


C = TypeVar("C", bound="_Storable")


class TaskStateCheckpoints(Generic[C]):
    """
    Stores a checkpoint under one key of the task state store, which survives retries, deferrals and clears.

    :param store: ``context["task_state_store"]``.
    :param log: gets warnings about checkpoints that cannot be read or stored.
    :param read: reads a stored document; None if there is none.
    """

    def __init__(self, store: Any, log: Any, read: Callable[[Any], C | None]) -> None:
        self._store = store
        self._log = log
        self._read = read

    def load(self) -> C | None:
        """
        Return the stored checkpoint, None if there is none of this version.

        :raises CheckpointError: the store cannot be read. Nothing was sent; a retry may succeed.
        """
        try:
            document = _retried(lambda: self._store.get(KEY))
        except Exception as error:
            raise CheckpointError(
                f"Could not read Airflow's task state store ({type(error).__name__}). Nothing was sent."
            ) from error
        try:
            return self._read(document)
        except ProtocolError as error:
            self._log.warning("Ignoring the stored checkpoint %r. %s", KEY, error)
            return None

    def save(self, checkpoint: C, *, required: bool = False) -> None:
        """
        Replace the stored checkpoint; try a few times.

        :param required: whether the task must not continue unless it is stored.
        :raises CheckpointError: a required checkpoint could not be stored. This is final once the start
            request was sent, because the intent in the store would mislead a retry.
        """
        document = checkpoint.to_json()
        try:
            _retried(lambda: self._store.set(KEY, document))
        except Exception as error:
            if not required:
                self._log.warning(
                    "Could not store the checkpoint %r in Airflow's task state store (%s).",
                    checkpoint.state,
                    type(error).__name__,
                )
                return
            if checkpoint.state != "submitting":
                raise CheckpointError(
                    f"Could not store the outcome of the start request ({checkpoint.state}) in Airflow's "
                    f"task state store ({type(error).__name__}). The task fails without a retry, because a "
                    "retry could mistake another aggregation for its own. Clear the task to run it again.",
                    final=True,
                ) from error
            raise CheckpointError(
                f"Could not store the checkpoint {checkpoint.state!r} in Airflow's task state store "
                f"({type(error).__name__}). Nothing was sent."
            ) from error


def _retried(action: Callable[[], T]) -> T:
    """Retry an action on the store, whose API may be restarting."""
    from tenacity import Retrying, stop_after_attempt, wait_exponential

    retrying = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
        reraise=True,
    )
    return retrying(action)


def checkpoints_of(
    context: Context, log: Any, read: Callable[[Any], C | None], *, durable: bool
) -> CheckpointStore[C]:
    """
    Return the checkpoint store of this task; one that stores nothing if Airflow provides none.

    :param read: reads a stored document; None if there is none.
    """
    store = context.get("task_state_store") if durable else None
    return NoCheckpointStore() if store is None else TaskStateCheckpoints(store, log, read)


def max_tries_of(context: Context) -> int:
    """Return the task instance's ``max_tries``, which Airflow raises on a clear but not on a retry."""
    max_tries = getattr(context["ti"], "max_tries", 0)
    return max_tries if isinstance(max_tries, int) else 0


def clear_number_of(context: Context) -> int | None:
    """
    Return the DAG run's ``clear_number``, which rises with every clear of any task of the run.

    ``max_tries`` alone does not show every clear: Airflow sets it to the try number plus the current
    ``retries`` of the DAG, which can give the same number as before. After a clear of another task of the
    run, a retry of this task looks like a clear and counts as one: at worst the source is loaded twice, but
    no old result replaces a run.

    :returns: None before Airflow 3.3, which does not provide it.
    """
    number = getattr(context.get("dag_run"), "clear_number", None)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def unstored_tries(context: Context, retries: int, *, durable: bool) -> UnstoredTries | None:
    """
    Return what is known about earlier tries that stored nothing: on Airflow 3.0 to 3.2, or not ``durable``.

    A clear resets the start of a DAG run that had ended. An aggregation of an earlier try may then be older
    than that start, so the first try after a clear adopts none.

    :param retries: the task's ``retries``.
    :returns: None on the first try, and if checkpoints are stored.
    """
    from sailpoint_provider.isc.start.request import UnstoredTries

    try_number = getattr(context["ti"], "try_number", None)
    if (durable and "task_state_store" in context) or not isinstance(try_number, int) or try_number <= 1:
        return None
    max_tries = max_tries_of(context)
    was_cleared = max_tries != retries
    is_first_after_clear = was_cleared and try_number <= max_tries - retries + 1
    return UnstoredTries(
        since=getattr(context.get("dag_run"), "start_date", None),
        may_be_older=was_cleared,
        may_adopt=durable and not is_first_after_clear,
    )
