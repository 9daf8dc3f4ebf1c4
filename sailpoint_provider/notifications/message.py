"""A short message about a task, as plain text, HTML and Slack's mrkdwn."""

from __future__ import annotations

import html
from dataclasses import dataclass

_LONGEST_SUBJECT = 200
_LONGEST_SENTENCE = 600


@dataclass(frozen=True)
class Message:
    """
    What is said about a task. In the templates of a notifier it is ``sailpoint``.

    Values from ISC, from files and from DAGs are escaped, so that none of them becomes markup.

    :param verdict: how the task ended, in capitals, such as ``SUCCEEDED``.
    :param about: what the verdict is about, in a few words.
    :param sentence: why, and what to do; empty if there is nothing to add.
    :param rows: names and values of the table.
    :param links: labels and URLs.
    """

    verdict: str
    about: str
    sentence: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def subject(self) -> str:
        """One line: the verdict, and what it is about."""
        return _shortened(_in_one_line(f"{self.verdict}: {self.about}"), _LONGEST_SUBJECT)

    @property
    def text(self) -> str:
        """The message as plain text."""
        parts = [self.subject, self._reason, self._table]
        parts.append("\n".join(f"{label}: {url}" for label, url in self.links))
        return "\n\n".join(part for part in parts if part)

    @property
    def html(self) -> str:
        """The message as HTML, for an email."""
        parts = [f"<p><b>{html.escape(self.subject)}</b></p>"]
        if self._reason:
            parts.append(f"<p>{html.escape(self._reason)}</p>")
        if self.rows:
            rows = "".join(
                f'<tr><th align="left">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
                for name, value in self.rows
            )
            parts.append(f'<table cellpadding="4">{rows}</table>')
        if self.links:
            anchors = [f'<a href="{html.escape(url)}">{html.escape(label)}</a>' for label, url in self.links]
            parts.append(f"<p>{' · '.join(anchors)}</p>")
        return "\n".join(parts)

    @property
    def mrkdwn(self) -> str:
        """The message in Slack's markup."""
        parts = [f"*{_for_slack(self.subject)}*", _for_slack(self._reason)]
        if self.rows:
            parts.append(f"```\n{_for_slack(self._table)}\n```")
        parts.append(" · ".join(f"<{_for_slack(url)}|{_for_slack(label)}>" for label, url in self.links))
        return "\n".join(part for part in parts if part)

    @property
    def _reason(self) -> str:
        return _shortened(_in_one_line(self.sentence), _LONGEST_SENTENCE)

    @property
    def _table(self) -> str:
        width = max((len(name) for name, _ in self.rows), default=0)
        return "\n".join(f"{name:<{width}}  {_in_one_line(value)}" for name, value in self.rows)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _for_slack(text: str) -> str:
    """Escape what Slack would take for a link, a mention or the end of a code block."""
    for special, harmless in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(special, harmless)
    return text
