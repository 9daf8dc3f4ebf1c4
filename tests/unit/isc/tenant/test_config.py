import json

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.versions import API_VERSIONS, parse_api_version
from sailpoint_provider.isc.tenant.connection_fields import EXTRA_FIELDS
from tests.unit.isc.isc_cases import SECRET, tenant

PROXY = "http://user:pr0xyword@proxy.example.com:3128"
NUMBERS = ("timeout", "upload_timeout", "requests_per_10s")


def test_a_tenant_has_sensible_defaults():
    plain = tenant()
    assert plain.api_version is API_VERSIONS["v1"]
    assert (plain.timeout, plain.upload_timeout, plain.requests_per_10s) == (30.0, 300.0, 50.0)
    assert plain.ca_file is None
    assert plain.proxies == ()


@pytest.mark.parametrize("extra", [None, "", "{}", {}, json.dumps(dict.fromkeys(EXTRA_FIELDS, ""))])
def test_an_empty_extra_is_the_same_as_none(extra):
    assert tenant(extra=extra) == tenant()


@pytest.mark.parametrize("empty", ["", "  ", None, {}])
@pytest.mark.parametrize("key", EXTRA_FIELDS)
def test_an_empty_value_means_not_set(key, empty):
    assert tenant(extra={key: empty}) == tenant()


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7.0 ", "7e0"])
@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_may_be_text(key, value):
    assert getattr(tenant(extra={key: value}), key) == 7.0


@pytest.mark.parametrize("value", [0, -1, "0", "-3", "soon", True, False, "nan", "inf", [5], {"s": 5}])
@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_that_cannot_work_are_refused_by_name(key, value):
    with pytest.raises(InvalidInputError, match=f"'{key}'.*above 0"):
        tenant(extra={key: value})


def test_extra_may_be_text_of_a_json_object():
    assert tenant(extra='{"api_version": "beta", "timeout": "5"}').api_version.name == "beta"


@pytest.mark.parametrize("extra", ["{", "[]", '"v1"', "null", "7", ["v1"]])
def test_extra_that_is_no_json_object_is_refused(extra):
    with pytest.raises(InvalidInputError, match="extra"):
        tenant(extra=extra)


def test_unknown_keys_are_refused_by_name_and_their_values_are_not_shown():
    with pytest.raises(InvalidInputError, match="unknown keys: 'client_secret', 'timeuot'") as refusal:
        tenant(extra={"timeuot": 3, "client_secret": SECRET})
    assert SECRET not in str(refusal.value)
    assert all(key in str(refusal.value) for key in EXTRA_FIELDS)


def test_an_unknown_key_without_a_value_is_ignored():
    assert tenant(extra={"extra__sailpoint__old": ""}) == tenant()


@pytest.mark.parametrize("key", ["api_version", "token_url"])
def test_texts_must_be_text(key):
    with pytest.raises(InvalidInputError, match=f"'{key}'.*must be text"):
        tenant(extra={key: 2024})


@pytest.mark.parametrize("value", [True, "true", " True "])
def test_verify_true_means_the_usual_authorities(value):
    assert tenant(extra={"verify": value}).ca_file is None


@pytest.mark.parametrize("value", [False, "false", "FALSE", 0, 1, ["ca.pem"]])
def test_verify_cannot_be_switched_off(value):
    with pytest.raises(InvalidInputError, match="TLS is always verified"):
        tenant(extra={"verify": value})


def test_verify_may_name_a_file():
    assert tenant(extra={"verify": " /etc/ca.pem "}).ca_file == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PROXY, (("all", PROXY),)),
        ("proxy.example.com:3128", (("all", "http://proxy.example.com:3128"),)),
        ({"https": PROXY}, (("https", PROXY),)),
        (json.dumps({"https": PROXY}), (("https", PROXY),)),
        ({"http": "a:1", "all": "b:2"}, (("http", "http://a:1"), ("all", "http://b:2"))),
    ],
)
def test_proxies_may_be_one_address_or_a_table(value, expected):
    assert tenant(extra={"proxies": value}).proxies == expected


@pytest.mark.parametrize(
    "value",
    [
        [PROXY],
        7,
        True,
        '{"https": ',
        {"ftp": PROXY},
        {"https://acme.api.identitynow.com": PROXY},
        {"https": None},
        {"https": ""},
        {"https": [PROXY]},
        PROXY.replace("http:", "socks5:"),
    ],
)
def test_proxies_of_another_form_are_refused_and_not_shown(value):
    with pytest.raises(InvalidInputError) as refusal:
        tenant(extra={"proxies": value})
    assert "pr0xyword" not in str(refusal.value)


@pytest.mark.parametrize("field", ["login", "password"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_credentials_must_be_there(field, value):
    with pytest.raises(InvalidInputError, match=f"no {field}"):
        tenant(**{field: value})


def test_blanks_around_credentials_are_taken_away():
    spaced = tenant(login=" client\n", password=f" {SECRET}\n")
    assert (spaced.client_id, spaced.client_secret) == ("client", SECRET)


@pytest.mark.parametrize("name", API_VERSIONS)
def test_every_api_version_can_be_chosen(name):
    assert tenant(extra={"api_version": f" {name.upper()} "}).api_version.name == name


def test_a_api_version_given_beside_extra_takes_precedence():
    assert tenant(extra={"api_version": "beta"}, api_version="v2025").api_version.name == "v2025"


def test_v3_is_refused_with_the_reason():
    with pytest.raises(InvalidInputError, match=r"v3 can neither start .* Use one of v1, v2026"):
        tenant(extra={"api_version": "V3"})


@pytest.mark.parametrize("name", ["v2", "v2027", "latest", "../v1", "v1\n/x"])
def test_an_unknown_api_version_is_refused(name):
    with pytest.raises(InvalidInputError, match="there is no such API version"):
        parse_api_version(name)


def test_the_table_of_api_versions_holds_the_documented_paths():
    assert API_VERSIONS["v1"].path("sources") == "/sources/v1"
    assert API_VERSIONS["v1"].path("account-aggregations") == "/account-aggregations/v1"
    assert API_VERSIONS["v1"].path("task-status") == "/task-status/v1"
    for name in ("v2026", "v2025", "v2024", "beta"):
        assert API_VERSIONS[name].path("sources") == f"/{name}/sources"
        assert API_VERSIONS[name].path("account-aggregations") == f"/{name}/account-aggregations"
        assert API_VERSIONS[name].path("task-status") == f"/{name}/task-status"
    with_pending = {name for name, one in API_VERSIONS.items() if one.pending_tasks}
    assert with_pending == {"beta", "v2024"}
    assert API_VERSIONS["beta"].pending_tasks == "/beta/task-status/pending-tasks"
