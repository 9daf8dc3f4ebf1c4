"""Rejects an Airflow that is too old, before a missing name fails with a less clear error."""

from __future__ import annotations

import re
from importlib.util import find_spec

OLDEST = (3, 0, 6)
"""The oldest Airflow that this package works with, the same as in its requirements."""

_NEEDED = f"airflow-provider-sailpoint needs Apache Airflow {'.'.join(map(str, OLDEST))} or newer"


def require_airflow() -> None:
    """
    Check that Airflow is installed and new enough.

    An installation without dependencies, or a later downgrade of Airflow, can leave one that is too old.

    :raises ImportError: Airflow is missing or too old.
    """
    try:
        import airflow
    except ModuleNotFoundError as error:
        if error.name != "airflow":
            raise
        raise ImportError(f"{_NEEDED}; none is installed.") from None
    version = getattr(airflow, "__version__", None)
    # Providers and the task SDK share the name, so without the core there can be a package without a version.
    if version is None and find_spec("airflow.sdk") is None:
        raise ImportError(f"{_NEEDED}; none is installed.")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:3])
    if numbers and numbers < OLDEST:
        raise ImportError(f"{_NEEDED}; this is Airflow {version}.")
