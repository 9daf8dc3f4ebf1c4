from __future__ import annotations

from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from tests.unit.files.check.bad_files import PEOPLE, csv
from tests.unit.files.check.cases import FACTS, checked, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_BLANK = ("", "Nobody", "IT", "")


@pytest.mark.parametrize("last", [None, PEOPLE, [*PEOPLE, _BLANK]], ids=["none", "without it", "with it"])
def test_the_only_row_without_a_key_is_refused_and_counts_as_no_account(tmp_path, last):
    report = checked(
        tmp_path, csv([*PEOPLE, _BLANK]), last=None if last is None else csv(last), repeat="load"
    )
    assert report.sentence == "Loading hr.csv would mix up accounts: 1 row has no id."
    assert outcome(report, "rows").figure == "10 accounts"
    assert (report.rows, report.accounts, report.last_accounts) == (11, 10, None if last is None else 10)


def test_a_file_with_nothing_but_a_row_without_a_key_holds_no_account(tmp_path):
    report = checked(tmp_path, b"id,b\n,x\n", facts=None, key="id")
    assert outcome(report, "keys").state == "refused"
    assert report.sentence == "Loading hr.csv would delete every account of the source: it holds none."


def test_a_changed_row_without_a_key_is_no_changed_account(tmp_path):
    changed = [(*person[:3], "changed") for person in PEOPLE[:1]]
    content = csv([*changed, *PEOPLE[1:], (*_BLANK[:2], "HR", "")])
    report = checked(tmp_path, content, last=csv([*PEOPLE, _BLANK]))
    assert (report.movers.count, report.changed_columns) == (1, {"note": 1})


@pytest.mark.parametrize("known", ["id", None])
def test_a_key_that_is_not_iscs_is_an_error_of_the_check(tmp_path, known):
    """ISC would delete by its own, whatever the check compares."""
    facts = replace(FACTS, identity_attribute=known)
    if known is None:
        assert checked(tmp_path, csv(PEOPLE), facts=facts, key="name").key == "name"
        return
    with pytest.raises(InvalidInputError, match="ISC identifies the accounts of HR by 'id'"):
        checked(tmp_path, csv(PEOPLE), facts=facts, key="name")
    assert checked(tmp_path, csv(PEOPLE), facts=facts, key="id").key == "id"
