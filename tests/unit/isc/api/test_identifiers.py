import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.identifiers import id_for_path, id_from_response, id_from_user
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import RUN, SOURCE, load_accounts

HOSTILE = [
    "",
    " ",
    "..",
    "../x",
    ".",
    f"{SOURCE}/../../beta",
    f"{SOURCE[:30]}/x",
    f"{SOURCE[:30]}..",
    f"{SOURCE[:31]}%",
    f"{SOURCE[:31]}?",
    f"{SOURCE[:31]}#",
    f"{SOURCE[:31]} ",
    f" {SOURCE[:31]}",
    f"{SOURCE[:31]}'",
    f'{SOURCE[:31]}"',
    f"{SOURCE[:31]}\\",
    f"{SOURCE[:31]};",
    f"{SOURCE[:31]}\x00",
    f"{SOURCE}\n",
    f"{SOURCE}\r\n",
    f"\n{SOURCE}",
    f"{SOURCE[:31]}\u0430",
    f"{SOURCE[:31]}\uff21",
    f"{SOURCE[:31]}\u0661",
    f"{SOURCE[:31]}\u00b2",
    f"{SOURCE[:31]}\u212a",
    None,
    7,
    int("2" * 32),
    SOURCE.encode(),
    [SOURCE],
    {"id": SOURCE},
]
BUILDERS = [
    endpoints.source,
    load_accounts,
    endpoints.account_aggregation_status,
    endpoints.task_status,
]


@pytest.mark.parametrize("value", [SOURCE, SOURCE.upper(), "0" * 32])
def test_32_hex_characters_are_an_id(value):
    assert id_from_user(value, "source_id") == value
    assert id_for_path(value, "source_id") == value
    assert id_from_response(value) == value


@pytest.mark.parametrize("value", HOSTILE)
def test_anything_else_is_refused_by_its_name(value):
    with pytest.raises(InvalidInputError, match=r"source_id .*32 hex characters"):
        id_from_user(value, "source_id")


@pytest.mark.parametrize(
    "value", [SOURCE[:31], SOURCE + "0", "HR Delimited File", SOURCE[:31] + "g", "10001"]
)
def test_a_user_must_give_exactly_32_hex_characters(value):
    with pytest.raises(InvalidInputError):
        id_from_user(value, "source_id")


@pytest.mark.parametrize("value", HOSTILE)
def test_an_answered_id_that_is_not_fit_for_a_path_counts_as_none(value):
    assert id_from_response(value) is None


@pytest.mark.parametrize("value", ["af1b8208-6c19-4f89-acce-82e156ff6e61", "4311625", "Task-1", "a" * 64])
def test_an_answered_id_may_be_spelled_otherwise(value):
    assert id_from_response(value) == value
    assert id_for_path(value, "task_id") == value


def test_an_answered_id_is_not_endlessly_long():
    assert id_from_response("a" * 65) is None


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("build", BUILDERS)
def test_no_call_takes_a_hostile_id_into_its_path(build, value):
    with pytest.raises(InvalidInputError):
        build(API_VERSIONS["v1"], value)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_id_stands_in_the_path_as_it_is(build):
    assert f"/{RUN}" in build(API_VERSIONS["v1"], RUN).path
