"""No secret, token or proxy password is shown by anything that may be printed or logged."""

import json
import pickle

import pytest

from sailpoint_provider.exceptions import ProtocolError, SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.responses import error_of, read_response
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.tenant.oauth import Token, read_token
from tests.unit.isc.isc_cases import SECRET, SOURCE, answer, tenant

TOKEN = "eyJhbGciOiJub25lIn0.tokenvalue"
PASSWORD = "pr0xyword"


def shown(value):
    return f"{value} {value!r} {[value]} {value.__dict__ if isinstance(value, Exception) else ''}"


def test_a_tenant_shows_neither_its_secret_nor_its_proxies():
    text = shown(tenant(extra={"proxies": f"http://user:{PASSWORD}@proxy:3128"}))
    assert SECRET not in text
    assert PASSWORD not in text
    assert "acme.api.identitynow.com" in text


def test_a_token_does_not_show_its_value():
    assert TOKEN not in shown(Token(TOKEN, 750))


def test_the_token_request_shows_no_secret():
    call = endpoints.token(tenant())
    assert SECRET not in shown(call)
    assert SECRET in dict(call.form).values()


def test_the_secret_goes_into_the_body_and_never_into_the_address():
    call = endpoints.token(tenant())
    assert call.query == ()
    assert SECRET not in call.path
    assert dict(call.form) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": SECRET,
    }


def test_an_answer_without_a_token_is_not_shown():
    body = json.dumps({"refresh_token": TOKEN}).encode()
    with pytest.raises(ProtocolError) as failure:
        read_response(endpoints.token(tenant()), answer(body=body))
    assert TOKEN not in shown(failure.value)


@pytest.mark.parametrize(
    "value", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN} and more", f"{TOKEN}\u2713", f"{TOKEN}\x00"]
)
def test_a_token_that_cannot_stand_in_a_header_is_refused_and_not_shown(value):
    with pytest.raises(ProtocolError) as failure:
        read_token({"access_token": value})
    assert TOKEN not in shown(failure.value)


def test_an_answer_that_is_no_json_is_not_shown():
    with pytest.raises(ProtocolError) as failure:
        answer(body=f"<html>{TOKEN}</html>".encode()).json()
    assert TOKEN not in shown(failure.value)


def test_an_error_does_not_hold_the_body_that_it_was_made_of():
    call = endpoints.source(API_VERSIONS["v1"], SOURCE)
    error = error_of(call, answer({"token": TOKEN, "detailCode": "400"}, 400))
    assert TOKEN not in shown(error)


def test_an_error_survives_pickling_with_all_it_knows():
    error = SailPointError(
        "words", status=400, detail_code="400.1", tracking_id="t", retry_after=3.0, final=True
    )
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == "words"
    assert copy.__dict__ == error.__dict__
