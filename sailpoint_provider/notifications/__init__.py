"""Notifiers; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.notifications.sailpoint import SailPointNotifier

require_airflow()

__all__ = ["SailPointNotifier"]

__getattr__ = lazy_names(__name__, {"SailPointNotifier": "sailpoint"})
