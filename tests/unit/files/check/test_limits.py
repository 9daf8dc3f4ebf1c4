from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check.facts import MissingFact
from sailpoint_provider.files.check.limits import read_limit, share
from sailpoint_provider.files.check.names import date_in, source_id_in
from sailpoint_provider.files.check.rules import FileCheck
from tests.unit.files.check.bad_files import COLUMNS, GOOD, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, NOW, SOURCE_ID, checked, last_of, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_UNKNOWN = replace(
    FACTS,
    columns=None,
    accounts=None,
    missing=(
        MissingFact("columns", "idn:source-schema:read", "ISC answered 403"),
        MissingFact("accounts", "idn:accounts:read", "ISC answered 403"),
    ),
)


def _many(count: int) -> bytes:
    return csv([(f"k{at:05}", "Ann", "IT", "") for at in range(count)])


@pytest.mark.parametrize(
    ("limit", "count", "base", "exceeded"),
    [
        ("10%", 10, 100, False),
        ("10 %", 11, 100, True),
        ("0.1%", 1, 1000, False),
        ("0.1%", 1, 999, True),
        ("0.3 %", 3, 1000, False),
        ("33.333333%", 1, 3, True),
        (5, 5, 10, False),
        ("5", 6, 10, True),
        (0, 1, 10, True),
        ("100%", 10, 10, False),
        ("10%", 0, 0, False),
    ],
)
def test_limits_are_compared_exactly(limit, count, base, exceeded):
    assert read_limit(limit, "max_deletions").is_exceeded(count, base) is exceeded


@pytest.mark.parametrize(
    "value", [0.1, -1, "-1", "10 percent", "", True, "1e3", "\u0661\u0660%", "10%%", [], "5.5"]
)
def test_a_value_that_is_no_limit_is_refused_when_the_check_is_made(value):
    with pytest.raises(InvalidInputError, match="max_deletions"):
        FileCheck(max_deletions=value)


@pytest.mark.parametrize(
    "limits", [{"max_deletions": "101%"}, {"max_changes": "100.1 %"}, {"max_changes": {"dept": "500%"}}]
)
def test_more_than_all_accounts_are_no_limit(limits):
    with pytest.raises(InvalidInputError, match="must not be above 100 %"):
        FileCheck(**limits)
    assert FileCheck(max_additions="200%", max_deletions="100%").max_additions == "200%"


@pytest.mark.parametrize(
    "values",
    [
        {"min_rows": -1},
        {"min_rows": 2, "max_rows": 1},
        {"max_age": 0},
        {"max_age": float("nan")},
        {"repeat": "ask"},
        {"key": ""},
        {"strict": "yes"},
        {"max_changes": {"dept": 0.5}},
    ],
)
def test_an_impossible_check_cannot_be_made(values):
    with pytest.raises(InvalidInputError):
        FileCheck(**values)


def test_a_check_survives_json():
    check = FileCheck(max_age=timedelta(days=2), max_changes={"dept": "5%"}, repeat="fail", key="id")
    assert FileCheck.from_json(check.to_json()).to_json() == check.to_json()
    with pytest.raises(InvalidInputError, match="max_delet"):
        FileCheck.from_json({"max_delet": 1})


def test_a_share_shows_as_many_decimals_as_distinguish_it_from_the_limit():
    assert share(312, 1204) == "25.9 %"
    assert share(1001, 10000, read_limit("10%", "x")) == "10.01 %"
    assert share(1, 2) == "50 %"


def test_a_refusal_states_what_would_have_been_deleted(tmp_path):
    report = checked(tmp_path, _many(892), last=_many(1204), facts=None, key="id", name="hr-2026-11-24.csv")
    assert report.sentence == (
        "Loading hr-2026-11-24.csv would delete 312 of 1,204 accounts (25.9 %, limit 10 %)."
    )
    assert (report.leavers.count, report.leavers.keys[0]) == (312, "k00892")
    assert len(report.leavers.keys) == 20


@pytest.mark.parametrize(("kept", "verdict"), [(90, "passed"), (89, "refused")])
def test_deletions_up_to_the_limit_pass(tmp_path, kept, verdict):
    assert checked(tmp_path, _many(kept), last=_many(100), facts=None, key="id").verdict == verdict


