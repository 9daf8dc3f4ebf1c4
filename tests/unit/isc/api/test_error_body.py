"""The body of an error: messages, causes, and what ISC does not document."""

import pytest

from sailpoint_provider.isc.api.responses import error_of
from tests.unit.isc.isc_cases import ISC_ERROR, SOURCE_CALL, answer


def test_an_error_of_isc_is_reported_in_its_own_words():
    error = error_of(SOURCE_CALL, answer(ISC_ERROR, 400))
    assert error.detail_code == "400.1.3 Illegal value"
    assert error.tracking_id == "3f9a0a7d"
    assert 'HTTP 400, 400.1.3 Illegal value, Column: "[x]" is unknown | Something else' in str(error)
    assert "trackingId 3f9a0a7d" in str(error)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"error": "JWT validation failed: JWT is expired"}, "JWT validation failed: JWT is expired"),
        ({"message": " Rate Limit Exceeded "}, "Rate Limit Exceeded"),
        ({"formatted_msg": "formatted"}, "formatted"),
        ({"messages": [], "message": "plain"}, "plain"),
    ],
)
def test_other_bodies_of_errors_are_reported_too(document, words):
    assert words in str(error_of(SOURCE_CALL, answer(document, 400)))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"7", b"\xff\xfe\xff", b"{"])
def test_a_body_of_another_shape_leaves_the_status_to_tell(body):
    error = error_of(SOURCE_CALL, answer(body=body, status=500, slpt_request_id="from-the-header"))
    assert error.tracking_id == "from-the-header"
    assert error.detail_code is None


def test_long_words_are_cut():
    error = error_of(SOURCE_CALL, answer({"message": "x" * 5000}, 400))
    assert "x" * 500 + "…" in str(error)
    assert "x" * 501 not in str(error)


def test_causes_are_reported_beside_messages_and_each_text_once():
    document = {
        "detailCode": "400.1 Bad Request Content",
        "messages": [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": "The request was wrong."}],
        "causes": [
            {"locale": "en-US", "localeOrigin": "REQUEST", "text": "The file has no header."},
            {"text": "The request was wrong."},
            {"text": None},
            "no object",
        ],
    }
    words = str(error_of(SOURCE_CALL, answer(document, 400)))
    assert "The request was wrong. | The file has no header." in words
    assert words.count("The request was wrong.") == 1


@pytest.mark.parametrize("causes", [None, {}, "text", 7])
def test_causes_of_another_shape_are_passed_over(causes):
    document = ISC_ERROR | {"causes": causes}
    assert "Something else" in str(error_of(SOURCE_CALL, answer(document, 400)))
