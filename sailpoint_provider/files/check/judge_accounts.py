"""The rules on what would happen to accounts: rows, shrinkage, growth, changes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from sailpoint_provider.files.check.case import counted, listed, outcome
from sailpoint_provider.files.check.limits import Limit, read_limit, share
from sailpoint_provider.files.check.report import RuleOutcome

if TYPE_CHECKING:
    from sailpoint_provider.files.check.case import Case


class Deletions(NamedTuple):
    """
    One count of the accounts that would be deleted.

    :param gone: how many they are.
    :param base: of how many.
    :param against: what was compared with, as words after both numbers.
    :param is_most: whether fewer may be deleted.
    """

    gone: int
    base: int
    against: str
    is_most: bool = False


def rows(case: Case) -> RuleOutcome:
    """Refuse fewer or more accounts than expected."""
    if (accounts := case.accounts) is None:
        return case.without_rows("rows")
    least, most = case.rules.min_rows, case.rules.max_rows
    limits = [f"at least {least:,}"] if least is not None else []
    limits += [f"at most {most:,}"] if most is not None else []
    refusal = None
    if case.facts is not None and not case.facts.replaces:
        wrong = (least is not None and accounts < least) or (most is not None and accounts > most)
        if wrong:
            refusal = f"{case.name} holds {counted(accounts, case.noun)} ({', '.join(limits)} expected)."
    elif least is not None and accounts < least:
        if accounts == 0:
            refusal = f"Loading {case.name} would delete every {case.noun} of the source: it holds none."
        else:
            refusal = (
                f"Loading {case.name} would leave the source with {counted(accounts, case.noun)} "
                f"({limits[0]} expected)."
            )
    elif most is not None and accounts > most:
        refusal = (
            f"Loading {case.name} would bring the source to {counted(accounts, case.noun)} "
            f"({limits[-1]} expected)."
        )
    return outcome("rows", refusal, counted(accounts, case.noun), ", ".join(limits))


def shrinkage(case: Case) -> RuleOutcome:
    """
    Refuse a file with which too many accounts would be deleted.

    ISC deletes the accounts that a file lacks. They are counted by key against the last good file, and by
    number against what ISC holds; whichever is above the limit first is named. ISC itself skips all deletions
    above the source's ``deleteThreshold`` (SailPoint's OpenAPI documents, schema ``Source``).
    """
    limit = read_limit(case.rules.max_deletions, "max_deletions")
    if limit is None:
        return RuleOutcome("shrinkage", "off")
    if case.accounts is None:
        return case.without_rows("shrinkage")
    if case.has_rows_alone:
        return _without_accounts(case, limit)
    known = _known_deletions(case)
    figure = "; ".join(
        f"{'up to ' if one.is_most else ''}{one.gone:,} of {one.base:,} {one.against}" for one in known
    )
    for one in known:
        if limit.is_exceeded(one.gone, one.base):
            return outcome("shrinkage", _deletion(case, one, limit), figure, str(limit))
    if known and (refusal := _above_threshold(case, max(known))):
        return outcome("shrinkage", refusal, figure, str(limit))
    return _completed(case, figure, limit, is_known=bool(known))


def growth(case: Case) -> RuleOutcome:
    """Refuse a file with which too many accounts would be new."""
    limit = read_limit(case.rules.max_additions, "max_additions", is_part=False)
    if limit is None:
        return RuleOutcome("growth", "off")
    if (accounts := case.accounts) is None:
        return case.without_rows("growth")
    if case.last_accounts is not None:
        base = case.last_accounts
        added = case.found.keys.joiners.count if case.found.keys is not None else max(0, accounts - base)
    elif case.tenant_accounts is not None:
        base = case.tenant_accounts
        added = max(0, accounts - base)
    else:
        return case.lacking("growth", "accounts", "Nothing was compared.", limit=str(limit))
    refusal = None
    if limit.is_exceeded(added, base):
        part = f"{share(added, base, limit)} of {base:,}, limit {limit}" if base else f"limit {limit}"
        refusal = f"Loading {case.name} would create {counted(added, case.noun)} ({part})."
    return outcome("growth", refusal, f"{added:,} of {base:,}", str(limit))


def changes(case: Case) -> RuleOutcome:
    """Refuse a file with which too many accounts would change in one column."""
    if case.rules.max_changes is None:
        return RuleOutcome("changes", "off")
    if case.accounts is None:
        return case.without_rows("changes")
    if lacking := [name for name in case.rules.limited_columns if name not in case.found.columns]:
        return outcome(
            "changes",
            f"Loading {case.name} could change any number of {case.noun}s: it lacks "
            f"{listed(map(repr, lacking))}, which max_changes names.",
        )
    if case.found.changed_columns is None or case.found.keys is None:
        instead = "No values were compared."
        if case.key is None:
            return case.lacking("changes", "identity_attribute", instead)
        if case.last is None and case.tenant_accounts == 0:
            # A first load changes no account, so nothing is lacking.
            return RuleOutcome("changes", "not_checked", sentence=f"This is the first load. {instead}")
        why = "No earlier file is known."
        if case.last is not None:
            why = f"The last loaded file {case.last.name} {case.found.last_problem}."
        return case.undecided("changes", f"{why} {instead}")
    base = case.found.keys.common
    faults, figures = [], []
    for column, count in case.found.changed_columns.items():
        limit = case.rules.limit_of_changes(column)
        if limit is None:
            continue
        figures.append(f"{column} {count:,}")
        if limit.is_exceeded(count, base):
            part = f"{share(count, base, limit)}, limit {limit}" if limit.is_percentage else f"limit {limit}"
            faults.append(f"{column!r} of {count:,} of {base:,} {case.noun}s ({part})")
    figure = ", ".join(figures) or "none"
    if faults:
        return outcome("changes", f"Loading {case.name} would change {listed(faults)}.", figure)
    before = case.found.last_columns or ()
    if added := [name for name in case.rules.limited_columns if name not in before]:
        why = f"The last loaded file lacks {listed(map(repr, added))}, so no values were compared there."
        return case.undecided("changes", why, figure=figure, is_partly_checked=True)
    return outcome("changes", None, figure)


def most_deletions(case: Case) -> int | None:
    """Return the largest count; None where nothing can be compared, or if a load deletes nothing."""
    if case.facts is not None and not case.facts.replaces:
        return None
    return max((one.gone for one in _known_deletions(case)), default=None)


def _known_deletions(case: Case) -> list[Deletions]:
    """
    Return every count that can be made; none if nothing can be compared.

    Where a source merges rows, their number hides how many accounts are gone.
    """
    if case.has_rows_alone:
        return []
    return [one for one in (_by_key(case), _by_count(case)) if one is not None]


def _is_doubtful(case: Case) -> bool:
    """Return whether ISC reports that it holds no accounts, although a load is recorded."""
    return case.tenant_accounts == 0 and case.last is not None


def _by_key(case: Case) -> Deletions | None:
    """Return how many accounts of the last file are gone, and of how many."""
    base, accounts = case.last_accounts, case.accounts
    if base is None or accounts is None:
        return None
    if case.found.keys is not None:
        return Deletions(case.found.keys.leavers.count, base, "in the last file")
    return Deletions(max(0, base - accounts), base, "rows of the last file")


def _by_count(case: Case) -> Deletions | None:
    """
    Return how many accounts ISC would lose, and of how many: at least, or at most if keys are known.

    ISC can hold accounts that the last file lacks, for example if it skipped deletions, or somebody else has
    loaded the source. New accounts in a file do not make up for these, so only keys that both files have are
    certain to stay.

    Where a load is recorded, that ISC holds none says nothing: it may not have counted them yet.
    """
    base, accounts = case.tenant_accounts, case.accounts
    if base is None or accounts is None or _is_doubtful(case):
        return None
    least, last = max(0, base - accounts), case.last_accounts
    if case.found.keys is None or last is None or base <= last:
        return Deletions(least, base, "in ISC")
    most = base - min(base, case.found.keys.common)
    return Deletions(most, base, "in ISC", is_most=most > least)


def _deletion(case: Case, one: Deletions, limit: Limit) -> str:
    part = f"{share(one.gone, one.base, limit)}, limit {limit}" if limit.is_percentage else f"limit {limit}"
    number = f"{one.gone:,} of {one.base:,} {case.noun}s ({part})"
    if not one.is_most:
        return f"Loading {case.name} would delete {number}."
    return (
        f"Loading {case.name} could delete up to {number}: ISC holds {counted(one.base, case.noun)}, but the "
        f"last loaded file only {case.last_accounts:,}."
    )


def _above_threshold(case: Case, most: Deletions) -> str | None:
    """
    Return the refusal for deletions that ISC itself would skip.

    :param most: the largest count, because the last file may lack accounts that ISC still holds.
    """
    percentage = case.facts.delete_threshold if case.facts is not None else None
    # 0 is not taken as a limit: SailPoint does not say whether it means none, and no account is at stake.
    if not percentage:
        return None
    threshold = Limit(Fraction(str(percentage)), is_percentage=True)
    gone, base = most.gone, case.tenant_accounts or most.base
    if not threshold.is_exceeded(gone, base):
        return None
    would = "could delete up to" if most.is_most else "would delete"
    return (
        f"Loading {case.name} {would} {gone:,} of {base:,} accounts ({share(gone, base, threshold)}), "
        f"and ISC skips all deletions above the source's own delete threshold of {threshold}."
    )


def _without_accounts(case: Case, limit: Limit) -> RuleOutcome:
    """Return the outcome where several rows may be one account, and no key shows which."""
    if case.last is None and not case.tenant_accounts:
        instead = f"Rows were not compared with {case.noun}s, because several may be one."
        return case.lacking("shrinkage", "identity_attribute", instead, limit=str(limit))
    why = f"{case.name} has no column {case.key!r}."
    if case.key is None:
        why = case.why_missing("identity_attribute")
    return outcome(
        "shrinkage",
        f"Loading {case.name} could delete any number of {case.noun}s: several rows may be one {case.noun}. "
        f"{why} Set key to the name of that column.",
        limit=str(limit),
    )


def _completed(case: Case, figure: str, limit: Limit, *, is_known: bool) -> RuleOutcome:
    """Return the outcome where no limit is exceeded, which says what could not be compared."""
    problem = case.found.last_problem
    if case.noun != "account" and case.key is None and problem is None:
        # Without keys, and without a number from ISC, rows of the last file are all there is.
        sentence = "" if is_known else "This is the first load, so there is nothing to compare with."
        return RuleOutcome("shrinkage", "passed" if is_known else "not_checked", figure, str(limit), sentence)
    if not is_known and problem is not None and case.last is not None:
        why = case.why_missing("accounts")
        if _is_doubtful(case):
            why = f"ISC reports that it holds no {case.noun}s."
        return outcome(
            "shrinkage",
            f"Loading {case.name} could delete any number of {case.noun}s: the last loaded file "
            f"{case.last.name} {problem}. {why}",
            limit=str(limit),
        )
    if case.key is None and case.last is not None:
        return case.lacking(
            "shrinkage",
            "identity_attribute",
            "Only the totals were compared, not the keys.",
            figure=figure,
            limit=str(limit),
            is_partly_checked=True,
        )
    if case.tenant_accounts is None:
        instead = "No earlier file is known, so there is nothing to compare with."
        if is_known:
            instead = "The file was compared only with the last loaded file."
        return case.lacking(
            "shrinkage", "accounts", instead, figure=figure, limit=str(limit), is_partly_checked=is_known
        )
    if problem is None or case.last is None:
        return outcome("shrinkage", None, figure, str(limit))
    sentence = (
        f"The last loaded file {case.last.name} {problem}, so the file was compared only with the number in "
        "ISC."
    )
    return case.undecided("shrinkage", sentence, figure=figure, limit=str(limit), is_partly_checked=True)
