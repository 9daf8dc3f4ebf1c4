"""The document of the benchmarks: a new measurement replaces its own section only."""

from __future__ import annotations

from tests.benchmarks import document
from tests.benchmarks.machine import measured_on
from tests.benchmarks.report import Section, Table

TITLES = ("Waits", "Starts", "Drops")


def section(title, figure):
    return Section(title, f"How {title} were measured.", (Table("Figures", ("", "s"), (("one", figure),)),))


def test_the_first_document_has_the_head_and_the_sections_in_their_order():
    text = document.updated("", [section("Drops", "3"), section("Waits", "1")], TITLES)
    assert text.startswith(document.HEAD)
    assert list(document.parts_of(text)) == ["Waits", "Drops"]


def test_a_section_is_replaced_and_the_others_stay_as_they_are():
    first = document.updated("", [section("Drops", "3"), section("Waits", "1")], TITLES)
    second = document.updated(first, [section("Starts", "2"), section("Drops", "4")], TITLES)
    before, after = document.parts_of(first), document.parts_of(second)
    assert list(after) == list(TITLES)
    assert after["Waits"] == before["Waits"]
    assert "| one | 4 |" in after["Drops"]
    assert document.updated(second, [], TITLES) == second


def test_a_section_that_no_longer_exists_is_left_out():
    first = document.updated("", [section("Old", "9")], ("Old",))
    assert list(document.parts_of(document.updated(first, [section("Waits", "1")], TITLES))) == ["Waits"]


def test_a_document_is_written_beside_its_figures(tmp_path):
    path = tmp_path / "docs" / "benchmarks.md"
    document.write(path, [section("Waits", "1")], TITLES)
    document.write(path, [section("Drops", "2")], TITLES)
    assert list(document.parts_of(path.read_text())) == ["Waits", "Drops"]


def test_the_machine_is_described_without_its_name():
    assert measured_on().startswith("Measured on 20")
    assert "Airflow 3." in measured_on()
