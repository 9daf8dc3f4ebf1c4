import pytest

from tests.unit.simulator.simulator_cases import DIRECTORY, HR


def test_the_account_schema_is_a_csv_row(api):
    answer = api.call("GET", f"sources/v1/{HR}/schemas/accounts")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.splitlines() == [
        "id,name,givenName,familyName,e-mail,department,manager,startDate,endDate"
    ]
    assert api.call("GET", f"sources/v1/{DIRECTORY}/schemas/accounts").status_code == 400


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
