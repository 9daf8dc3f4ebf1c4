"""Runs one upload of one client in its own process, and prints the result as one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = "2c918085000000000000000000000a01"
CONNECTION = "sailpoint_upload"


def main() -> None:
    """Carry out one upload."""
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=["ours", "sdk"])
    parser.add_argument("url")
    parser.add_argument("authority")
    parser.add_argument("file")
    parser.add_argument("--s3", help="address of an S3 server that holds the file")
    options = parser.parse_args()
    upload = (_ours if options.client == "ours" else _sdk)(options)
    processor, begun = time.process_time(), time.perf_counter()
    upload()
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    print(json.dumps({"seconds": seconds, "cpu_seconds": processor, "peak_bytes": _peak()}))


def _peak() -> int:
    """Return the most bytes this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of a child begins with what its parent held
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _ours(options: argparse.Namespace) -> Callable[[], object]:
    connection = {
        "conn_type": "sailpoint",
        "host": options.url,
        "login": "id-of-the-benchmark",
        "password": "secret-of-the-benchmark",
        "extra": {"verify": options.authority},
    }
    os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = json.dumps(connection)
    from sailpoint_provider.hooks.sailpoint import SailPointHook

    if options.s3:
        from airflow.sdk.io import attach
        from s3fs import S3FileSystem

        attach("s3", fs=S3FileSystem(key="k", secret="s", endpoint_url=options.s3))
    hook = SailPointHook(CONNECTION)
    hook.get_source(SOURCE)  # as the operator does before it starts; it brings the token, too
    return lambda: hook.load_accounts(SOURCE, options.file)


def _sdk(options: argparse.Namespace) -> Callable[[], object]:
    os.environ["SSL_CERT_FILE"] = options.authority
    os.environ["SAIL_BASE_URL"] = options.url
    os.environ["SAIL_CLIENT_ID"], os.environ["SAIL_CLIENT_SECRET"] = "id-of-the-benchmark", "secret"
    from sailpoint.configuration import Configuration
    from sailpoint.sources.api.sources_api import SourcesApi
    from sailpoint.sources.api_client import ApiClient

    configuration = Configuration()  # gets the token
    configuration.experimental = True
    configuration.suppress_experimental_warnings = True
    api = SourcesApi(ApiClient(configuration))
    return lambda: api.import_accounts_v1_without_preload_content(
        SOURCE, file=options.file, disable_optimization="false"
    )


if __name__ == "__main__":
    main()
