"""Identity Security Cloud (ISC) in pure Python: what it means, without Airflow, sockets or a clock."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from sailpoint_provider.isc import calls, starts

__all__ = ["calls", "starts"]


def __getattr__(name: str) -> "ModuleType":
    """Load ``isc.calls`` and ``isc.starts`` at their first use: whoever parses a DAG needs neither."""
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
