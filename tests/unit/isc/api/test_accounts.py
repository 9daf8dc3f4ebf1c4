import pytest

from sailpoint_provider.exceptions import AccessDeniedError, InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.api.source_calls import account_count
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import SOURCE, answer

COUNT = account_count(API_VERSIONS["v1"], SOURCE)


@pytest.mark.parametrize("api_version", API_VERSIONS.values(), ids=API_VERSIONS)
def test_the_smallest_page_of_the_source_is_asked_for_with_its_total(api_version):
    call = account_count(api_version, SOURCE)
    assert call.path == {"v1": "/accounts/v1"}.get(api_version.name, f"/{api_version.name}/accounts")
    assert dict(call.query) == {
        "filters": f'sourceId eq "{SOURCE}"',
        "count": "true",
        "limit": "1",
        "detailLevel": "SLIM",
    }
    assert (call.method, call.safe_to_repeat, call.scope) == ("GET", True, "idn:accounts:read")


@pytest.mark.parametrize(("page", "total", "count"), [([], "0", 0), ([{}], "1", 1), ([{}], " 12040 ", 12040)])
def test_the_count_is_the_total_of_the_header(page, total, count):
    assert read_response(COUNT, answer(page, x_total_count=total)) == count


@pytest.mark.parametrize("total", [None, "", "many", "-1", "1.5", "1,204", "²", "9" * 5000])
def test_a_total_that_is_missing_or_no_number_is_refused(total):
    headers = {} if total is None else {"x_total_count": total}
    with pytest.raises(ProtocolError, match="no usable X-Total-Count"):
        read_response(COUNT, answer([{}], **headers))


def test_a_total_that_is_smaller_than_the_page_is_refused():
    with pytest.raises(ProtocolError, match="1 accounts with an X-Total-Count of 0"):
        read_response(COUNT, answer([{}], x_total_count="0"))


@pytest.mark.parametrize("document", [{}, None, "[]", 7])
def test_what_is_no_page_of_accounts_is_refused(document):
    with pytest.raises(ProtocolError, match="JSON array of accounts"):
        read_response(COUNT, answer(document, x_total_count="5"))


def test_a_refusal_names_the_scope():
    with pytest.raises(AccessDeniedError, match="idn:accounts:read"):
        read_response(COUNT, answer({"detailCode": "403", "messages": []}, 403))


def test_an_id_that_is_none_is_refused():
    with pytest.raises(InvalidInputError):
        account_count(API_VERSIONS["v1"], 'x" or id sw "')
