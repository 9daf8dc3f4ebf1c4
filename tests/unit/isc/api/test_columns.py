import pytest

from sailpoint_provider.isc.api.columns import column_advice, without_first_row


def refusal(unknown, missing):
    return f'Column: "[{unknown}]" is unknown and/or column: "[{missing}]" is missing'


@pytest.mark.parametrize(
    ("unknown", "missing", "words"),
    [
        ("\ufeffid", "id", "byte-order mark"),
        ("\u00ef\u00bb\u00bfid", "id", "byte-order mark"),
        ("id;name;e-mail", "id, name, e-mail", "separates its columns with semicolons"),
        ("id\tname\te-mail", "id, name, e-mail", "separates its columns with tabs"),
        ("id|name|e-mail", "id, name, e-mail", "separates its columns with vertical bars"),
        ("id;name;nickname", "id, name", "separates its columns with semicolons"),
        ('\ufeff"ID";"Name"', "id, name", "separates its columns with semicolons"),
        ('"id", "name"', "id, name", "quotation marks"),
        ("'id'", "id", "quotation marks"),
        ("\u201cid\u201d", "id", "quotation marks"),
        ("ID, E-Mail", "id, e-mail", "upper and lower case"),
        (" id, name ", "id, name", "surrounding spaces"),
        ("name, ID", "id, NAME", "upper and lower case"),
    ],
)
def test_a_difference_in_writing_is_named(unknown, missing, words):
    assert words in column_advice(refusal(unknown, missing))


def test_several_differences_are_named_together():
    advice = column_advice(refusal("\ufeffID,  Name ", "id, name"))
    assert "byte-order mark" in advice
    assert "surrounding spaces" in advice
    assert "upper and lower case" in advice


def test_only_the_difference_that_there_is_is_named():
    advice = column_advice(refusal("ID", "id"))
    assert "byte-order mark" not in advice
    assert "quotation marks" not in advice
    assert "spaces" not in advice


@pytest.mark.parametrize(
    ("unknown", "missing"),
    [
        ("shoe size", "id"),
        ("ID, shoe size", "id"),
        ("ID", "id, name"),
        ("", "id"),
        ("ID", ""),
        ("id;nickname", "id, name"),
        ("id", "id"),
    ],
)
def test_columns_that_really_differ_get_no_advice(unknown, missing):
    assert column_advice(refusal(unknown, missing)) is None


@pytest.mark.parametrize("text", ["", "Something else", 'Column: "[id]" is unknown', "is unknown is missing"])
def test_another_text_gets_no_advice(text):
    assert column_advice(text) is None


def test_the_refusal_is_found_within_other_words():
    assert column_advice(f"400 | {refusal('ID', 'id')} | more") is not None


@pytest.mark.parametrize(
    ("unknown", "missing"),
    [("ID, E-Mail", "id, e-mail"), ("id;name", "id, name"), ("nickname", ""), ("nickname, shoe size", " ")],
)
def test_names_that_are_certainly_columns_are_shown(unknown, missing):
    text = refusal(unknown, missing)
    assert without_first_row(text) == text


@pytest.mark.parametrize(
    ("unknown", "count"),
    [
        ("E10442, Some Name, a.name@example.org, 123-45-6789", "4 names of the first line"),
        ("E10442;Some Name;a.name@example.org", "1 name of the first line"),
        ('E10442]", "[Some Name', "2 names of the first line"),
    ],
)
def test_the_first_row_of_a_file_without_a_header_is_not_shown(unknown, count):
    text = f"Before. {refusal(unknown, 'id, name, e-mail, tax number')} After."
    shown = without_first_row(text)
    assert shown == f"Before. {refusal(count, 'id, name, e-mail, tax number')} After."
    assert "Some Name" not in shown


def test_another_message_stays_as_it_is():
    assert without_first_row("The file is empty.") == "The file is empty."
