"""What the functions of this package need of the task that they serve; for type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult


class TenantTask(Protocol):
    """A task that works with the tenant of a connection."""

    sailpoint_conn_id: str

    @property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""

    @property
    def kind(self) -> LoadKind:
        """The kind of load that it starts or waits for."""

    @property
    def log(self) -> Any:
        """The task's logger."""


class WaitingTask(TenantTask, Protocol):
    """A task that waits for a load."""

    execution_timeout: timedelta | None
    outlets: list[Any]
    timeout: Any
    tolerate_outage: float

    def defer(self, *, trigger: Any, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        """Leave the worker until the trigger has fired."""


class LoadingTask(WaitingTask, Protocol):
    """A task that starts a load and waits for it."""

    durable: bool
    emit_asset_event: bool
    wait_for_completion: bool


class ReportedTask(Protocol):
    """A task whose load is reported to OpenLineage."""

    _checkpoint: Checkpoint | None
    _ended: AggregationResult | None
    _report: Mapping[str, Any] | None
    _tenant_url: str | None

    @property
    def kind(self) -> LoadKind:
        """The kind of load."""

    def _tried(self, action: Callable[[], Any]) -> Any: ...