def test_equal_numbers_do_not_hide_other_keys(tmp_path):
    content = csv([(f"k{at:05}", "Ann", "IT", "") for at in range(30, 130)])
    report = checked(tmp_path, content, last=_many(100), facts=replace(FACTS, accounts=100))
    assert "would delete 30 of 100 accounts" in report.sentence


def test_without_a_last_file_the_number_in_isc_is_compared(tmp_path):
    report = checked(tmp_path, _many(80), facts=replace(FACTS, accounts=100))
    assert report.sentence == "Loading hr.csv would delete 20 of 100 accounts (20 %, limit 10 %)."


def test_the_delete_threshold_of_the_source_refuses_what_isc_would_skip(tmp_path):
    facts = replace(FACTS, accounts=100, delete_threshold=5)
    report = checked(tmp_path, _many(94), last=_many(100), facts=facts)
    assert "own delete threshold of 5 %" in report.sentence
    assert checked(tmp_path, _many(95), last=_many(100), facts=facts).verdict == "passed"
    assert checked(tmp_path, _many(94), last=_many(100), facts=facts, max_deletions=None).verdict == "passed"


def test_the_delete_threshold_is_compared_with_the_largest_number_of_deletions(tmp_path):
    facts = replace(FACTS, accounts=1000, delete_threshold=10)
    report = checked(tmp_path, _many(800), last=_many(805), facts=facts, max_deletions="30%")
    assert report.sentence == (
        "Loading hr.csv would delete 200 of 1,000 accounts (20 %), and ISC skips all deletions above the "
        "source's own delete threshold of 10 %."
    )


def test_new_accounts_do_not_make_up_for_those_that_only_isc_holds(tmp_path):
    facts = replace(FACTS, accounts=1000)
    last, new = _many(700), _many(1000)
    report = checked(tmp_path, new, last=last, facts=facts, max_deletions=0)
    assert report.sentence == (
        "Loading hr.csv could delete up to 300 of 1,000 accounts (limit 0): ISC holds 1,000 accounts, but "
        "the last loaded file only 700."
    )
    assert report.deletions == 300
    assert outcome(report, "shrinkage").figure == "0 of 700 in the last file; up to 300 of 1,000 in ISC"
    assert checked(tmp_path, new, last=last, facts=replace(FACTS, accounts=700)).deletions == 0


def test_without_the_scope_the_rule_names_it_and_strict_refuses(tmp_path):
    report = checked(tmp_path, GOOD, facts=_UNKNOWN)
    assert report.verdict == "passed"
    assert any("idn:accounts:read" in note and "No earlier file is known" in note for note in report.notes)
    assert any("idn:source-schema:read" in note for note in report.notes)
    strict = checked(tmp_path, GOOD, facts=_UNKNOWN, strict=True)
    assert (strict.verdict, "idn:source-schema:read" in strict.sentence) == ("refused", True)


@pytest.mark.parametrize("problem", ["not kept", "missing", "other bytes", "other key", "no CSV"])
def test_a_last_file_that_cannot_be_compared_with_is_never_taken_for_a_first_load(tmp_path, problem):
    last = last_of(tmp_path, {"other key": b"key\n1\n", "no CSV": b'id\n1,2\n"'}.get(problem, GOOD))
    if problem == "not kept":
        last = replace(last, file=None)
    if problem == "missing":
        (tmp_path / "last" / "hr-last.csv").unlink()
    if problem == "other bytes":
        last = replace(last, sha256="0" * 64)
    report = checked(tmp_path, csv(PEOPLE[:2]), last=last, facts=replace(FACTS, accounts=None))
    assert "could delete any number of accounts: the last loaded file hr-last.csv" in report.sentence
    known = checked(tmp_path, csv(PEOPLE[:2]), last=last)
    assert "would delete 8 of 10 accounts" in known.sentence


