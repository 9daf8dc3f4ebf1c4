import json
from email.utils import formatdate

import pytest
from isc_cases import NOON, RUN, SOURCE, answer, task_document, tenant

from sailpoint_provider.isc import calls, errors
from sailpoint_provider.isc.answers import error_of, read_answer, retry_after
from sailpoint_provider.isc.diagnosis import diagnose
from sailpoint_provider.isc.generations import GENERATIONS

V1 = GENERATIONS["v1"]
TOKEN = calls.token(tenant())
SOURCE_CALL = calls.source(V1, SOURCE)
TASK_CALL = calls.task_status(V1, RUN)
STATUS_CALL = calls.account_aggregation_status(V1, RUN)
ISC_ERROR = {
    "detailCode": "400.1.3 Illegal value",
    "trackingId": "3f9a0a7d",
    "messages": [
        {"locale": "en-US", "localeOrigin": "DEFAULT", "text": 'Column: "[x]" is unknown'},
        {"locale": "de-DE", "text": 'Column: "[x]" is unknown'},
        {"text": "Something else"},
        {"text": None},
        "no object",
    ],
    "causes": [],
}


@pytest.mark.parametrize(
    ("status", "kind", "final"),
    [
        (400, errors.InvalidInputError, True),
        (401, errors.AuthenticationError, False),
        (403, errors.AccessDeniedError, True),
        (404, errors.InvalidInputError, True),
        (405, errors.InvalidInputError, True),
        (408, errors.TenantUnavailableError, False),
        (410, errors.InvalidInputError, True),
        (413, errors.InvalidInputError, True),
        (429, errors.RateLimitError, False),
        (500, errors.TenantUnavailableError, False),
        (501, errors.TenantUnavailableError, False),
        (502, errors.TenantUnavailableError, False),
        (503, errors.TenantUnavailableError, False),
        (504, errors.TenantUnavailableError, False),
        (302, errors.ProtocolError, False),
        (100, errors.TenantUnavailableError, False),
    ],
)
def test_each_status_means_one_kind_of_error(status, kind, final):
    error = error_of(SOURCE_CALL, answer(ISC_ERROR, status))
    assert type(error) is kind
    assert (error.status, error.final, error.exhausted) == (status, final, False)
    assert type(error_of(SOURCE_CALL, answer(body=b"<html>", status=status))) is kind
    assert str(error).startswith(f"Could not read source {SOURCE}: ISC answered HTTP {status}")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_final(status):
    document = {"error": "invalid_client", "error_description": "Bad client credentials"}
    error = error_of(TOKEN, answer(document, status))
    assert isinstance(error, errors.AuthenticationError)
    assert error.final
    assert "invalid_client | Bad client credentials" in str(error)
    assert "login (client id) and password (client secret)" in str(error)


@pytest.mark.parametrize("call", [TASK_CALL, STATUS_CALL])
def test_a_404_of_a_run_means_an_unknown_aggregation(call):
    error = error_of(call, answer({}, 404))
    assert isinstance(error, errors.UnknownAggregationError)
    assert not error.final


def test_an_error_of_isc_is_told_in_its_own_words():
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
def test_other_bodies_of_errors_are_told_too(document, words):
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


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "correct what ISC names"),
        (401, "rejects the token that it has just issued"),
        (403, "needs the scope idn:sources:read"),
        (404, "Is the source id right"),
        (410, "set a newer api_version"),
        (413, "split it"),
        (429, "lower requests_per_10s"),
    ],
)
def test_an_error_says_what_to_do(status, advice):
    assert advice in str(error_of(SOURCE_CALL, answer(ISC_ERROR, status)))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://login.example.com/a?b=c", "login.example.com"),
        ("/elsewhere", "the same host"),
        ("", "the same host"),
    ],
)
def test_a_redirect_is_told_and_not_followed(location, host):
    error = error_of(SOURCE_CALL, answer({}, 302, location=location))
    assert isinstance(error, errors.ProtocolError)
    assert f"redirects to {host!r}" in str(error)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("1e999", None),
    ],
)
def test_retry_after_may_be_seconds(value, expected):
    assert retry_after(answer(retry_after=value)) == expected


