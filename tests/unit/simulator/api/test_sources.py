import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, HR, MAINFRAME


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_header_row_of_a_file_is_csv(api, api_version):
    api.api_version = api_version
    answer = api.header_row(HR)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.splitlines() == [
        "id,name,givenName,familyName,e-mail,department,manager,startDate,endDate"
    ]
    assert api.header_row(MAINFRAME).text == "userId,name,groups\n"
    assert api.header_row(DIRECTORY).status_code == 400
    assert api.header_row("0" * 32).status_code == 404


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_schema_of_accounts_names_what_identifies_them(api, control, api_version):
    api.api_version = api_version
    source = control.create_source(
        "Badges", header=["badge", "name", "group"], identity_attribute="badge", merge_rows=True
    )["id"]
    (schema,) = api.schemas(source).json()
    assert (schema["name"], schema["identityAttribute"], schema["displayAttribute"]) == (
        "account",
        "badge",
        "name",
    )
    assert {one["name"]: one["isMulti"] for one in schema["attributes"]} == {
        "badge": False,
        "name": True,
        "group": True,
    }
    assert schema["id"] == api.sources(filters=f'id eq "{source}"').json()[0]["schemas"][0]["id"]
    assert api.schemas(DIRECTORY).json()[0]["identityAttribute"] == "distinguishedName"
    assert api.schemas("0" * 32).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"include-names": "account"}, 1),
        ({"include-names": "group, account"}, 1),
        ({"include-names": "group"}, 0),
        ({"include-types": "group"}, 0),
        ({"include-types": "user"}, 1),
        ({"include-types": "user", "include-names": "group"}, 0),
    ],
)
def test_schemas_are_chosen_by_name_and_type(api, query, found):
    assert len(api.schemas(HR, **query).json()) == found


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_source_shows_its_threshold_and_whether_it_merges_rows(api, control, api_version):
    api.api_version = api_version
    source = control.create_source("Badges", header=["id", "group"], delete_threshold=25, merge_rows=True)
    assert (source["delete_threshold"], source["merge_rows"]) == (25, True)
    records = {record["name"]: record for record in api.sources().json()}
    assert records["Badges"]["deleteThreshold"] == 25
    settings = records["Badges"]["connectorAttributes"]
    assert (settings["mergeRows"], settings["indexColumn"], settings["mergeColumns"]) == (
        True,
        "id",
        ["group"],
    )
    assert "mergeRows" not in records["HR Delimited File"]["connectorAttributes"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ('name sw "D"', 1),
        ('name co "Delimited"', 2),
        ('name in ("Directory", "HR Delimited File")', 2),
        (f'id eq "{HR}"', 1),
        ('name eq "nobody"', 0),
    ],
)
def test_sources_are_filtered(api, filters, found):
    assert len(api.sources(filters=filters, **{"for-subadmin": "me"}).json()) == found


def test_a_name_with_quotes_and_backslashes_is_found(api, control):
    name = 'Odd "quoted" \\ name'
    control.create_source(name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert [source["name"] for source in api.sources(filters=f'name eq "{escaped}"').json()] == [name]


@pytest.mark.parametrize(
    "query",
    [
        {"includeIDNSource": "perhaps"},
        {"filters": 'created gt "yesterday"'},
        {"filters": 'modified in ("2026-01-01", "2026-13-01")'},
    ],
)
def test_an_invalid_boolean_or_date_is_refused(api, query):
    answer = api.sources(**query)
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")


def test_date_filters_respect_time_zones(api):
    for date in ("2001-01-01", "2001-01-01T00:00:00Z", "2001-01-01T00:00:00+14:00"):
        assert len(api.sources(filters=f'created gt "{date}"').json()) == 4
        assert api.sources(filters=f'created lt "{date}"').json() == []
