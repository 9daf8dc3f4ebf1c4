"""How many accounts a load would delete: by key against the last good file, and by number against ISC."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sailpoint_provider.files.check.case import Case


class Deletions(NamedTuple):
    """
    One count of the accounts that would be deleted.

    :param gone: how many they are.
    :param base: of how many.
    :param against: what was compared with, as words after both numbers.
    """

    gone: int
    base: int
    against: str


def known_deletions(case: Case) -> list[Deletions]:
    """
    Return every count that can be made; none if nothing can be compared.

    Where a source merges rows, their number hides how many accounts are gone.
    """
    if case.has_rows_alone:
        return []
    return [one for one in (_by_key(case), _by_count(case)) if one is not None]


def is_doubtful(case: Case) -> bool:
    """Return whether ISC states that it holds no account, although a load is recorded."""
    return case.tenant_accounts == 0 and case.last is not None


def most_deletions(case: Case) -> int | None:
    """Return the largest count; None where nothing can be compared, or if a load deletes nothing."""
    if case.facts is not None and not case.facts.replaces:
        return None
    return max((one.gone for one in known_deletions(case)), default=None)


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
    Return how many accounts ISC would lose at least, and of how many.

    Where a load is recorded, that ISC holds none says nothing: it may not have counted them yet.
    """
    base, accounts = case.tenant_accounts, case.accounts
    if base is None or accounts is None or is_doubtful(case):
        return None
    return Deletions(max(0, base - accounts), base, "in ISC")