def test_no_account_in_isc_is_no_comparison_where_a_load_is_recorded(tmp_path):
    gone, none = replace(last_of(tmp_path, GOOD), file=None), replace(FACTS, accounts=0)
    report = checked(tmp_path, csv(PEOPLE[:2]), last=gone, facts=none)
    assert report.sentence == (
        "Loading hr.csv could delete any number of accounts: the last loaded file hr-last.csv is no longer "
        "kept. ISC reports that it holds no accounts."
    )
    assert checked(tmp_path, csv(PEOPLE[:2]), facts=none).verdict == "passed"
    kept = checked(tmp_path, csv(PEOPLE), last=csv(PEOPLE[:9]), facts=none)
    assert (kept.verdict, outcome(kept, "shrinkage").figure) == ("passed", "0 of 9 in the last file")


def test_rows_that_a_source_merges_are_never_compared_with_accounts(tmp_path):
    rows = csv([(*person[:3], str(at)) for at in range(4) for person in PEOPLE[:3]])
    merging = replace(FACTS, identity_attribute=None, merges_rows=True)
    never_loaded = replace(merging, accounts=0)
    for last, facts in ((None, merging), (GOOD, merging), (GOOD, never_loaded)):
        report = checked(tmp_path, rows, last=last, facts=facts)
        assert report.sentence == (
            "Loading hr.csv could delete any number of accounts: several rows may be one account. ISC does "
            "not report the column that identifies an account. Set key to the name of that column."
        )
        assert report.deletions is None
    first = checked(tmp_path, rows, facts=never_loaded)
    assert (first.verdict, outcome(first, "shrinkage").state) == ("passed", "not_checked")
    assert checked(tmp_path, rows, facts=never_loaded, strict=True).verdict == "refused"
    assert "would delete 7 of 10 accounts" in checked(tmp_path, rows, facts=merging, key="id").sentence


def test_limits_on_rows_growth_and_changes(tmp_path):
    assert "would leave the source with 10 accounts" in checked(tmp_path, GOOD, min_rows=11).sentence
    assert "would bring the source to 10 accounts" in checked(tmp_path, GOOD, max_rows=9).sentence
    grown = csv([*PEOPLE, *((f"9{p[0]}", *p[1:]) for p in PEOPLE[:3])])
    report = checked(tmp_path, grown, last=GOOD, max_additions="20%")
    assert report.sentence == "Loading hr.csv would create 3 accounts (30 % of 10, limit 20 %)."
    moved = csv([(p[0], p[1], "XX", p[3]) for p in PEOPLE])
    report = checked(tmp_path, moved, last=GOOD, max_changes={"dept": "50%", "name": 0})
    assert report.sentence == "Loading hr.csv would change 'dept' of 10 of 10 accounts (100 %, limit 50 %)."
    assert report.changed_columns == {"dept": 10}
    assert checked(tmp_path, moved, last=GOOD, max_changes={"name": 0}).verdict == "passed"


@pytest.mark.parametrize("last", [None, GOOD])
def test_a_limit_on_a_column_that_the_file_lacks_refuses_it(tmp_path, last):
    content = csv([*PEOPLE, ("1011", "Ken", "IT", "")])
    report = checked(tmp_path, content, last=last, max_changes={"dept": 5, "detp": 5, "nmae": 0})
    assert report.sentence == (
        "Loading hr.csv could change any number of accounts: it lacks 'detp' and 'nmae', which "
        "max_changes names."
    )


def test_a_limit_on_a_column_that_the_last_file_lacks_is_named_and_refused_if_strict(tmp_path):
    last, limits = csv([p[:3] for p in PEOPLE], columns=COLUMNS[:3]), {"dept": 5, "note": 0}
    report = checked(tmp_path, GOOD, last=last, max_changes=limits)
    assert (report.verdict, "lacks 'note'" in outcome(report, "changes").sentence) == ("passed", True)
    assert checked(tmp_path, GOOD, last=last, max_changes=limits, strict=True).verdict == "refused"


