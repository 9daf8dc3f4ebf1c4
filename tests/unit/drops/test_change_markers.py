"""A file that another one of the same size and time replaces, on the stores that say so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sailpoint_provider.drops.places import place_at


# What s3fs, adlfs and gcsfs tell of an object.
@pytest.mark.parametrize("tag", ["ETag", "etag", "generation", "md5Hash", "content_md5", "md5"])
def test_a_file_that_was_replaced_within_a_second_has_another_marker(memory_folder, monkeypatch, tag):
    store = type(memory_folder.fs)
    info = store.info
    same_time = {"LastModified": datetime(2026, 1, 1, tzinfo=UTC), "created": None}

    def tagged(self, path, **options):
        found = info(self, path, **options)
        return found | same_time | ({tag: memory_folder.fs.cat_file(path).hex()} if found["size"] else {})

    monkeypatch.setattr(store, "info", tagged)
    markers = []
    for content in ("id\n1\n", "id\n2\n"):
        memory_folder.drop("hr.csv", content)
        markers.append(place_at(memory_folder.url).entry("hr.csv").marker)
    assert markers[0] != markers[1]
