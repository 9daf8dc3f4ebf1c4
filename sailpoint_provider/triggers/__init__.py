"""Triggers; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
    from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger, SailPointFileDropTrigger
    from sailpoint_provider.triggers.ended_aggregations import SailPointEndedAggregationsTrigger

require_airflow()

__all__ = [
    "SailPointAccountAggregationTrigger",
    "SailPointDropWatcherTrigger",
    "SailPointEndedAggregationsTrigger",
    "SailPointFileDropTrigger",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SailPointAccountAggregationTrigger": "aggregation",
        "SailPointDropWatcherTrigger": "drops",
        "SailPointFileDropTrigger": "drops",
        "SailPointEndedAggregationsTrigger": "ended_aggregations",
    },
)
