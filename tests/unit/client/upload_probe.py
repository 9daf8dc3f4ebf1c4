"""Uploads a small and then a large file; prints the bytes sent and the growth of the peak memory."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, Blocking, EventLoop, tenant_at
from tests.unit.isc.isc_cases import load_accounts


def peak():
    """Return the peak memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of a child starts at its parent's peak
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(world, url, authority, small, large):
    tenant = tenant_at(url, extra={"timeout": 30, "upload_timeout": 60, "verify": authority})
    sizes, peaks = [], []
    for path in (small, large):
        call = load_accounts(API_VERSIONS["v1"], HR, find_csv(path))
        sizes.append(
            {"blocking": Blocking, "event_loop": EventLoop}[world].send(tenant, call).file["size_bytes"]
        )
        peaks.append(peak())
    print(sizes[1], peaks[1] - peaks[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
