import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.filters import Condition, parse_task_filters
from sailpoint_provider.isc.api.models import read_task_status
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('id eq "a"', [Condition("id", "eq", ("a",))]),
        ("id eq a", [Condition("id", "eq", ("a",))]),
        ('  id   eq"a" ', [Condition("id", "eq", ("a",))]),
        ('sourceId in ("a", "b","c")', [Condition("sourceId", "in", ("a", "b", "c"))]),
        ("sourceId in (a,b)", [Condition("sourceId", "in", ("a", "b"))]),
        ("completionStatus isnull", [Condition("completionStatus", "isnull")]),
        (
            'completionStatus isnull and type eq "X" and launcher in ("System")',
            [
                Condition("completionStatus", "isnull"),
                Condition("type", "eq", ("X",)),
                Condition("launcher", "in", ("System",)),
            ],
        ),
        ('launcher eq "a \\"b\\" \\\\ c"', [Condition("launcher", "eq", ('a "b" \\ c',))]),
        ('launcher eq "and"', [Condition("launcher", "eq", ("and",))]),
        ('launcher in (")", ",", "(")', [Condition("launcher", "in", (")", ",", "("))]),
        ('launcher eq ""', [Condition("launcher", "eq", ("",))]),
        ('launcher eq "\u00e4\n"', [Condition("launcher", "eq", ("\u00e4\n",))]),
    ],
)
def test_the_language_of_filters_is_read(text, expected):
    assert list(parse_task_filters(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a condition is missing"),
        ('id eq "a" and', "a condition is missing"),
        ('id eq "a" and  ', "a condition is missing"),
        ('id eq "a" or id eq "b"', "joined with 'and'"),
        ('id eq "a" id eq "b"', "joined with 'and'"),
        ('id eq "a" "and" id eq "b"', "joined with 'and'"),
        ('target.id eq "a"', "'target.id' cannot be filtered"),
        ("name", "'name' cannot be filtered"),
        ('( id eq "a" )', "cannot be filtered"),
        ("id", "id knows eq, in, not ''"),
        ('id co "a"', "id knows eq, in, not 'co'"),
        ("id isnull", "id knows eq, in, not 'isnull'"),
        ('id EQ "a"', "not 'EQ'"),
        ("id eq", "has no value"),
        ('id in "a"', "needs values in parentheses"),
        ("id in", "needs values in parentheses"),
        ('id in "("', "needs values in parentheses"),
        ('id in ("a", "b"', "a parenthesis is not closed"),
        ('id in ("a" ")"', "a parenthesis is not closed"),
        ('id eq "a', "a quotation mark is not closed"),
        ('id eq "a\\"', "a quotation mark is not closed"),
        ("id in ()", "cannot be used"),
        ("id eq (", "cannot be used"),
        ("id eq )", "cannot be used"),
        ("id eq ,", "cannot be used"),
    ],
)
def test_a_filter_that_isc_would_not_take_is_refused_with_the_reason(text, why):
    with pytest.raises(InvalidInputError, match="cannot be used for task statuses") as refusal:
        parse_task_filters(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'id eq "{RUN}"', True),
        (f'id in ("x", "{RUN}")', True),
        ('id eq "x"', False),
        (f'sourceId eq "{SOURCE}"', True),
        ('sourceId in ("x", "y")', False),
        ('type eq "CLOUD_ACCOUNT_AGGREGATION"', True),
        ('type in ("CLOUD_GROUP_AGGREGATION")', False),
        ('launcher eq "System"', True),
        ('launcher eq "system"', False),
        ("completionStatus isnull", True),
        ('completionStatus eq "SUCCESS"', False),
    ],
)
def test_a_condition_is_met_by_a_running_task(text, expected):
    task = read_task_status(task_document())
    assert all(condition.matches(task) for condition in parse_task_filters(text)) is expected


def test_a_task_that_does_not_say_what_it_is_meets_no_condition():
    task = read_task_status({"id": RUN, "completionStatus": "SUCCESS"})
    texts = ['sourceId eq "x"', 'type eq "X"', 'launcher eq "x"', "completionStatus isnull"]
    assert not any(parse_task_filters(text)[0].matches(task) for text in texts)
