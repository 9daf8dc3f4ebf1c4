"""The page with all loads, in a real browser and a real Airflow."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.live.page.browser import chromium, running_browser
from tests.live.page.dags.loads import ENDING, FILES, LOADS, QUESTION, SOURCES
from tests.live.page.place import ENDS, FAILURE, UI_URL, WARNING, PagePlace, page_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, ViewportSize

# One worker runs all of these, because they share one Airflow.

# A busy machine needs a minute for Airflow's own page.
PATIENCE = 90_000
expect.set_options(timeout=PATIENCE)

SIZE: ViewportSize = {"width": 1280, "height": 1500}
PICTURE_SIZE: ViewportSize = {"width": 1280, "height": 1000}
PICTURES = os.environ.get("PAGE_PICTURES")
"""Folder for the pictures of the documentation; none are taken without it."""

DARK, LIGHT = "rgb(16, 17, 20)", "rgb(255, 255, 255)"
_PROGRAM = chromium()

pytestmark = pytest.mark.skipif(
    _PROGRAM is None, reason="Chromium is not installed: install Debian's package 'chromium'"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagePlace]:
    with page_place(tmp_path_factory.mktemp("page")) as place:
        yield place


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert _PROGRAM is not None
    with running_browser(_PROGRAM) as browser:
        yield browser


class Watched:
    """A page, with all that it asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None,
        )


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@contextmanager
def logged_in(context: BrowserContext, place: PagePlace) -> Iterator[Watched]:
    """Log in, as whoever opens this Airflow is, and open the page without Airflow around it."""
    page = context.new_page()
    log_in(page, place)
    watched = Watched(page)
    page.goto(f"{place.api.url}/sailpoint/")
    yield watched


def log_in(page: Page, place: PagePlace) -> None:
    """Log in first, because the login of Airflow 3.1 forgets which page was asked for."""
    page.goto(f"{place.api.url}/api/v2/auth/login?next={place.api.url}/sailpoint/icon.svg")


@pytest.fixture
def alone(context: BrowserContext, place: PagePlace) -> Iterator[Watched]:
    """The page without Airflow around it, with everything read."""
    with logged_in(context, place) as watched:
        settled(watched.page)
        yield watched


@pytest.fixture
def framed(context: BrowserContext, place: PagePlace) -> Frame:
    """The page in Airflow's frame, as most people see it."""
    return in_airflow(context.new_page(), place)


def in_airflow(page: Page, place: PagePlace) -> Frame:
    log_in(page, place)
    page.goto(f"{place.api.url}/plugin/sailpoint")
    frame = frame_of(page)
    settled(frame)
    return frame


def frame_of(page: Page) -> Frame:
    element = page.wait_for_selector("iframe")
    frame = None if element is None else element.content_frame()
    assert frame is not None
    return frame


def settled(place: Page | Frame) -> None:
    """Wait until every source in view has all results."""
    expect(place.locator("#status")).to_contain_text("Updated")
    for name in SOURCES:
        chart = row_of(place, name).locator("svg.chart")
        expect(chart.locator("rect.slot")).to_have_count(30)
        # The page's policy forbids the code by which Playwright itself would wait for this.
        until(partial(_has_marks, chart))


def _has_marks(chart: Locator) -> bool:
    return chart.locator("g:has(.bar, .mark)").count() >= 28


def quiet(watched: Watched) -> None:
    """Wait until every result in view is read, and only the regular looks are left."""

    def is_quiet() -> bool:
        before = len(watched.asked)
        watched.page.wait_for_timeout(3000)
        return not any("return_value" in url for url in watched.asked[before:])

    until(is_quiet)