def test_retry_after_may_be_missing():
    assert retry_after(answer({})) is None


def test_retry_after_as_a_date_is_read_by_the_clock_of_the_server():
    wish = answer(retry_after=formatdate(NOON + 3607, usegmt=True), date=formatdate(NOON + 3600, usegmt=True))
    assert retry_after(wish) == 7.0


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "yesterday"}])
def test_retry_after_as_a_date_is_read_by_the_own_clock_where_the_server_tells_none(date):
    assert retry_after(answer(retry_after=formatdate(NOON + 7, usegmt=True), **date)) == 7.0


@pytest.mark.parametrize("zone", ["-0000", ""])
@pytest.mark.parametrize("server_zone", ["-0000", "", "GMT", "+0000"])
def test_dates_without_a_zone_are_utc(zone, server_zone):
    noon = "Tue, 14 Nov 2023 22:13:"
    assert formatdate(NOON, usegmt=True) == f"{noon}20 GMT"
    wish = answer(retry_after=f"{noon}27 {zone}".strip(), date=f"{noon}20 {server_zone}".strip())
    assert retry_after(wish) == 7.0


def test_a_date_that_has_passed_means_at_once():
    assert retry_after(answer(retry_after=formatdate(NOON - 60, usegmt=True))) == 0.0


def test_an_error_carries_the_wish_to_wait():
    assert error_of(SOURCE_CALL, answer({}, 429, retry_after="9")).retry_after == 9.0
    assert error_of(SOURCE_CALL, answer({}, 503)).retry_after is None


def test_a_good_answer_is_read():
    task = read_answer(TASK_CALL, answer(task_document("SUCCESS")))
    assert task.completion_status == "SUCCESS"


def test_a_task_record_of_another_task_is_a_broken_protocol():
    with pytest.raises(errors.ProtocolError, match="instead of"):
        read_answer(TASK_CALL, answer(task_document(id="b" * 32)))


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html>", b"{", b"\x80\x81", b"[" * 100_000])
def test_a_good_status_without_json_is_a_broken_protocol(body, status):
    with pytest.raises(errors.ProtocolError, match=r"Could not read source .* no JSON") as failure:
        read_answer(
            SOURCE_CALL, answer(body=body, status=status, content_type="text/html", slpt_request_id="t")
        )
    assert failure.value.status == status
    assert failure.value.tracking_id == "t"
    assert "text/html" in str(failure.value)


def test_an_empty_page_of_tasks_may_be_told_by_204():
    call = calls.task_statuses(V1, filters=None, sorters=None, limit=250, offset=0)
    assert read_answer(call, answer(body=b"", status=204)) == []
    assert read_answer(call, answer([task_document()]))[0].id == RUN


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (errors.AuthenticationError("x", status=401), "Credentials refused"),
        (errors.AccessDeniedError("x", status=403), "Scope or user level missing"),
        (errors.RateLimitError("x", status=429), "Rate limit reached"),
        (errors.TenantUnavailableError("x"), "Host unreachable"),
        (errors.TenantUnavailableError("x", status=503), "Tenant unavailable"),
        (errors.InvalidInputError("x", status=404), "Wrong host or API generation"),
        (errors.InvalidInputError("x", status=410), "Wrong host or API generation"),
        (errors.ProtocolError("x"), "No Identity Security Cloud API at this host"),
        (errors.InvalidInputError("x"), "Connection incomplete or wrong"),
        (errors.SailPointError("x"), "Connection incomplete or wrong"),
    ],
)
def test_the_test_of_a_connection_names_the_part_that_is_wrong(error, part):
    assert diagnose(error) == f"{part}: x"


def test_json_keeps_what_it_says():
    document = {"text": "ünï", "number": 1}
    assert answer(body=json.dumps(document).encode("utf-8")).json() == document
