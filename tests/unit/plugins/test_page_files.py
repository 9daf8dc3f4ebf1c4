"""The files of the page, as a browser gets them."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sailpoint_provider.plugins.page_files import PageFiles, page_files

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
BASES = pytest.mark.parametrize("root_path", ["", "/team/airflow"], ids=["at the root", "below a path"])


@pytest.fixture
def browser(root_path):
    """Return a client of an application that mounts the page as Airflow does."""
    outer = Starlette(routes=[Mount("/sailpoint", PageFiles()), Route("/{rest:path}", lambda request: None)])
    return TestClient(outer, root_path=root_path, raise_server_exceptions=True)


@BASES
@pytest.mark.parametrize("name", sorted(page_files()))
def test_every_file_is_served_with_its_type(browser, root_path, name):
    answer = browser.get(f"/sailpoint/{name}")
    assert answer.status_code == 200
    assert answer.content == page_files()[name]
    assert answer.headers["Content-Type"] == TYPES[name.rpartition(".")[2]]
    assert answer.headers["Content-Length"] == str(len(answer.content))


@BASES
def test_the_folder_itself_is_the_page(browser, root_path):
    assert browser.get("/sailpoint/").text == page_files()["index.html"].decode()


@pytest.mark.parametrize("root_path", [""])
@pytest.mark.parametrize(
    "path", ["__init__.py", "page_files.py", "../page_files.py", "..%2Fpage_files.py", "page", "x.html"]
)
def test_nothing_else_is_served(browser, root_path, path):
    assert browser.get(f"/sailpoint/{path}").status_code == 404


@pytest.mark.parametrize("root_path", [""])
def test_a_head_request_gets_no_body_and_nothing_can_be_written(browser, root_path):
    head = browser.head("/sailpoint/page.mjs")
    assert (head.status_code, head.content) == (200, b"")
    refused = browser.post("/sailpoint/page.mjs")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("root_path", [""])
def test_the_page_may_load_and_ask_nothing_but_its_own_airflow(browser, root_path):
    policy = browser.get("/sailpoint/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert {name: value for name, value in rules.items() if value not in ("'self'", "'none'")} == {}


@pytest.mark.parametrize("name", sorted(page_files()))
def test_no_file_names_another_host(name):
    text = page_files()[name].decode()
    assert re.findall(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xhtml))[\w.]+", text) == []


def test_values_never_become_html():
    code = "".join(text.decode() for name, text in page_files().items() if name.endswith(".mjs"))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code
    )


def test_the_page_names_only_files_that_exist():
    html = page_files()["index.html"].decode()
    named = set(re.findall(r'(?:href|src)="([^"]+)"', html))
    for text in (text.decode() for name, text in page_files().items() if name.endswith(".mjs")):
        named |= {name.removeprefix("./") for name in re.findall(r'from "([^"]+)"', text)}
    assert named <= set(page_files())


def test_every_label_and_heading_that_the_page_refers_to_exists():
    html = page_files()["index.html"].decode()
    ids = set(re.findall(r'\bid="([^"]+)"', html))
    used = set(re.findall(r'aria-labelledby="([^"]+)"', html))
    used |= set(re.findall(r'byId\("([^"]+)"\)', page_files()["page.mjs"].decode()))
    assert used <= ids
