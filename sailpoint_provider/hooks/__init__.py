"""The hook, and the session that it returns; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.hooks.session import SailPointSession

require_airflow()

__all__ = ["SailPointHook", "SailPointSession"]

__getattr__ = lazy_names(__name__, {"SailPointHook": "sailpoint", "SailPointSession": "session"})
