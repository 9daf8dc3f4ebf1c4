"""What a response means: a value, or an error of one kind with what to do about it."""

from dataclasses import replace

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.responses import error_of, read_response, says_token_expired
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import (
    ISC_ERROR,
    RUN,
    SOURCE,
    SOURCE_CALL,
    V1,
    answer,
    load_accounts,
    task_document,
    tenant,
)

TOKEN = endpoints.token(tenant())


TASK_CALL = endpoints.task_status(V1, RUN)


STATUS_CALL = endpoints.account_aggregation_status(V1, RUN)


@pytest.mark.parametrize(
    ("status", "kind", "final"),
    [
        (400, exceptions.InvalidInputError, True),
        (401, exceptions.AuthenticationError, False),
        (403, exceptions.AccessDeniedError, True),
        (404, exceptions.InvalidInputError, True),
        (405, exceptions.InvalidInputError, True),
        (408, exceptions.TenantUnavailableError, False),
        (410, exceptions.InvalidInputError, True),
        (413, exceptions.InvalidInputError, True),
        (429, exceptions.RateLimitError, False),
        (500, exceptions.TenantUnavailableError, False),
        (501, exceptions.TenantUnavailableError, False),
        (502, exceptions.TenantUnavailableError, False),
        (503, exceptions.TenantUnavailableError, False),
        (504, exceptions.TenantUnavailableError, False),
        (302, exceptions.ProtocolError, False),
        (100, exceptions.TenantUnavailableError, False),
    ],
)
def test_each_status_means_one_kind_of_error(status, kind, final):
    error = error_of(SOURCE_CALL, answer(ISC_ERROR, status))
    assert type(error) is kind
    assert (error.status, error.final, error.exhausted) == (status, final, False)
    assert type(error_of(SOURCE_CALL, answer(body=b"", status=status, slpt_request_id="t"))) is kind
    assert str(error).startswith(f"Could not read source {SOURCE}: ISC returned HTTP {status}")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, exceptions.ProtocolError) for status in (400, 403, 404, 405, 410, 421, 499)),
        (401, exceptions.AuthenticationError),
        (408, exceptions.TenantUnavailableError),
        (429, exceptions.RateLimitError),
        (502, exceptions.TenantUnavailableError),
    ],
)
@pytest.mark.parametrize("call", [SOURCE_CALL, TASK_CALL, STATUS_CALL])
@pytest.mark.parametrize("body", [b"<html>", b"", b'{"message": "Forbidden"}', b'{"detail": "Not Found"}'])
def test_what_another_server_says_is_no_verdict_and_a_retry_may_succeed(status, kind, call, body):
    error = error_of(call, answer(body=body, status=status))
    assert type(error) is kind
    assert (error.status, error.final) == (status, False)


def test_a_file_that_is_too_large_stays_too_large_whoever_says_so():
    error = error_of(SOURCE_CALL, answer(body=b"<html>", status=413))
    assert isinstance(error, exceptions.InvalidInputError)
    assert error.final


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_final(status):
    document = {"error": "invalid_client", "error_description": "Bad client credentials"}
    error = error_of(TOKEN, answer(document, status))
    assert isinstance(error, exceptions.AuthenticationError)
    assert error.final
    assert "invalid_client | Bad client credentials" in str(error)
    assert "login (client ID) and password (client secret)" in str(error)


@pytest.mark.parametrize("call", [TASK_CALL, STATUS_CALL])
def test_a_404_of_a_run_means_an_unknown_aggregation(call):
    error = error_of(call, answer(ISC_ERROR, 404))
    assert isinstance(error, exceptions.UnknownAggregationError)
    assert not error.final


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "Correct what ISC reports"),
        (401, "rejects the token that it has just issued"),
        (403, "needs the scope idn:sources:read"),
        (404, "source ID is correct"),
        (410, "Set a newer api_version"),
        (413, "Do not load it in parts"),
        (429, "Lower requests_per_10s"),
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
def test_a_redirect_is_reported_and_not_followed(location, host):
    error = error_of(SOURCE_CALL, answer({}, 302, location=location))
    assert isinstance(error, exceptions.ProtocolError)
    assert f"redirects to {host!r}" in str(error)


def test_a_good_answer_is_read():
    task = read_response(TASK_CALL, answer(task_document("SUCCESS")))
    assert task.completion_status == "SUCCESS"


