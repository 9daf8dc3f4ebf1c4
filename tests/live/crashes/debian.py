"""Gets a server from Debian's packages, without the service that the package would start."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL_SECONDS = 600.0
# Debian asks this program before a package starts its service; 101 means no.
POLICY = Path("/usr/sbin/policy-rc.d")
REFUSAL = "#!/bin/sh\nexit 101\n"


class NoPackageError(RuntimeError):
    """A program is not on this machine, and cannot be installed; the message says why."""


def install_package(package: str) -> None:
    """Install a package of Debian's, and leave its service stopped.

    :raises NoPackageError: that is not possible.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoPackageError(
            f"Something is missing on this machine: install Debian's package '{package}', or run this as "
            "root on a machine with apt-get."
        )
    with _no_services():
        _apt_get("update", "-q")
        keep_ours = ("-o", "Dpkg::Options::=--force-confold")
        _apt_get("install", "-q", "-y", "--no-install-recommends", *keep_ours, package)


def _apt_get(*words: str) -> None:
    try:
        done = subprocess.run(
            ["apt-get", *words],
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoPackageError(f"'apt-get {words[0]}' did not end in {INSTALL_SECONDS:.0f} s.") from None
    if done.returncode:
        raise NoPackageError(f"'apt-get {words[0]}' failed: {done.stdout.strip()[-500:]}")


@contextmanager
def _no_services() -> Iterator[None]:
    if POLICY.exists():
        # Containers usually have one that refuses; what else it says is its owner's decision.
        yield
        return
    POLICY.write_text(REFUSAL, encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
