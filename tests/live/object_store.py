"""An S3 server as a process of its own, with a bucket in which files are dropped."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tests.live.processes import clean_environment, free_port
from tests.live.simulator_process import PROJECT

if TYPE_CHECKING:
    from tests.live.processes import Processes

BUCKET = "hr-feeds"
PREFIX = "accounts"
START_SECONDS = 60.0
_KEYS = {"key": "live-tests", "secret": "no-secret-at-all"}


@dataclass(frozen=True)
class ObjectStore:
    """
    A bucket of the server, which keeps every version of every object.

    :param url: address of the server.
    """

    url: str

    @property
    def folder(self) -> str:
        """URL of the watched folder."""
        return f"s3://{BUCKET}/{PREFIX}"

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with which other processes reach the server."""
        return {
            "AWS_ACCESS_KEY_ID": _KEYS["key"],
            "AWS_SECRET_ACCESS_KEY": _KEYS["secret"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def file_system(self) -> Any:
        """Return a client of its own, which knows nothing of what others have listed."""
        import s3fs

        return s3fs.S3FileSystem(**_KEYS, endpoint_url=self.url, skip_instance_cache=True)

    def drop(self, content: bytes, name: str) -> None:
        """Upload a file into the watched folder."""
        self.file_system().pipe_file(f"{BUCKET}/{PREFIX}/{name}", content)

    def objects(self) -> dict[str, bytes]:
        """Return the objects of the watched folder, by their name in it."""
        store = self.file_system()
        return {
            str(path).removeprefix(f"{BUCKET}/{PREFIX}/"): store.cat_file(path)
            for path in store.find(f"{BUCKET}/{PREFIX}")
        }

    def names(self) -> list[str]:
        """Return the names of the objects of the watched folder."""
        found = self.file_system().find(f"{BUCKET}/{PREFIX}")
        return [str(path).removeprefix(f"{BUCKET}/{PREFIX}/") for path in found]

    def ever_written(self) -> list[str]:
        """Return the name of each version of each object, those that were removed since among them."""
        found = self.file_system().call_s3("list_object_versions", Bucket=BUCKET, Prefix=PREFIX)
        return [version["Key"].removeprefix(f"{PREFIX}/") for version in found["Versions"]]


def start_object_store(processes: Processes) -> ObjectStore:
    """Start the server and make the bucket."""
    port = free_port()
    processes.start(
        "object-store",
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        clean_environment(),
        PROJECT,
        serves_others=True,
    )
    store = ObjectStore(f"http://127.0.0.1:{port}")
    processes.wait_until(lambda: _is_up(store.url), "the object store to answer", timeout=START_SECONDS)
    client = store.file_system()
    client.mkdir(BUCKET)
    client.call_s3("put_bucket_versioning", Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return store


def _is_up(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{url}/moto-api/data.json", timeout=5.0).ok
        except requests.RequestException:
            return False
