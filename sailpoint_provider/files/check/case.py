"""What a rule decides on: the findings in a file, beside what the tenant and the last load say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.report import RuleOutcome, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sailpoint_provider.files.check.examine import Findings
    from sailpoint_provider.files.check.facts import SourceFacts
    from sailpoint_provider.files.check.last import LastLoaded
    from sailpoint_provider.files.check.rules import FileCheck

_FACTS = {
    "columns": "the columns that the source expects",
    "identity_attribute": "the column that identifies an {noun}",
    "accounts": "the number of {noun}s that ISC holds",
}

_LONGEST_KEY = 80


@dataclass(frozen=True)
class Case:
    """
    All that a rule may look at.

    :param name: name of the file as it was dropped.
    :param rules: what is to be checked.
    :param facts: what the tenant says; None if it was not asked.
    :param last: the last good file; None if nothing was loaded yet.
    :param dropped_at: when the file was dropped, in seconds since the epoch; None where unknown.
    :param modified_at: when the stored file was last modified, in seconds since the epoch; None where
        unknown, or if nobody needs to know.
    :param now: seconds since the epoch.
    :param key: column that identifies an account; None if none is known.
    :param merges_rows: whether several rows of one key are one account.
    :param found: what was found in the file.
    """

    name: str
    rules: FileCheck
    facts: SourceFacts | None
    last: LastLoaded | None
    dropped_at: float | None
    modified_at: float | None
    now: float
    key: str | None
    merges_rows: bool
    found: Findings

    @property
    def noun(self) -> str:
        """What one row is, in the singular."""
        return self.facts.noun if self.facts is not None else "account"

    @property
    def accounts(self) -> int | None:
        """Accounts in the file, or its rows where no key is known; None if they cannot be read."""
        return self.found.keys.accounts if self.found.keys is not None else self.found.rows

    @property
    def has_rows_alone(self) -> bool:
        """Whether only rows are known, and several of them may be one account."""
        return self.merges_rows and self.found.keys is None

    @property
    def last_accounts(self) -> int | None:
        """Accounts in the last file, counted alike; None if it cannot be compared with."""
        if self.last is None or self.found.last_problem is not None:
            return None
        return self.found.keys.last_accounts if self.found.keys is not None else self.found.last_rows

    @property
    def shows_keys(self) -> bool:
        """
        Whether a report may contain keys of the file.

        If the last file has none of them, their column may hold other values, such as names.
        """
        keys = self.found.keys
        none_is_known = keys is not None and bool(self.last_accounts) and not keys.common
        return self.rules.show_keys and not none_is_known

    @property
    def tenant_accounts(self) -> int | None:
        """Accounts that ISC holds; None where unknown."""
        return self.facts.accounts if self.facts is not None else None

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be said about the accounts in the file, as a clause; None if something can."""
        if self.found.rows is not None:
            return None
        if self.found.not_text is not None:
            return f"it is {self.found.not_text}"
        if self.found.header_fault is not None:
            return f"line 1 {self.found.header_fault}"
        faults = self.found.faults
        return faults.first[0] if faults is not None else "its rows cannot be read"

    @property
    def is_obstacle_refused(self) -> bool:
        """Whether the rule that the obstacle belongs to is on, so that others need not refuse as well."""
        if self.found.not_text is not None:
            return self.rules.readable
        if self.found.header_fault is not None:
            return self.rules.header
        return self.rules.shape

    def without_rows(self, rule: str) -> RuleOutcome:
        """Return the outcome of a rule that needs rows, for a file without readable ones."""
        sentence = f"{self.name} cannot be compared with anything: {self.obstacle}."
        return RuleOutcome(rule, "not_checked" if self.is_obstacle_refused else "refused", sentence=sentence)

    def lacking(
        self,
        rule: str,
        fact: str,
        instead: str,
        *,
        figure: str = "",
        limit: str = "",
        is_partly_checked: bool = False,
    ) -> RuleOutcome:
        """
        Return the outcome of a rule that lacks a fact.

        :param fact: name of the fact, as in ``SourceFacts``.
        :param instead: what the rule did instead, as a sentence.
        :param is_partly_checked: whether it could still refuse something.
        """
        sentence = f"{self.why_missing(fact)} {instead}"
        return self.undecided(rule, sentence, figure=figure, limit=limit, is_partly_checked=is_partly_checked)

    def undecided(
        self, rule: str, sentence: str, *, figure: str = "", limit: str = "", is_partly_checked: bool = False
    ) -> RuleOutcome:
        """
        Return the outcome of a rule that could not check all, which refuses only with ``strict``.

        :param sentence: why it could not.
        :param is_partly_checked: whether it could still refuse something.
        """
        if self.rules.strict:
            return RuleOutcome(
                rule, "refused", figure, limit, f"{self.name} is refused because strict is set: {sentence}"
            )
        return RuleOutcome(rule, "passed" if is_partly_checked else "not_checked", figure, limit, sentence)

    def why_missing(self, fact: str) -> str:
        """Return why a fact is unknown, and which scope the client needs, as a sentence."""
        what = _FACTS[fact].format(noun=self.noun)
        if self.facts is None:
            return f"Unknown without a source: {what}."
        missing = next((one for one in self.facts.missing if one.fact == fact), None)
        if missing is None:
            return f"ISC does not report {what}."
        scope = f"; the client needs the scope {missing.scope}" if missing.scope else ""
        return f"ISC does not report {what} ({missing.reason}{scope})."


def outcome(rule: str, refusal: str | None, figure: str = "", limit: str = "") -> RuleOutcome:
    """Return the outcome of a rule that could check all: refused if there is a sentence on it."""
    state: State = "passed" if refusal is None else "refused"
    return RuleOutcome(rule, state, figure, limit, refusal or "")


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def verb(count: int, singular: str, plural: str) -> str:
    """Return the form of a verb that fits a number."""
    return singular if count == 1 else plural


def shortened(key: str) -> str:
    """Return a key as a report shows it: a faulty file may hold one of two million characters."""
    return key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…"
