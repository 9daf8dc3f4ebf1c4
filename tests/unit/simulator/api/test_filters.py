import pytest

from sailpoint_provider.simulator.api.filters import BrokenFilter, IllegalFilter, fields, parse

KNOWN = fields(name="eq sw co in", id="eq in", status="eq isnull", owner__id="eq")


def _passes(text, **record):
    return all(term.holds(record[term.field]) for term in parse(text, KNOWN))


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ('name eq "A \\"quoted\\" \\\\ name"', True),
        ('name eq "another"', False),
        ('name sw "A " and id in ("1", "2")', True),
        ('name co "quoted" and id in ("3")', False),
        ("status isnull", True),
        ("id eq 1", True),
    ],
)
def test_a_filter_selects_records(text, passes):
    assert _passes(text, name='A "quoted" \\ name', id="1", status=None) is passes


@pytest.mark.parametrize(
    "text",
    [
        'colour eq "red"',
        'id sw "1"',
        'name eq "open',
        "name",
        "name eq",
        'name is "x"',
        'id in "1"',
        "id in ()",
        'id in ("1" "2")',
        'id in ("1",',
        'id eq "1" or id eq "2"',
    ],
)
def test_a_malformed_or_unsupported_filter_is_refused(text):
    with pytest.raises(IllegalFilter):
        parse(text, KNOWN)


def test_a_field_that_breaks_the_live_service_raises_its_own_error():
    with pytest.raises(BrokenFilter):
        parse('target.id eq "1"', KNOWN, broken=frozenset({"target.id"}))


def test_a_field_name_can_have_a_dot():
    assert parse('owner.id eq "1"', KNOWN)[0].field == "owner.id"
