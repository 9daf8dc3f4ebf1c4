"""What the operators that call a tenant, but load no source, have in common."""

from __future__ import annotations

from functools import cached_property

from airflow.providers.common.compat.sdk import BaseOperator

from sailpoint_provider.hooks.sailpoint import SailPointHook


class ConnectedOperator(BaseOperator):
    """
    Works with the tenant of a connection.

    It has no constructor, because Airflow wraps each one of a hierarchy, which costs time in every DAG.
    """

    ui_color = "#cfe3f7"

    sailpoint_conn_id: str

    _given: tuple[str, ...] = ()

    @cached_property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""
        return SailPointHook(self.sailpoint_conn_id)

    def _place(self) -> str:
        """Return what this task works on, for errors."""
        return f"connection {self.sailpoint_conn_id}"