def test_an_older_file_is_refused_by_the_date_in_its_name_or_by_its_time(tmp_path):
    last = last_of(tmp_path, GOOD, "hr-2026-11-03.csv")
    other = csv([*PEOPLE, ("1011", "Ken", "IT", "")])
    assert checked(tmp_path, other, last=last, name="hr-2026-11-03.csv").verdict == "passed"
    report = checked(tmp_path, other, last=last, name="hr_20261102.csv")
    assert (
        "it is dated 2026-11-02, and hr-2026-11-03.csv, dated 2026-11-03, is already loaded"
        in report.sentence
    )
    assert "would undo" in checked(tmp_path, other, last=GOOD, dropped_at=NOW - 100_000).sentence
    assert (
        "days old (limit 1 day)" in checked(tmp_path, GOOD, name="hr-2026-11-01.csv", max_age=86400).sentence
    )
    assert checked(tmp_path, GOOD, dropped_at=NOW - 5, max_age=86400).verdict == "passed"


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("hr-2026-11-02.csv", "2026-11-02"),
        ("hr20261102.csv", "2026-11-02"),
        ("hr_2026-11-02T08:30:15Z.csv", "2026-11-02 08:30"),
        ("hr-20261102-083015.csv", "2026-11-02 08:30"),
        ("hr-20261102083015.csv", "2026-11-02 08:30"),
        ("hr-202611020830.csv", "2026-11-02 08:30"),
        ("hr-20261102T0830.csv", "2026-11-02 08:30"),
        ("hr-20261102_0830Z.csv", "2026-11-02 08:30"),
        ("hr-20261102_08-30.csv", "2026-11-02 08:30"),
        ("hr-20261102-0312.csv", "2026-11-02"),
        ("hr-2026-11-02_0830.csv", "2026-11-02"),
        ("hr-20261102 0830-15.csv", "2026-11-02"),
        ("2026-11-01_2026-11-02.csv", "2026-11-02"),
        ("hr-2026-13-02.csv", None),
        ("hr-2026-1102.csv", None),
        ("hr-2099-01-01.csv", None),
        ("hr-120261102.csv", None),
        ("hr.csv", None),
        ("2c9180852026110211000 0b06f344ec9.csv", None),
        (f"{'20261102' * 4}-hr.csv", None),
    ],
)
def test_dates_in_names(name, date):
    found = date_in(name, datetime(2026, 11, 5, tzinfo=UTC).timestamp())
    assert (str(found) if found else None) == date


def test_a_name_says_which_source_it_is_for(tmp_path):
    assert source_id_in(f"{SOURCE_ID.upper()} - hr.csv") == SOURCE_ID
    assert source_id_in(f"hr-{SOURCE_ID}.csv") is None
    assert source_id_in(f"{SOURCE_ID}0.csv") is None
    assert checked(tmp_path, GOOD, name=f"{SOURCE_ID}-hr.csv").verdict == "passed"


def test_the_bytes_of_the_last_load_are_skipped_loaded_or_refused(tmp_path):
    assert checked(tmp_path, GOOD, last=GOOD).verdict == "repeated"
    assert checked(tmp_path, GOOD, last=GOOD, repeat="load").verdict == "passed"
    failed = checked(tmp_path, GOOD, last=GOOD, repeat="fail")
    assert (failed.verdict, "would change nothing" in failed.sentence) == ("refused", True)


@pytest.mark.parametrize("rule", ["readable", "header", "shape", "keys", "foreign", "fresh"])
def test_a_rule_that_is_off_says_so(tmp_path, rule):
    assert outcome(checked(tmp_path, GOOD, **{rule: False}), rule).state == "off"


def test_a_rule_that_is_off_does_not_let_a_broken_file_pass_the_others(tmp_path):
    assert checked(tmp_path, GOOD.decode().encode("utf-16"), last=GOOD, readable=False).verdict == "refused"
    assert checked(tmp_path, GOOD + b"1,2\n", last=GOOD, shape=False).verdict == "refused"
    assert checked(tmp_path, b'"id\n', last=GOOD, header=False).verdict == "refused"


def test_without_a_key_rows_are_counted(tmp_path):
    report = checked(tmp_path, csv(PEOPLE[:5]), last=GOOD, facts=None)
    assert report.sentence == "Loading hr.csv would delete 5 of 10 accounts (50 %, limit 10 %)."
    assert (report.accounts, report.rows, COLUMNS[0]) == (None, 5, "id")
