"""The forms of a message: nothing in it becomes markup, and the verdict comes first."""

import re
from html.parser import HTMLParser

import pytest

from sailpoint_provider.notifications.message import Message

HOSTILE = '<img src=x onerror="alert(1)"> & <!channel> ``` {{ 7 * 7 }}'
PLAIN = Message(
    "SUCCEEDED",
    "HR · 3 created",
    "All is well.",
    (("Source", "HR"), ("Accounts created", "3")),
    (("Open source in ISC", "https://acme.identitynow.com/ui?a=1&b=2"), ("Task log", "http://localhost/log")),
)
EVIL = Message("FAILED", HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),), ((HOSTILE, "https://acme.example.org/"),))


class Tags(HTMLParser):
    """Collects the tags and the text of a document."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("form", ["subject", "text", "html", "mrkdwn"])
def test_every_form_begins_with_the_verdict(form):
    assert re.match(r"(<p><b>|\*)?SUCCEEDED: HR · 3 created", getattr(PLAIN, form))


def test_the_text_has_a_table_and_the_links():
    assert PLAIN.text == (
        "SUCCEEDED: HR · 3 created\n"
        "\n"
        "All is well.\n"
        "\n"
        "Source            HR\n"
        "Accounts created  3\n"
        "\n"
        "Open source in ISC: https://acme.identitynow.com/ui?a=1&b=2\n"
        "Task log: http://localhost/log"
    )


def test_the_html_has_a_table_and_the_links():
    page = Tags(PLAIN.html)
    assert [tag for tag, _ in page.tags].count("tr") == 2
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == [url for _, url in PLAIN.links]
    assert {"Source", "HR", "Accounts created", "3"} <= set(page.words)


def test_slacks_markup_has_a_table_and_the_links():
    assert PLAIN.mrkdwn == (
        "*SUCCEEDED: HR · 3 created*\n"
        "All is well.\n"
        "```\nSource            HR\nAccounts created  3\n```\n"
        "<https://acme.identitynow.com/ui?a=1&amp;b=2|Open source in ISC> · <http://localhost/log|Task log>"
    )


def test_nothing_from_elsewhere_becomes_html():
    page = Tags(EVIL.html)
    assert {tag for tag, _ in page.tags} == {"p", "b", "table", "tr", "th", "td", "a"}
    assert "".join(page.words).count(HOSTILE) == 5


def test_nothing_from_elsewhere_becomes_a_mention_or_a_link_in_slack():
    words = EVIL.mrkdwn
    assert "<!" not in words
    assert re.findall(r"<[^|>]*\|", words) == ["<https://acme.example.org/|"]
    assert words.count("```") == 2


def test_a_message_with_nothing_more_to_say_is_one_line():
    bare = Message("SUCCEEDED", "aggregate")
    assert bare.subject == bare.text == "SUCCEEDED: aggregate"
    assert bare.html == "<p><b>SUCCEEDED: aggregate</b></p>"
    assert bare.mrkdwn == "*SUCCEEDED: aggregate*"


def test_a_subject_is_one_line_of_a_length_that_mail_takes():
    subject = Message("FAILED", "HR\r\nBcc: everybody@example.org\n" + "x" * 500).subject
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) == 200


def test_a_long_reason_is_cut():
    assert len(Message("FAILED", "x", "y" * 5000).text) < 700
