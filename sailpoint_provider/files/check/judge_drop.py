"""The rules on where a file comes from: foreign, fresh, repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sailpoint_provider.files.check.case import counted, outcome
from sailpoint_provider.files.check.names import date_in, source_id_in
from sailpoint_provider.files.check.report import RuleOutcome

if TYPE_CHECKING:
    from sailpoint_provider.files.check.case import Case
    from sailpoint_provider.files.check.last import LastLoaded
    from sailpoint_provider.files.check.names import NameDate

_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


class _Dates(NamedTuple):
    """Which of two files is older, with the dates that show it."""

    is_older: bool
    own: str
    last: str


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
    lost = f"all {keys.last_accounts:,} {case.noun}s, because it contains none of them"
    if keys.last_accounts == 1:
        lost = f"the only {case.noun}, because it does not contain it"
    return outcome(
        "foreign",
        f"Loading {case.name} would delete {lost}. The file probably belongs to another source.",
        figure,
    )


def _by_name_alone(case: Case) -> RuleOutcome:
    """Return the outcome where keys cannot be compared; a first load has none to compare with."""
    figure, instead = "name only", "Only the name was checked."
    if case.last is None and case.key is not None and case.tenant_accounts:
        why = (
            f"No earlier file is known, so its keys were not compared with those of the "
            f"{counted(case.tenant_accounts, case.noun)} in ISC."
        )
        return case.undecided("foreign", f"{why} {instead}", figure=figure)
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
    figure, born = _age(case, own)
    unknown = []
    if age is not None and born is None:
        unknown.append("Neither the name nor a timestamp shows how old the file is.")
    elif age is not None and born is not None and case.now - born > age:
        return outcome(
            "fresh",
            f"Loading {case.name} would bring back old {case.noun}s: it is "
            f"{_duration(case.now - born)} old (limit {_duration(age)}).",
            figure,
            limit,
        )
    if case.last is not None:
        dates = _dates(case, own, case.last)
        if dates is None:
            unknown.append("Neither the names nor timestamps show which file is older.")
        elif dates.is_older:
            return outcome(
                "fresh",
                f"Loading {case.name} would undo a newer load: it is dated {dates.own}, and "
                f"{case.last.name}, dated {dates.last}, is already loaded.",
                figure,
                limit,
            )
    if unknown:
        return case.undecided("fresh", " ".join(unknown), figure=figure, limit=limit)
    return outcome("fresh", None, figure, limit)


def _age(case: Case, own: NameDate | None) -> tuple[str, float | None]:
    """Return what shows the age of a file, in words and in seconds since the epoch."""
    if own is not None:
        return f"dated {own}", own.latest
    if case.dropped_at is not None:
        return f"dropped {_moment(case.dropped_at)}", case.dropped_at
    if case.modified_at is not None:
        return f"modified {_moment(case.modified_at)}", case.modified_at
    return "", None


def _dates(case: Case, own: NameDate | None, last: LastLoaded) -> _Dates | None:
    """Return what shows which of two files is older; None if nothing does."""
    before = date_in(last.name, case.now)
    by_name = None
    if own is not None and before is not None:
        by_name = _Dates(own.is_before(before), str(own), str(before))
        if by_name.is_older or before.is_before(own) or (own.has_time and before.has_time):
            return by_name
    if case.dropped_at is None or last.dropped_at is None or case.dropped_at == last.dropped_at:
        return by_name
    is_older = case.dropped_at < last.dropped_at
    return _Dates(is_older, _moment(case.dropped_at), _moment(last.dropped_at))


def repeat(case: Case) -> RuleOutcome:
    """Recognize the bytes of the last load."""
    content, last = case.found.content, case.last
    if content is None or last is None or content.sha256 != last.sha256:
        return outcome("repeat", None, "new bytes" if content is not None else "")
    figure = "the bytes of the last load"
    if last.deletions_skipped:
        return outcome("repeat", None, f"{figure}, whose deletions ISC skipped")
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
