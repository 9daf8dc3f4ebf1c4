"""Unpacking a body, with plain values."""

import gzip
from dataclasses import replace

import pytest

from sailpoint_provider.client.response_body import CHUNK_SIZE, ResponseBody
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS

CALL = replace(endpoints.sources(API_VERSIONS["v1"]), most_bytes=1_000_000)


def body(status=200, call=CALL, **headers):
    return ResponseBody(call, status, {name.replace("_", "-"): value for name, value in headers.items()})


def flow(answer, *chunks):
    return sum(1 for chunk in chunks for _ in answer.add(chunk))


@pytest.mark.parametrize("size", [0, 1, 999_999, 1_000_000])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_as_much_as_is_allowed_is_taken(size, encoding):
    content = b"x" * size
    answer = body(content_encoding=encoding)
    flow(answer, gzip.compress(content) if encoding else content)
    assert answer.content() == content


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_one_byte_more_is_refused(encoding):
    content = b"x" * 1_000_001
    with pytest.raises(ProtocolError, match=r"larger than 0\.953674 MiB"):
        flow(body(content_encoding=encoding), gzip.compress(content) if encoding else content)


def test_a_length_that_is_announced_is_believed_before_anything_is_read():
    with pytest.raises(ProtocolError, match="larger than"):
        body(content_length="1000001")
    body(content_length="1000000")
    body(content_length="many")


def test_an_outer_packing_is_bounded_though_the_inner_one_holds_little():
    hollow = gzip.compress(gzip.compress(b"{}") + bytes(3_000_000))
    with pytest.raises(ProtocolError, match="larger than"):
        flow(body(content_encoding="gzip, gzip"), hollow)


def test_unpacking_goes_in_small_steps():
    assert flow(body(content_encoding="gzip"), gzip.compress(bytes(10 * CHUNK_SIZE))) >= 10


def test_more_packings_than_two_are_refused():
    with pytest.raises(ProtocolError, match="not gzip or deflate"):
        body(content_encoding="gzip, gzip, gzip")


def test_the_body_of_an_error_is_cut():
    answer = body(503, replace(CALL, most_bytes=10))
    flow(answer, b"x" * 8, b"y" * 8, b"z" * 8)
    assert answer.is_full
    assert answer.content() == b"x" * 8 + b"yy"


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_the_body_of_an_error_that_cannot_be_unpacked_is_left_out(encoding):
    answer = body(503, content_encoding=encoding)
    flow(answer, b"no such thing")
    assert answer.content() == b""


def test_of_a_page_more_is_taken_than_of_one_thing():
    one = endpoints.source(API_VERSIONS["v1"], "a" * 32)
    page = endpoints.task_statuses(API_VERSIONS["v1"].path("task-status"), limit=250, offset=0)
    assert (one.most_bytes, page.most_bytes) == (8 * 2**20, 32 * 2**20)
    assert endpoints.running_tasks(API_VERSIONS["v1"], offset=0, types=("X",)).most_bytes == page.most_bytes
