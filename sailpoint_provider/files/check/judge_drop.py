"""The rules on where a file comes from: foreign, fresh, repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.case import outcome
from sailpoint_provider.files.check.names import date_in, source_id_in
from sailpoint_provider.files.check.report import RuleOutcome

if TYPE_CHECKING:
    from sailpoint_provider.files.check.case import Case

_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def foreign(case: Case) -> RuleOutcome:
    """
    Refuse the file of another source.

    The name may begin with the ID of another source. Or no key is in the last file: a source whose accounts
    are all replaced at once is rare enough for a person to confirm it.
    """
    named = source_id_in(case.name.rpartition("/")[2])
    if named is not None and case.facts is not None and named != case.facts.source_id.lower():
        return outcome(
            "foreign",
            f"Loading {case.name} would replace the {case.noun}s of {case.facts.source_name}: its name "
            f"begins with the ID of another source, {named}.",
        )
    if case.obstacle is not None:
        return case.without_rows("foreign")
    keys = case.found.keys
    if keys is None or not case.last_accounts:
        return _by_name_alone(case)
    figure = f"{keys.common:,} of {keys.last_accounts:,} keys in common"
    if keys.common or not keys.accounts:
        return outcome("foreign", None, figure)
    lost = f"all {keys.last_accounts:,} {case.noun}s: none of them is in it"
    if keys.last_accounts == 1:
        lost = f"the only {case.noun}: it is not in it"
    return outcome(
        "foreign",
        f"Loading {case.name} would delete {lost}, so it is probably the file of another source.",
        figure,
    )


def _by_name_alone(case: Case) -> RuleOutcome:
    """Return the outcome where keys cannot be compared; a first load has none to compare with."""
    figure, instead = "name only", "Only the name was looked at."
    if case.last is None or case.last_accounts == 0 or (case.noun != "account" and case.key is None):
        return RuleOutcome("foreign", "not_checked", figure)
    if case.key is None:
        return case.lacking("foreign", "identity_attribute", instead, figure=figure)
    if (problem := case.found.last_problem) is not None:
        why = f"The last loaded file {case.last.name} {problem}."
    else:
        why = f"{case.name} has no column {case.key!r}."
    return case.undecided("foreign", f"{why} {instead}", figure=figure)


def fresh(case: Case) -> RuleOutcome:
    """Refuse a file that is older than the last loaded one, or older than allowed."""
    age = case.rules.max_age_seconds
    limit = f"at most {_duration(age)} old" if age is not None else ""
    own = date_in(case.name, case.now)
    figure = f"dated {own}" if own is not None else ""
    if own is None and case.dropped_at is not None:
        figure = f"dropped {_moment(case.dropped_at)}"
    if age is not None:
        born = own.latest if own is not None else case.dropped_at
        if born is not None and case.now - born > age:
            return outcome(
                "fresh",
                f"Loading {case.name} would bring back old {case.noun}s: it is "
                f"{_duration(case.now - born)} old (limit {_duration(age)}).",
                figure,
                limit,
            )
    if case.last is None:
        return outcome("fresh", None, figure, limit)
    before = date_in(case.last.name, case.now)
    older = None
    if own is not None and before is not None:
        older = (str(own), str(before)) if own.is_before(before) else None
    elif case.dropped_at is not None and case.last.dropped_at is not None:
        if case.dropped_at < case.last.dropped_at:
            older = (_moment(case.dropped_at), _moment(case.last.dropped_at))
    else:
        return case.undecided(
            "fresh", "Neither name nor time tells which file is older.", figure=figure, limit=limit
        )
    if older is None:
        return outcome("fresh", None, figure, limit)
    return outcome(
        "fresh",
        f"Loading {case.name} would undo a newer load: it is dated {older[0]}, and "
        f"{case.last.name}, dated {older[1]}, is already loaded.",
        figure,
        limit,
    )


def repeat(case: Case) -> RuleOutcome:
    """Recognize the bytes of the last load."""
    content, last = case.found.content, case.last
    if content is None or last is None or content.sha256 != last.sha256:
        return outcome("repeat", None, "new bytes" if content is not None else "")
    figure = "the bytes of the last load"
    if case.rules.repeat == "load":
        return outcome("repeat", None, figure)
    same = f"{case.name} holds the same bytes as the last load, {last.name}"
    if case.rules.repeat == "fail":
        return outcome(
            "repeat",
            f"Loading {case.name} would change nothing: it holds the same bytes as the last "
            f"load, {last.name}.",
            figure,
        )
    return RuleOutcome("repeat", "repeated", figure, sentence=f"{same}; it is not loaded again.")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit:
            count = round(seconds / unit, 1)
            text = f"{count:g}"
            return f"{text} {name}" if text == "1" else f"{text} {name}s"
    return "less than a second"
