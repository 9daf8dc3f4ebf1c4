"""The object-store example: an object in a bucket starts a run, is loaded, and is filed in the bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sailpoint_provider.drops.conditional_writes import create_once
from tests.live.account_files import AccountFile
from tests.live.file_drop import STORE_DAG_ID
from tests.live.object_store import BUCKET, PREFIX

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop
    from tests.live.object_store import ObjectStore

# One worker runs this with the other live tests, because they share one Airflow.

ACCOUNTS = 40
SOURCE_NAME = "Contractors Delimited File"


def test_an_object_is_taken_by_a_conditional_write_loaded_and_filed(
    file_drop: FileDrop, object_store: ObjectStore
) -> None:
    header = file_drop.tenant.file_header(SOURCE_NAME)
    content = AccountFile.numbered(ACCOUNTS).content(header)
    follower = file_drop.follow_first_run_after(
        STORE_DAG_ID, lambda: object_store.drop(content, "contractors-monday.csv")
    )
    run = file_drop.follow_to_end(follower)

    result = file_drop.api.xcom(run, "load", map_index=0)
    assert (result["state"], result["accounts"]["created"]) == ("succeeded", ACCOUNTS)
    assert file_drop.tenant.accounts_held(SOURCE_NAME) == ACCOUNTS

    objects = object_store.objects()
    filed = {name: kept for name, kept in objects.items() if not name.startswith(".sailpoint/")}
    ((name, kept),) = filed.items()
    assert name.startswith("loaded/")
    assert name.endswith("/contractors-monday.csv")
    assert kept == content

    records = {
        name: json.loads(kept) for name, kept in objects.items() if name.startswith(".sailpoint/sources/")
    }
    assert [record["kind"] for _, record in sorted(records.items())] == ["taken", "filing", "filed"]
    # Each record was written once, and not by way of leases, which the store would remember.
    written = object_store.ever_written()
    assert [written.count(name) for name in records] == [1, 1, 1]
    assert not [name for name in written if ".lease-" in name]
    # The store itself refuses a rival's record.
    first = min(records)
    assert not create_once(object_store.file_system(), f"{BUCKET}/{PREFIX}/{first}", b"a rival's")
    assert object_store.objects()[first] == objects[first]
