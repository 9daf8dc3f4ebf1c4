"""What a name says: whether a file can be a drop, and whose it is."""

from __future__ import annotations

import pytest

from sailpoint_provider.drops.names import (
    DropSource,
    Unclaimed,
    can_be_drop,
    file_key,
    matches,
    safe_name,
    source_in_mapping,
    source_in_name,
    why_unusable,
    with_suffix,
)
from tests.unit.drops.drop_cases import HR


@pytest.mark.parametrize(
    "name",
    [
        ".hr.csv",
        "hr.csv.part",
        "HR.CSV.TMP",
        "hr.csv~",
        "~$hr.csv",
        "hr.csv.done",
        "hr.csv.ok",
        "hr.csv.sha256",
        ".sailpoint/taken/hr.csv",
        "a/.hidden/hr.csv",
    ],
)
def test_hidden_temporary_and_companion_files_are_no_drops(name):
    assert not can_be_drop(name)


@pytest.mark.parametrize("name", ["hr.csv", "a/b/hr.csv.gz", "Zoë.csv", "parts.csv", "tmp.csv"])
def test_other_files_can_be_drops(name):
    assert can_be_drop(name)


def test_a_pattern_fits_the_last_part_of_the_name_in_any_case():
    assert matches("emea/HR.CSV", ["*.csv"])
    assert not matches("hr.csv.bak", ["*.csv", "*.csv.gz"])


def test_a_pattern_with_a_slash_fits_the_whole_name():
    assert matches("emea/hr.csv", ["emea/*.csv"])
    assert not matches("apac/hr.csv", ["emea/*.csv"])


@pytest.mark.parametrize(
    "name", [f"{HR}-hr.csv", f" {HR} - hr 2026.csv", f"{HR.upper()} -x.csv", f"sub/{HR}- y.csv.gz"]
)
def test_an_id_at_the_beginning_of_a_name_says_the_source(name):
    assert source_in_name(name) == DropSource(source_id=HR)


def test_an_old_numeric_id_is_refused_with_the_reason():
    answer = source_in_name("12345 - hr.csv")
    assert isinstance(answer, Unclaimed)
    assert "12345, an old numeric source ID, which the API no longer looks up" in answer.reason


@pytest.mark.parametrize("name", ["hr.csv", f"{HR}.csv", f"{HR[:-1]}-hr.csv", f"x{HR}-hr.csv"])
def test_a_name_without_an_id_is_nobodys(name):
    assert isinstance(source_in_name(name), Unclaimed)


def test_32_digits_are_an_id_and_not_an_old_number():
    assert source_in_name(f"{'7' * 32}-hr.csv") == DropSource(source_id="7" * 32)


def test_a_name_that_is_not_utf8_is_unusable_and_shown_escaped():
    assert why_unusable(r"sub/Zoë \udcdc.csv") is None
    reason = why_unusable("sub\udcfc/Zoë\udcdc.csv")
    assert reason == (
        r"The name sub\udcfc/Zoë\udcdc.csv is not valid UTF-8, so no event can hold it. Rename the file."
    )
    reason.encode()


def test_the_first_pattern_that_fits_says_the_source():
    sources = [("hr-*.csv", DropSource.named("HR")), ("*.csv", DropSource.named(HR.upper()))]
    assert source_in_mapping("hr-1.csv", sources) == DropSource(source_name="HR")
    assert source_in_mapping("other.csv", sources) == DropSource(source_id=HR)
    assert isinstance(source_in_mapping("other.txt", sources), Unclaimed)


def test_keys_of_different_texts_differ_even_if_they_look_alike():
    assert len({file_key("HR/File"), file_key("HR File"), file_key("hr file"), file_key("")}) == 4
    assert "/" not in file_key("a/b\\..")


def test_a_safe_name_has_no_character_that_means_something_in_a_url():
    assert safe_name("a/b#c?d%e:f.csv.gz") == "b_c_d_e_f.csv.gz"


def test_a_suffix_keeps_the_beginning_and_the_file_type():
    assert with_suffix("a.b/hr.csv.gz", 1) == "a.b/hr.csv.gz"
    assert with_suffix("a.b/hr.csv.gz", 2) == "a.b/hr (2).csv.gz"


@pytest.mark.parametrize("number", [1, 2, 1000])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", "", ".CSV"])
@pytest.mark.parametrize("letter", ["n", "ü", "€"])
def test_a_name_that_is_too_long_keeps_its_file_type_and_number(number, ending, letter):
    long = letter * ((255 - len(ending)) // len(letter.encode())) + ending
    given = with_suffix(f"sub/{long}", number, room=12)
    folder, _, last = given.partition("/")
    assert folder == "sub"
    assert 240 <= len(last.encode()) <= 243
    assert last.startswith(letter * 70)
    assert last.endswith(("" if number == 1 else f" ({number})") + ending)


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\x85", "\u2028"])
def test_a_name_with_a_control_character_is_unusable_and_shown_escaped(character):
    reason = why_unusable(f"hr{character}.csv")
    assert reason.endswith("contains a control character or a line separator. Rename the file.")
    assert character not in reason