def test_a_task_record_of_another_task_is_a_broken_protocol():
    with pytest.raises(exceptions.ProtocolError, match="instead of"):
        read_response(TASK_CALL, answer(task_document(id="b" * 32)))


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html>", b"{", b"\x80\x81", b"[" * 100_000])
def test_a_good_status_without_json_is_a_broken_protocol(body, status):
    with pytest.raises(exceptions.ProtocolError, match=r"Could not read source .* not JSON") as failure:
        read_response(
            SOURCE_CALL, answer(body=body, status=status, content_type="text/html", slpt_request_id="t")
        )
    assert failure.value.status == status
    assert failure.value.tracking_id == "t"
    assert "text/html" in str(failure.value)


def test_an_empty_page_of_tasks_may_be_reported_by_204():
    call = endpoints.task_statuses(V1.path("task-status"), limit=250, offset=0)
    assert read_response(call, answer(body=b"", status=204)) == []
    assert read_response(call, answer([task_document()]))[0].id == RUN


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "JWT validation failed: JWT is expired"}',
        b'{"message": "The jwt has Expired."}',
        b'{"messages": [{"text": "JWT is expired"}]}',
        b'{"causes": [{"text": "JWT is expired"}]}',
        b"JWT is expired",
    ],
)
def test_a_400_that_says_so_is_a_token_that_is_no_longer_accepted(body):
    refusal = answer(body=body, status=400, slpt_request_id="t")
    assert says_token_expired(refusal)
    error = error_of(SOURCE_CALL, refusal)
    assert type(error) is exceptions.AuthenticationError
    assert not error.final
    assert error.status == 400
    assert "rejects the token that it has just issued" in str(error)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"error": "JWT is expired"}', 403),
        (b'{"error": "The password of the source has expired"}', 400),
        (b'{"error": "JWT is malformed"}', 400),
        (b'{"error": {"text": 1}}', 400),
        (b"", 400),
    ],
)
def test_any_other_refusal_is_not(body, status):
    assert not says_token_expired(answer(body=body, status=status))


def test_a_token_request_is_not_about_an_expired_token():
    error = error_of(TOKEN, answer({"error": "JWT is expired"}, 400))
    assert error.final


ISC_BODIES = [
    {"detailCode": "405 Method Not Allowed"},
    {"trackingId": "3f9a0a7d"},
    {"messages": []},
    {"error": "JWT validation failed"},
]


@pytest.mark.parametrize("document", ISC_BODIES)
def test_a_body_in_a_shape_of_isc_is_called_its_answer(document):
    assert "ISC returned HTTP 405" in str(error_of(SOURCE_CALL, answer(document, 405)))


def test_the_request_id_and_the_text_of_the_rate_limit_are_evidence_too():
    assert "ISC returned HTTP 405" in str(
        error_of(SOURCE_CALL, answer(body=b"", status=405, slpt_request_id="t"))
    )
    rate_limit = {"message": " Rate Limit Exceeded "}
    assert "ISC returned HTTP 429" in str(error_of(SOURCE_CALL, answer(rate_limit, 429)))


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (
            b"<html>",
            {"content_type": "text/html; charset=utf-8"},
            "with text/html, which is not an ISC error",
        ),
        (b"", {"content_type": "text/html"}, "with an empty body, which is not an ISC error"),
        (b"oops", {}, "with a body without a content type, which is not an ISC error"),
        (b'{"detail": "Not Found"}', {"content_type": "application/json"}, "with application/json, which is"),
        (b'{"message": "Forbidden"}', {"content_type": "application/json"}, ", Forbidden"),
    ],
)
def test_another_answer_is_called_that_of_its_host(body, headers, words):
    stranger = replace(answer(body=body, status=405, **headers), host="acme.example:8443")
    error = error_of(SOURCE_CALL, stranger)
    assert type(error) is exceptions.ProtocolError
    assert "acme.example:8443 returned HTTP 405" in str(error)
    assert words in str(error)
    assert "ISC returned" not in str(error)
    assert "Check the connection's host and any proxy or gateway in between." in str(error)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_token_address_that_is_not_iscs_is_reported_beside_the_credentials(status):
    error = error_of(TOKEN, answer(body=b"<html>", status=status, content_type="text/html"))
    assert isinstance(error, exceptions.ProtocolError)
    assert not error.final
    assert "login (client ID) and password" in str(error)
    assert "host and token_url and any proxy" in str(error)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_refused_status_names_the_user_levels_and_no_scope(api_version):
    call = endpoints.account_aggregation_status(API_VERSIONS[api_version], RUN)
    words = str(error_of(call, answer(ISC_ERROR, 403)))
    assert "needs a personal access token, not a scope" in words
    assert "ORG_ADMIN, SOURCE_ADMIN, SOURCE_SUBADMIN" in words
    assert ("DASHBOARD" in words) is (api_version == "beta")


def test_columns_that_differ_in_writing_are_explained_beside_iscs_words():
    text = 'Column: "[ID;Name]" is unknown and/or column: "[id, name]" is missing'
    document = ISC_ERROR | {"messages": [{"text": text}]}
    error = error_of(load_accounts(V1, SOURCE), answer(document, 400))
    assert text in str(error)
    assert "separates its columns with semicolons" in str(error)
    assert "separates its columns" not in str(error_of(SOURCE_CALL, answer(document, 400)))


def test_the_first_row_of_a_file_without_a_header_is_not_in_the_error():
    row = ", ".join(["E10442", "Some Name", *(f"value {number}" for number in range(100))])
    text = f'Column: "[{row}]" is unknown and/or column: "[id, name]" is missing'
    error = error_of(load_accounts(V1, SOURCE), answer(ISC_ERROR | {"messages": [{"text": text}]}, 400))
    assert "[102 names of the first line]" in str(error)
    assert "Some Name" not in str(error)


@pytest.mark.parametrize("value", ["1790000000", "1e308", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_of_years_is_obeyed_for_an_hour(value):
    throttled = answer(ISC_ERROR, 429, **{"retry-after": value})
    assert error_of(SOURCE_CALL, throttled).retry_after == 3600.0
