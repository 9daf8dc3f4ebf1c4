"""Waits for a file that is dropped in a folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from sailpoint_provider._airflow.deferral import BACKSTOP_SECONDS
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.triggers.drops import SailPointFileDropTrigger, state_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.assets.drops import SailPointDropFolder

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
_MOST_REFUSED = 100


class SailPointFileDropSensor(BaseSensorOperator):
    """
    Waits for the next complete drop of a folder, takes it for the run, and returns it.

    The result is the JSON object for the parameter ``drop`` of the operator. A retry returns the same drop. A
    folder that cannot be reached is logged, and the wait continues.

    :param folder: the folder.
    :param deferrable: whether to wait on the triggerer instead of a worker; defaults to ``[operators]
        default_deferrable``. Otherwise ``mode`` decides, and the folder is listed every ``poke_interval``.
    :param timeout: longest wait in seconds or as a ``timedelta``.
    """

    ui_color = "#cfe3f7"

    def __init__(
        self,
        *,
        folder: SailPointDropFolder,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Wait as ``deferrable`` and ``mode`` say."""
        with airflow_errors():
            if not self.deferrable:
                return super().execute(context)
            return self._take_or_defer(context, time.time() + self.timeout)

    def poke(self, context: Context) -> PokeReturnValue:
        """List the folder once, and take a drop if there is one."""
        with airflow_errors():
            drop = self._take(context)
        return PokeReturnValue(is_done=drop is not None, xcom_value=drop)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Take the drop that the trigger reports, or wait on if another run was faster."""
        with airflow_errors():
            if not isinstance(event, Mapping) or not isinstance(event.get("drop", ""), Mapping | None):
                raise ProtocolError("The trigger's event is not that of a drop. Retry the task.")
            if event["drop"] is None:
                raise AirflowSensorTimeout(
                    f"No complete file arrived in {self.folder.rules.url} within {self.timeout:g} s."
                )
            end, refused = event.get("end"), event.get("refused")
            if not _is_refused(refused):
                raise ProtocolError(
                    "The trigger's event does not list the files that this run could not take. Retry the "
                    "task."
                )
            return self._take_or_defer(
                context,
                float(end) if isinstance(end, int | float) else time.time() + self.timeout,
                event["drop"],
                refused,
            )

    def _take_or_defer(
        self,
        context: Context,
        end: float,
        seen: Any = None,
        refused: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        drop = self._take(context, seen)
        if drop is None:
            left = max(0.0, end - time.time())
            self.defer(
                trigger=SailPointFileDropTrigger(
                    folder=self.folder.to_json(), end=end, refused=_refused(seen, refused)
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=left + BACKSTOP_SECONDS),
            )
        return drop

    def _take(self, context: Context, seen: Any = None) -> dict[str, Any] | None:
        from sailpoint_provider._airflow.drop import take_for_run
        from sailpoint_provider.drops.place import FolderUnavailableError

        try:
            takings = take_for_run(self.folder.rules, context, limit=1, seen=seen)
        except FolderUnavailableError as error:
            self.log.warning("%s The wait continues.", error)
            return None
        return takings.drops[0] if takings.drops else None


def _refused(seen: Any, earlier: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the drops that the trigger must not report again at once, because this run may not take them."""
    if not isinstance(seen, Mapping):
        return None
    state = state_of(seen)
    drops: list[Any] = [] if earlier is None else earlier["drops"]
    if earlier is not None and state in drops:
        return {"drops": drops, "pause": min(_LONGEST_PAUSE, 2.0 * earlier["pause"])}
    return {"drops": [*drops, state][-_MOST_REFUSED:], "pause": _FIRST_PAUSE}


def _is_refused(value: Any) -> bool:
    """Return whether a part of an event is what :func:`_refused` returns."""
    return value is None or (
        isinstance(value, Mapping)
        and isinstance(value.get("drops"), list)
        and isinstance(value.get("pause"), int | float)
    )
