"""What a tenant says about a source, as far as a check of a file can compare with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class MissingFact:
    """
    A fact that the tenant did not give.

    :param fact: the field of :class:`SourceFacts` that is unknown.
    :param scope: the scope that the client needs for it, None where another reason applies.
    :param reason: why it is unknown, as a clause without a final period.
    """

    fact: str
    scope: str | None
    reason: str


@dataclass(frozen=True)
class SourceFacts:
    """
    What a tenant says about a source.

    :param source_id: ID of the source, 32 hex characters.
    :param source_name: its name.
    :param columns: the header row that ISC expects, in its order; None where unknown.
    :param identity_attribute: the column that identifies an account; None where unknown.
    :param accounts: number of accounts that ISC holds of the source; None where unknown.
    :param delete_threshold: percentage of the accounts, 0 to 100, above which ISC itself skips deletions;
        None where the source has none.
    :param merges_rows: whether several rows of one key are one account.
    :param missing: facts that could not be read, with the reason.
    :param noun: what one row is, in the singular: ``account``, ``entitlement`` or ``assignment``.
    :param inapplicable: rules that mean nothing for such a file, with the reason as a sentence.
    :param replaces: whether ISC deletes what the file lacks.
    """

    source_id: str
    source_name: str
    columns: tuple[str, ...] | None = None
    identity_attribute: str | None = None
    accounts: int | None = None
    delete_threshold: float | None = None
    merges_rows: bool = False
    missing: tuple[MissingFact, ...] = ()
    noun: str = "account"
    inapplicable: Mapping[str, str] = field(default_factory=dict)
    replaces: bool = True
