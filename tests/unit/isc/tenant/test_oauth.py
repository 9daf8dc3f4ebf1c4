import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.tenant.oauth import read_token


@pytest.mark.parametrize(
    ("lifetime", "usable"),
    [(43200, 43140), (750, 690), (300, 240), (299, 239.2), (60, 48), (15, 12), ("15", 12), (1, 0.8)],
)
def test_a_token_is_used_until_shortly_before_its_end(lifetime, usable):
    token = read_token({"access_token": "abc", "expires_in": lifetime})
    assert token.usable_for == pytest.approx(usable)
    assert 0 < token.usable_for < token.lifetime


@pytest.mark.parametrize("lifetime", [None, "soon", 0, -5, "0", [], {}, "nan", "inf", float("nan")])
def test_a_lifetime_that_is_none_counts_as_five_minutes(lifetime):
    assert read_token({"access_token": "abc", "expires_in": lifetime}).usable_for == 240


def test_a_missing_lifetime_counts_as_five_minutes():
    assert read_token({"access_token": " abc "}).usable_for == 240


@pytest.mark.parametrize(
    "document", [None, [], "abc", {}, {"access_token": None}, {"access_token": " "}, {"access_token": 7}]
)
def test_an_answer_without_a_token_is_a_broken_protocol(document):
    with pytest.raises(ProtocolError, match="returned no access_token"):
        read_token(document)
