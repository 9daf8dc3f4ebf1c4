"""The body of a response as JSON."""

import json

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.api.exchange import BIG
from tests.unit.isc.isc_cases import (
    answer,
)


def test_json_keeps_what_it_says():
    document = {"text": "ünï", "number": 1}
    assert answer(body=json.dumps(document).encode("utf-8")).json() == document


def test_a_big_list_is_the_same_in_parts_as_in_one():
    records = [{"number": number, "text": "ünï" * 100} for number in range(3000)]
    body = json.dumps(records).encode()
    assert len(body) > BIG
    assert answer(body=body).json() == records


@pytest.mark.parametrize("body", [b'{"a": "%s"}', b'["%s", NaN]', b'"%s"'])
def test_other_big_bodies_are_read_in_one(body):
    content = body % (b"x" * BIG)
    assert repr(answer(body=content).json()) == repr(json.loads(content))


@pytest.mark.parametrize("body", [b"[" * (BIG + 1), b"[1," * BIG, b"<" * (BIG + 1)])
def test_a_big_body_without_json_is_a_broken_protocol(body):
    with pytest.raises(exceptions.ProtocolError, match="not JSON"):
        answer(body=body).json()
