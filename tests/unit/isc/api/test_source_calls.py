import pytest

from sailpoint_provider.exceptions import AccessDeniedError, InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.api.source_calls import AccountSchema, account_columns, account_schema
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import SOURCE, answer

V1 = API_VERSIONS["v1"]
COLUMNS = account_columns(V1, SOURCE)
SCHEMA = account_schema(V1, SOURCE)


def csv_answer(body, content_type="text/csv"):
    return answer(body=body, content_type=content_type)


@pytest.mark.parametrize("api_version", API_VERSIONS.values(), ids=API_VERSIONS)
def test_both_calls_read_below_the_source_and_name_their_scope(api_version):
    columns, key = account_columns(api_version, SOURCE), account_schema(api_version, SOURCE)
    assert columns.path == f"{api_version.path('sources')}/{SOURCE}/schemas/accounts"
    assert key.path == f"{api_version.path('sources')}/{SOURCE}/schemas"
    assert key.query == (("include-names", "account"),)
    for call in (columns, key):
        assert (call.method, call.safe_to_repeat, call.scope) == ("GET", True, "idn:source-schema:read")


def test_the_header_row_is_asked_for_as_csv():
    assert dict(COLUMNS.headers)["Accept"].startswith("text/csv")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"id,name,e-mail", "text/csv"),
        (b"id,name,e-mail\n", "text/csv;charset=UTF-8"),
        (b"\xef\xbb\xbfid,name,e-mail\r\n\r\n", "Text/CSV"),
        (b'"id","name",e-mail\n', "text/csv"),
    ],
)
def test_a_header_row_is_read_however_it_is_written(body, content_type):
    assert read_response(COLUMNS, csv_answer(body, content_type)) == ("id", "name", "e-mail")


def test_names_keep_their_case_their_blanks_and_what_is_quoted():
    body = '" Id","a ""b"", c","Straße\n2"\n'.encode()
    assert read_response(COLUMNS, csv_answer(body)) == (" Id", 'a "b", c', "Straße\n2")


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b"<html>Sign in</html>", "text/html", "login page"),
        (b"id,name", "application/json", "text/csv was expected"),
        (b"id,name", "", "no content type"),
        (b"", "text/csv", "0 rows"),
        (b"id,name\n1,Ada\n", "text/csv", "2 rows"),
        (b"id,,name\n", "text/csv", "empty or repeated"),
        (b"id, ,name\n", "text/csv", "empty or repeated"),
        (b"id,name,id\n", "text/csv", "empty or repeated"),
        (b"id,n\xe4me\n", "text/csv", "UTF-8"),
        (b'id,"name\n', "text/csv", "not CSV"),
    ],
)
def test_what_is_no_header_row_is_refused_with_the_source(body, content_type, words):
    with pytest.raises(ProtocolError, match=words) as failure:
        read_response(COLUMNS, csv_answer(body, content_type))
    assert f"Could not read the account columns of source {SOURCE}" in str(failure.value)
    assert "Ada" not in str(failure.value)
    assert "Sign in" not in str(failure.value)


def test_the_identity_attribute_is_that_of_the_schema_named_account():
    schemas = [
        {"name": "group", "identityAttribute": "groupId"},
        {"name": "account", "identityAttribute": "employeeNumber"},
    ]
    assert read_response(SCHEMA, answer(schemas)) == AccountSchema("employeeNumber")


@pytest.mark.parametrize(
    "schemas",
    [
        [{"name": "account"}],
        [{"name": "account", "identityAttribute": None}],
        [{"name": "account", "identityAttribute": ""}],
    ],
)
def test_a_schema_without_identity_attribute_has_none(schemas):
    assert read_response(SCHEMA, answer(schemas)) == AccountSchema(None)


@pytest.mark.parametrize("schemas", [[], [{"name": "group", "identityAttribute": "groupId"}]])
def test_a_source_without_an_account_schema_has_none(schemas):
    assert read_response(SCHEMA, answer(schemas)) is None


@pytest.mark.parametrize(
    "document",
    [None, {}, {"name": "account"}, "account", ["account"], [{"name": "account", "identityAttribute": 7}]],
)
def test_what_is_no_list_of_schemas_is_refused(document):
    with pytest.raises(ProtocolError, match="ISC returned"):
        read_response(SCHEMA, answer(document))


@pytest.mark.parametrize("call", [COLUMNS, SCHEMA])
def test_a_refusal_names_scope_and_token(call):
    with pytest.raises(AccessDeniedError, match="idn:source-schema:read and must be a personal access token"):
        read_response(call, answer({"detailCode": "403", "messages": []}, 403))


@pytest.mark.parametrize("make", [account_columns, account_schema])
def test_an_id_that_would_leave_the_path_is_refused(make):
    with pytest.raises(InvalidInputError):
        make(V1, "../x")
