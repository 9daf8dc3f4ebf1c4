"""Requests that a user wrote: what cannot be sent is refused, without a secret in the error."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.raw import raw_request
from tests.unit.isc.isc_cases import SECRET


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": None}, "method=None is not one of GET"),
        ({"path": 5}, "path=5 is not text"),
        ({"path": b"/x"}, "path=b'/x' is not text"),
        ({"data": 5}, "data must be text, bytes, or a mapping to send URL-encoded, not an int"),
        ({"data": True}, "not a bool"),
        ({"data": [("a", SECRET)]}, "data must be .*, not a list. Use json for a JSON body"),
        ({"data": {5: SECRET}}, "data has the name 5; a name must be text"),
        ({"headers": {"X": 5}}, "The value of the header 'X' must be text, not an int"),
        ({"headers": {"X": SECRET.encode()}}, "The value of the header 'X' must be text, not a bytes"),
        ({"headers": {5: SECRET}}, "headers has the name 5"),
        ({"headers": [("X", SECRET)]}, "headers must be a mapping of names to values, not a list"),
        ({"timeout": "5"}, "timeout='5' is not a positive number of seconds"),
        ({"timeout": True}, "timeout=True is not a positive number"),
        ({"timeout": float("nan")}, "timeout=nan is not a positive number"),
        ({"params": f"a={SECRET}"}, "params must be a mapping or pairs of a name and a value, not a str"),
        ({"params": b"a=b"}, "params must be .*, not a bytes"),
        ({"params": 5}, "params must be .*, not an int"),
        ({"params": ["ab"]}, "must consist of pairs of a name and a value, but contains a str instead"),
        ({"params": [("a", SECRET, "c")]}, "but contains a tuple instead"),
        ({"params": {None: SECRET}}, "params has the name None"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name_without_secrets(arguments, says):
    with pytest.raises(InvalidInputError, match=says) as refusal:
        raw_request(**{"method": "POST", "path": "/x"} | arguments)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("params", [{"a": [1, 2]}, [("a", 1), ["a", 2]], iter([("a", 1), ("a", 2)])])
def test_parameters_are_a_mapping_or_pairs(params):
    assert raw_request("GET", "/x", params=params).query == (("a", "1"), ("a", "2"))


@pytest.mark.parametrize("data", [b"ab", bytearray(b"ab"), memoryview(b"ab"), "ab"])
def test_bytes_of_every_kind_are_sent_as_they_are(data):
    assert raw_request("POST", "/x", data=data).content == b"ab"
