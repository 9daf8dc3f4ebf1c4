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

_PACKAGES = (
    ("Airflow", "apache-airflow"),
    ("dbt Cloud provider", "apache-airflow-providers-dbt-cloud"),
    ("Airbyte provider", "apache-airflow-providers-airbyte"),
    ("aiohttp", "aiohttp"),
    ("requests", "requests"),
    ("httpx", "httpx"),
    ("DuckDB", "duckdb"),
)


def measured_on() -> str:
    """Return one sentence with everything that the figures depend on."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {_installed(package)}" for name, package in _PACKAGES)
    now = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"Measured on {now}: {_processor()}, {_cores()} cores, "
        f"{memory:.0f} GiB, {platform.system()} {platform.machine()}; {platform.python_implementation()} "
        f"{platform.python_version()}, {ssl.OPENSSL_VERSION.partition(' ')[0]} "
        f"{ssl.OPENSSL_VERSION.split()[1]}, airflow-provider-sailpoint {sailpoint_provider.__version__}, "
        f"{packages}."
    )


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
