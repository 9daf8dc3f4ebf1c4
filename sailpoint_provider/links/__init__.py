"""Links of operators and sensors; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.links.aggregation import SailPointAggregationActivityLink, SailPointSourceLink

require_airflow()

__all__ = ["SailPointAggregationActivityLink", "SailPointSourceLink"]

__getattr__ = lazy_names(
    __name__, {"SailPointSourceLink": "aggregation", "SailPointAggregationActivityLink": "aggregation"}
)
