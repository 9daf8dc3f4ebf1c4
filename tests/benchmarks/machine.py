"""Describes the machine and the versions that were measured, without names or paths of the machine."""

from __future__ import annotations

import os
import platform
import ssl
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import sailpoint_provider
from tests.benchmarks.report import Table

_PACKAGES = (
    ("Airflow", "apache-airflow"),
    ("apache-airflow-providers-dbt-cloud", "apache-airflow-providers-dbt-cloud"),
    ("apache-airflow-providers-airbyte", "apache-airflow-providers-airbyte"),
    ("aiohttp", "aiohttp"),
    ("requests", "requests"),
    ("httpx", "httpx"),
)


def machine() -> Table:
    """Return everything that the figures depend on."""
    memory = psutil.virtual_memory().total / 2**30
    rows = [
        ("Date", datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("Processor", f"{_processor()}, {_cores()} cores"),
        ("Memory", f"{memory:.0f} GiB"),
        ("System", f"{platform.system()} {platform.machine()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        ("airflow-provider-sailpoint", sailpoint_provider.__version__),
    ]
    rows += [(name, _installed(package)) for name, package in _PACKAGES]
    return Table("Machine and versions", ("", ""), tuple(rows))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
