"""Identity Security Cloud (ISC) in pure Python: what it means, without Airflow, sockets or a clock."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from sailpoint_provider.isc.api import endpoints as endpoints
    from sailpoint_provider.isc.start import load as load

_LAZY = {"endpoints": "api.endpoints", "load": "start.load"}


def __getattr__(name: str) -> "ModuleType":
    """Load ``isc.endpoints`` and ``isc.load`` at their first use: parsing a DAG needs neither."""
    if name in _LAZY:
        return import_module(f"{__name__}.{_LAZY[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