def until(ready: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not ready():
        assert time.monotonic() < deadline, "the page does not get there"
        time.sleep(0.2)


def row_of(place: Page | Frame, name: str) -> Locator:
    """Return the row group of a source."""
    return place.locator("#sources-table > tbody").filter(has=place.get_by_role("rowheader", name=name))


def test_every_source_shows_its_loads(alone: Watched, place: PagePlace) -> None:
    expect(alone.page.locator("#status")).to_contain_text(re.compile(r"\b1\d\d loads\b"))
    last = place.api.dag_runs("page_history")[-1]
    result = place.api.xcom(last, f"load_2_{LOADS - 1:02}")
    row = row_of(alone.page, SOURCES[2])
    expect(row).to_contain_text("Succeeded")
    counts = result["accounts"]
    expect(row).to_contain_text(
        f"{counts['created']} created, {counts['updated']} updated, {counts['deleted']} deleted"
    )
    expect(row).to_contain_text("sailpoint_default")
    expect(row.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Last 30 loads: 30 succeeded; ")
    )


def test_a_name_from_outside_is_text(alone: Watched) -> None:
    expect(row_of(alone.page, SOURCES[1]).get_by_role("rowheader").first).to_contain_text(SOURCES[1])
    assert alone.page.locator("eu, b").count() == 0


def test_the_bars_of_a_failure_and_of_deletions_differ_from_those_of_good_loads(alone: Watched) -> None:
    charts = [row_of(alone.page, name).locator("svg") for name in SOURCES]
    assert charts[0].locator("path.mark.failed").count() == 1
    assert charts[1].locator("path.mark.failed").count() == 0
    for chart in charts:
        up = [float(bar.get_attribute("y") or 0) for bar in chart.locator(".bar.created").all()]
        down = [float(bar.get_attribute("y") or 0) for bar in chart.locator(".bar.deleted").all()]
        assert up
        assert down
        assert max(up) < min(down)


def test_what_runs_is_compared_with_the_usual_time_and_moves(alone: Watched) -> None:
    row = alone.page.locator("#running-body tr").filter(has_text=SOURCES[0])
    expect(row).to_contain_text("Running in ISC")
    expect(row).to_contain_text(re.compile(r"usually [\d.]+ s, longer than usual"))
    progress = row.get_by_role("progressbar")
    expect(progress).to_have_attribute("aria-label", f"Time of {SOURCES[0]} compared with the usual time")
    before = row.locator("td.progress").inner_text()
    alone.page.wait_for_timeout(2500)
    assert row.locator("td.progress").inner_text() != before


def test_a_refusal_says_why(alone: Watched) -> None:
    card = alone.page.locator("#refusals-list > li")
    expect(card).to_have_count(1)
    expect(card).to_contain_text(FILES[0])
    expect(card).to_contain_text("Nothing was sent")
    expect(card).to_contain_text("HR Delimited File")


def test_a_question_waits_for_a_person_and_leads_to_it(alone: Watched) -> None:
    card = alone.page.locator("#questions-list > li")
    expect(card).to_have_count(1)
    expect(card).to_contain_text(QUESTION)
    card.get_by_role("link").click()
    alone.page.wait_for_url(re.compile(r"/tasks/ask/required_actions"))
    expect(alone.page.get_by_text(QUESTION).first).to_be_visible()


def test_a_source_unfolds_by_keyboard_and_keeps_the_focus(alone: Watched) -> None:
    button = row_of(alone.page, SOURCES[0]).get_by_role("button")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    alone.page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(button).to_be_focused()
    table = alone.page.get_by_role("table", name=f"Last 30 loads of {SOURCES[0]}")
    expect(table.locator("tbody tr")).to_have_count(30)
    expect(table).to_contain_text(FAILURE)
    alone.page.keyboard.press("Enter")
    expect(table).to_have_count(0)
    expect(button).to_be_focused()


def test_every_control_is_reached_by_tab_and_shows_the_focus(alone: Watched) -> None:
    page = alone.page
    page.locator("body").click(position={"x": 1, "y": 1})
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
              const one = document.activeElement;
              const style = getComputedStyle(one);
              const name = one.ariaLabel || one.id || one.textContent;
              return [one.tagName, name, style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        if focus[0] == "BODY":
            break
        assert focus[2] != "none", focus
        assert focus[3] >= 2, focus
        seen.append(focus[1])
    assert seen[0] == "refresh"
    assert "filter" in seen
    for name in SOURCES:
        assert f"Show the last loads of {name}" in seen
        assert f"Log of the last load of {name}" in seen
    assert f"Decide: {QUESTION}" in seen


def test_the_filter_leaves_the_sources_with_such_a_name(alone: Watched) -> None:
    alone.page.get_by_label("Filter").fill("workd")
    expect(alone.page.locator("#sources-table > tbody")).to_have_count(1)
    alone.page.get_by_label("Filter").fill("nothing like this")
    expect(alone.page.locator("#sources-empty")).to_have_text("No source matches the filter.")


def test_times_are_in_the_viewers_zone_with_utc_beside(alone: Watched) -> None:
    shown = row_of(alone.page, SOURCES[2]).locator("time").first
    told = shown.get_attribute("datetime") or ""
    utc = shown.get_attribute("title") or ""
    assert utc.endswith(" UTC")
    assert utc[:19].replace(" ", "T") == told[:19]
    berlin = alone.page.evaluate(
        "(told) => new Intl.DateTimeFormat('en-GB', {timeStyle: 'medium', timeZone: 'Europe/Berlin'})"
        ".format(new Date(told))",
        told,
    )
    expect(shown).to_contain_text(berlin)


def test_a_warning_of_isc_is_shown_with_its_words(alone: Watched) -> None:
    row_of(alone.page, SOURCES[2]).get_by_role("button").click()
    expect(row_of(alone.page, SOURCES[2])).to_contain_text("Succeeded with warnings")
    expect(row_of(alone.page, SOURCES[2])).to_contain_text(WARNING)


def test_the_page_complains_of_nothing_and_asks_no_other_host(alone: Watched, place: PagePlace) -> None:
    alone.page.get_by_role("button", name="Refresh").click()
    alone.page.wait_for_timeout(6000)
    assert alone.complaints == []
    hosts = {urlsplit(url).netloc for url in alone.asked}
    assert hosts == {urlsplit(place.api.url).netloc}


def test_a_look_for_changes_asks_little(alone: Watched) -> None:
    quiet(alone)
    alone.asked.clear()
    alone.page.get_by_role("button", name="Refresh").click()
    alone.page.wait_for_timeout(2000)
    assert 1 <= len(alone.asked) <= 6, alone.asked


def test_the_end_of_a_load_is_shown_and_reported_without_a_reload(alone: Watched, place: PagePlace) -> None:
    place.api.trigger(ENDS)
    row = alone.page.locator("#running-body tr").filter(has_text=ENDING)
    expect(row).to_contain_text("Running in ISC")
    (running,) = (run for run in place.control.runs() if run["source_name"] == ENDING and not run["outcome"])
    place.control.finish(running["id"])
    expect(row).to_have_count(0)
    expect(alone.page.locator("#told")).to_have_text(f"{ENDING}: Succeeded")
    expect(row_of(alone.page, ENDING)).to_contain_text("30 created")


def test_it_is_in_airflows_navigation(context: BrowserContext, place: PagePlace) -> None:
    page = context.new_page()
    page.goto(place.api.url)
    page.locator('a[href$="/plugin/sailpoint"]').first.click()
    frame = frame_of(page)
    expect(frame.get_by_role("heading", name="SailPoint loads")).to_be_visible()


def test_a_link_in_airflows_frame_leads_to_the_log(framed: Frame) -> None:
    row_of(framed, SOURCES[2]).get_by_role("link", name="Log of the last load").click()
    framed.page.wait_for_url(re.compile(rf"/dags/page_history/runs/.*/tasks/load_2_{LOADS - 1:02}"))
    expect(framed.page.get_by_text(re.compile("SUCCEEDED in")).first).to_be_visible(timeout=30_000)


def test_a_link_to_isc_opens_a_window_of_its_own(context: BrowserContext, place: PagePlace) -> None:
    context.route(f"{UI_URL}/**", lambda route: route.fulfill(body="ISC"))
    frame = in_airflow(context.new_page(), place)
    link = row_of(frame, SOURCES[2]).get_by_role("link", name="Open source in ISC")
    with context.expect_page() as opened:
        link.click()
    source = place.tenant.source_id(SOURCES[2])
    assert opened.value.url == f"{UI_URL}/ui/a/admin/connections/sources/{source}"


@pytest.mark.parametrize(("theme", "ground"), [("dark", DARK), ("light", LIGHT)])
def test_it_takes_over_airflows_theme(
    context: BrowserContext, place: PagePlace, theme: str, ground: str
) -> None:
    context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    frame = in_airflow(context.new_page(), place)
    assert frame.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    take_picture(frame, f"page-{theme}.png")


@pytest.mark.parametrize(("scheme", "ground"), [("dark", DARK), ("light", LIGHT)])
def test_alone_it_takes_over_the_systems_theme(
    browser: Browser, place: PagePlace, scheme: Literal["dark", "light"], ground: str
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{place.api.url}/sailpoint/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    context.close()


def test_who_is_not_logged_in_sees_only_that(context: BrowserContext, place: PagePlace) -> None:
    # Airflow itself lets everybody in here.
    context.route("**/api/v2/**", lambda route: route.fulfill(status=401, json={"detail": "no"}))
    page = context.new_page()
    page.goto(f"{place.api.url}/sailpoint/")
    expect(page.get_by_role("alert")).to_contain_text("You are not logged in")
    expect(page.get_by_role("link", name="Log in")).to_have_attribute("href", f"{place.api.url}/")
    assert page.locator("#sources-table > tbody").count() == 0


@pytest.mark.parametrize(
    ("path", "status", "part", "words"),
    [
        ("**/taskInstances?*", 403, "#problem", "Airflow does not permit you to see this."),
        (
            "**/taskInstances?*",
            503,
            "#problem",
            "Airflow failed to answer (HTTP 503). This page tries again.",
        ),
        ("**/hitlDetails*", 403, "#questions-empty", "Airflow does not permit you to see this."),
        ("**/xcomEntries/return_value*", 403, "#sources-table", "The result cannot be read"),
    ],
    ids=["no tasks", "Airflow down", "no questions", "no results"],
)
def test_what_airflow_does_not_show_is_said_in_words(
    context: BrowserContext, place: PagePlace, path: str, status: int, part: str, words: str
) -> None:
    context.route(path, lambda route: route.fulfill(status=status, json={"detail": "no"}))
    with logged_in(context, place) as watched:
        expect(watched.page.locator(part)).to_contain_text(words)


def test_before_the_first_load_it_says_what_will_be_here(context: BrowserContext, place: PagePlace) -> None:
    nothing = {"task_instances": [], "total_entries": 0}
    context.route("**/taskInstances?*", lambda route: route.fulfill(json=nothing))
    with logged_in(context, place) as watched:
        expect(watched.page.locator("#sources-empty")).to_contain_text("No load yet.")
        expect(watched.page.locator("#running-empty")).to_be_visible()
        expect(watched.page.locator("#refusals-empty")).to_be_visible()
    assert watched.complaints == []


def take_picture(frame: Frame, name: str) -> None:
    if PICTURES:
        frame.page.set_viewport_size(PICTURE_SIZE)
        frame.page.screenshot(path=Path(PICTURES) / name)
