"""The files of the page, as a browser gets them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from sailpoint_provider.plugins.page_files import PageFiles, page_files

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
BASES = pytest.mark.parametrize("base", ["", "/team/airflow"], ids=["at the root", "below a path"])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes


def ask(path: str, *, method: str = "GET", base: str = "") -> Answer:
    """Ask an application that mounts the page as Airflow does, and that itself may have a path before it."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": base + path, "root_path": base, "headers": []}
    airflow = Starlette(routes=[Mount("/sailpoint", PageFiles())])
    asyncio.run(
        airflow(scope | {"query_string": b"", "http_version": "1.1", "scheme": "http"}, receive, send)
    )
    head, *parts = sent
    headers = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answer(head["status"], headers, b"".join(part["body"] for part in parts))


@BASES
@pytest.mark.parametrize("name", sorted(page_files()))
def test_every_file_is_served_with_its_type(name, base):
    answer = ask(f"/sailpoint/{name}", base=base)
    assert answer.status == 200
    assert answer.content == page_files()[name]
    assert answer.headers["content-type"] == TYPES[name.rpartition(".")[2]]
    assert answer.headers["content-length"] == str(len(answer.content))


@BASES
def test_the_folder_itself_is_the_page(base):
    assert ask("/sailpoint/", base=base).content == page_files()["index.html"]


@pytest.mark.parametrize(
    "name",
    ["__init__.py", "page_files.py", "../page_files.py", "..\\page_files.py", "page", "x.html", ".mjs"],
)
def test_nothing_else_is_served(name):
    assert ask(f"/sailpoint/{name}").status == 404


def test_a_head_request_gets_no_body_and_nothing_can_be_written():
    head = ask("/sailpoint/page.mjs", method="HEAD")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(page_files()["page.mjs"]))
    refused = ask("/sailpoint/page.mjs", method="POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_the_page_may_load_and_ask_nothing_but_its_own_airflow():
    policy = ask("/sailpoint/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}


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
