import json
import re
from pathlib import Path

import pytest

from sailpoint_provider.simulator.api import accounts
from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, finished, rows

DOCUMENTS = Path(__file__).parents[5] / "shared" / "openapi"


@pytest.fixture
def staff(control):
    return control.create_source("Staff", header=["id", "name", "city"], accounts=7)["id"]


@pytest.fixture
def guests(control):
    held = [["g2", "Zoe", "Bern"], ["g1", "Ada", ""], ["x3", "Bo", "Ulm"]]
    return control.create_source("Guests", header=["id", "name", "city"], accounts=held)["id"]


def identities(answer):
    assert answer.status_code == 200, answer.text
    return [record["nativeIdentity"] for record in answer.json()]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_page_of_one_slim_account_has_the_total_of_its_source(api, staff, guests, api_version):
    api.api_version = api_version
    answer = api.accounts(filters=f'sourceId eq "{staff}"', count="true", limit=1, detailLevel="SLIM")
    assert (len(answer.json()), answer.headers["X-Total-Count"]) == (1, "7")
    both = api.accounts(filters=f'sourceId in ("{staff}", "{guests}")', count="true", limit=0)
    assert (both.json(), both.headers["X-Total-Count"]) == ([], "10")
    nobody = api.accounts(filters='sourceId eq "none"', count="true")
    assert (nobody.json(), nobody.headers["X-Total-Count"]) == ([], "0")


def test_without_count_there_is_no_total(api, staff):
    assert "X-Total-Count" not in api.accounts(filters=f'sourceId eq "{staff}"').headers
    assert "X-Total-Count" not in api.accounts(count="false").headers


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_only_a_full_account_has_attributes(api, staff, api_version):
    api.api_version = api_version
    named = f'sourceId eq "{staff}" and nativeIdentity eq "0002"'
    (slim,) = api.accounts(filters=named, detailLevel="SLIM").json()
    (full,) = api.accounts(filters=named, detailLevel="FULL").json()
    assert slim["attributes"] is None
    assert "sourceOwner" not in slim
    assert full["attributes"] == {"id": "0002", "name": "Account 0002", "city": "city 0002"}
    assert (full["id"], full["name"], full["sourceId"]) == (slim["id"], "Account 0002", staff)
    assert api.accounts(filters=named).json() == [full]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ('nativeIdentity eq "g1"', ["g1"]),
        ('nativeIdentity in ("g1", "x3", "none", "g1")', ["g1", "x3"]),
        ('nativeIdentity sw "g"', ["g2", "g1"]),
        ('name eq "Ada"', ["g1"]),
        ('name sw "B"', ["x3"]),
        ('nativeIdentity sw "g" and name in ("Zoe", "Bo")', ["g2"]),
        ("uncorrelated eq true", ["g2", "g1", "x3"]),
        ("manuallyCorrelated eq true", []),
        ('origin in ("AGGREGATED")', ["g2", "g1", "x3"]),
        ('source.displayableName eq "Guests"', ["g2", "g1", "x3"]),
        ('source.connectionType eq "direct"', []),
        ('identity.name eq "Ada"', []),
        ("recommendation.method isnull", ["g2", "g1", "x3"]),
        ('created gt "2001-01-01"', ["g2", "g1", "x3"]),
        ('modified le "2001-01-01"', []),
    ],
)
def test_accounts_are_filtered(api, guests, filters, found):
    answer = api.accounts(filters=f'sourceId eq "{guests}" and {filters}', count="true")
    assert identities(answer) == found
    assert answer.headers["X-Total-Count"] == str(len(found))


def test_an_account_is_found_by_its_id(api, staff, guests):
    known = {record["nativeIdentity"]: record["id"] for record in api.accounts().json()}
    assert len(set(known.values())) == 10
    assert identities(api.accounts(filters=f'id eq "{known["g1"]}"')) == ["g1"]
    assert identities(api.accounts(filters=f'id in ("{known["g1"]}", "{known["0003"]}")')) == ["0003", "g1"]


@pytest.mark.parametrize(
    ("sorters", "order"),
    [
        ("nativeIdentity", ["g1", "g2", "x3"]),
        ("-nativeIdentity", ["x3", "g2", "g1"]),
        ("name", ["g1", "x3", "g2"]),
        ("sourceId,-name", ["g2", "x3", "g1"]),
    ],
)
def test_accounts_are_sorted(api, guests, sorters, order):
    assert identities(api.accounts(filters=f'sourceId eq "{guests}"', sorters=sorters)) == order


def test_pages_follow_each_other_up_to_250(api, control):
    source = control.create_source("Many", header=["id"], accounts=260)["id"]
    filters = f'sourceId eq "{source}"'
    first, second = api.accounts(filters=filters), api.accounts(filters=filters, limit=250, offset=250)
    assert (len(first.json()), len(second.json())) == (250, 10)
    assert not {*identities(first)} & {*identities(second)}
    assert identities(api.accounts(filters=filters, limit=2, offset=258)) == ["0259", "0260"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 251},
        {"limit": -1},
        {"offset": "many"},
        {"count": "perhaps"},
        {"detailLevel": "slim"},
        {"detailLevel": ""},
        {"sorters": "colour"},
        {"sorters": "name,"},
        {"filters": 'name co "A"'},
        {"filters": 'attributes.city eq "Bern"'},
        {"filters": 'created eq "yesterday"'},
    ],
)
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_what_is_not_documented_is_refused(api, api_version, query):
    api.api_version = api_version
    answer = api.accounts(**query)
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")


def test_an_aggregation_counts_from_its_end_on(api, control):
    source = control.create_source("Slow", header=["id", "name"], collect_seconds=1e6, accounts=3)["id"]
    before = api.accounts(filters=f'sourceId eq "{source}"').json()
    task = api.started(source, rows(("0001", "New"), ("0009", "Bo")))
    assert len(api.accounts(filters=f'sourceId eq "{source}"').json()) == 3
    finished(control, task)
    after = api.accounts(filters=f'sourceId eq "{source}"').json()
    assert {record["nativeIdentity"]: record["name"] for record in after} == {"0001": "New", "0009": "Bo"}
    same = next(record for record in after if record["nativeIdentity"] == "0001")
    assert same["id"] == before[0]["id"]
    assert same["modified"] > before[0]["modified"]


def test_accounts_of_a_direct_source_are_listed_too(api, control):
    assert api.accounts(filters=f'sourceId eq "{DIRECTORY}"').json() == []
    finished(control, api.started(DIRECTORY))
    answer = api.accounts(filters='source.connectionType eq "direct"', count="true", limit=1)
    assert answer.headers["X-Total-Count"] == "250"


@pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason=f"ISC's OpenAPI documents are not part of the repository ({DOCUMENTS})"
)
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_filters_and_sorters_are_just_the_documented_ones(api_version):
    document = json.loads((DOCUMENTS / f"{api_version}.json").read_text(encoding="utf-8"))
    path = "/accounts/v1" if api_version == "v1" else "/accounts"
    text = {one["name"]: one["description"] for one in document["paths"][path]["get"]["parameters"]}
    documented = dict(re.findall(r"\*\*([\w.]+)\*\*: \*([^*]+)\*", text["filters"]))
    known = accounts.FIELDS[api_version]
    assert {name: set(operators.split(", ")) for name, operators in documented.items()} == {
        name: set(field.operators) for name, field in known.items()
    }
    names = re.search(r"fields: \*\*(.+)\*\*", text["sorters"])[1]
    assert set(names.split(", ")) == accounts.sorters_of(api_version)
