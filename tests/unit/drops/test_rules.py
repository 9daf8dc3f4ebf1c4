"""A folder is described once; what cannot work is refused when the DAG is parsed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.drops.names import DropSource
from sailpoint_provider.exceptions import InvalidInputError
from tests.unit.drops.drop_cases import HR


def folder(url="/data/hr", **changed):
    return SailPointDropFolder(url, **({"source_name": "HR"} | changed))


def test_a_description_survives_json_and_a_newer_version():
    given = folder(
        source_name=None, sources={"hr-*": HR}, quiet_for=timedelta(minutes=2), pattern="hr-*", recursive=True
    )
    described = json.loads(json.dumps(given.to_json())) | {"added_later": 1}
    assert SailPointDropFolder.from_json(described).rules == given.rules
    assert given.rules.quiet_for == 120.0
    assert given.rules.source_of("hr-1.csv") == DropSource(source_id=HR)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"url": "data/hr"}, "must be an absolute path or a URL"),
        ({"url": "s3://user:pass@bucket/x"}, "no password"),
        ({"url": "https://host/x?sig=1"}, "no password, query"),
        ({"url": "s3:///x"}, "no bucket"),
        ({"source_name": None}, "exactly one of"),
        ({"source_id": HR}, "exactly one of"),
        ({"source_id": "12", "source_name": None}, "32 hex"),
        ({"complete": "soon"}, "renamed, companion, quiet"),
        ({"quiet_for": 0}, "above 0"),
        ({"scan_interval": True}, "above 0"),
        ({"loaded": "../out"}, "subfolder"),
        ({"loaded": "/mnt/out"}, "subfolder"),
        ({"refused": ".sailpoint"}, "subfolder"),
        ({"refused": "loaded"}, "three different"),
        ({"pattern": ()}, "pattern"),
        ({"sources": {"*.csv": 5}, "source_name": None}, "sources must map"),
    ],
)
def test_what_cannot_work_is_refused(changed, reason):
    with pytest.raises(InvalidInputError, match=reason) as failure:
        folder(**changed)
    assert failure.value.final
    assert "pass" not in str(failure.value).replace("password", "")


def test_what_a_trigger_stored_and_cannot_be_read_is_refused():
    with pytest.raises(InvalidInputError, match="does not describe"):
        SailPointDropFolder.from_json({"source_name": "HR"})


def test_paths_are_the_same_folder_however_they_are_written():
    assert folder("/data//hr/").rules.url == folder("file:///data/hr").rules.url == "/data/hr"
    assert folder("s3://conn@bucket/x/").rules.url == "s3://conn@bucket/x"


def test_a_store_is_listed_less_often_than_a_disk():
    assert folder().rules.seconds_between_scans == 2.0
    assert folder("s3://bucket/x").rules.seconds_between_scans == 10.0
    assert folder(scan_interval=7).rules.seconds_between_scans == 7.0


def test_assets_of_one_place_collide_only_if_they_are_the_same_files():
    one, same, other = folder(), folder(quiet_for=5), folder(pattern="hr-*.csv")
    keys = {(asset.name, asset.uri) for asset in (one.asset(), same.asset(), other.asset())}
    assert len(keys) == 2
    assert len({name for name, _ in keys}) == len({uri for _, uri in keys}) == 2


@pytest.mark.parametrize("url", ["/data/hr", "s3://conn@bucket/a b/x", "gs://b/x", "abfs://c@acct/x"])
def test_an_asset_is_valid_for_airflow_and_stable(url):
    asset = folder(url).asset()
    assert asset == folder(url).asset()
    assert asset.uri.startswith("x-sailpoint-drops://")
    class_path, kwargs = asset.watchers[0].trigger.serialize()
    assert class_path == "sailpoint_provider.triggers.drops.SailPointDropWatcherTrigger"
    assert json.loads(json.dumps(kwargs)) == kwargs == {"folder": folder(url).to_json()}
