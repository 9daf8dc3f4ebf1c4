"""The report on a file: what it holds, what loading it would do, and what each rule says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sailpoint_provider.exceptions import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = Literal["passed", "refused", "repeated"]
State = Literal["passed", "refused", "repeated", "not_checked", "off"]

_VERSION = 1


@dataclass(frozen=True)
class Accounts:
    """
    Accounts that a load would treat alike.

    :param count: how many there are.
    :param keys: the first twenty, sorted; empty with ``show_keys=False``.
    """

    count: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleOutcome:
    """
    What one rule says.

    :param rule: its name, such as ``shrinkage``.
    :param state: ``passed``, ``refused``, ``repeated``, ``not_checked`` or ``off``.
    :param figure: what was measured, as text; empty if nothing was.
    :param limit: the limit, as text; empty if there is none.
    :param sentence: why it refuses, or why it could not check all; empty otherwise.
    """

    rule: str
    state: State
    figure: str = ""
    limit: str = ""
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """
    The report on a file. Keys of accounts are the only values of the file in it.

    :param verdict: ``passed``, ``refused``, or ``repeated`` for the bytes of the last load.
    :param sentence: the verdict in one sentence.
    :param name: name of the file as it was dropped.
    :param sha256: SHA-256 of the bytes that ISC would receive; empty if they cannot be read.
    :param size_bytes: how many bytes these are.
    :param key: column that identifies an account; None if none is known.
    :param rows: rows without the header; None if they cannot be read.
    :param accounts: accounts in them; None without a key.
    :param last_name: name of the last loaded file; None if there is none.
    :param last_sha256: SHA-256 of the bytes that ISC received of it; None if there is none.
    :param last_accounts: accounts in it; None if nothing was compared.
    :param tenant_accounts: accounts that ISC holds; None where unknown.
    :param joiners: accounts that would be new; None if nothing was compared.
    :param movers: accounts that would change; None if nothing was compared.
    :param leavers: accounts that would be deleted; None if nothing was compared.
    :param changed_columns: accounts with a changed value, by column; None if nothing was compared.
    :param rules: what each rule says, in the order in which they are asked.
    :param notes: what else is worth knowing.
    """

    verdict: Verdict
    sentence: str
    name: str
    sha256: str
    size_bytes: int
    key: str | None = None
    rows: int | None = None
    accounts: int | None = None
    last_name: str | None = None
    last_sha256: str | None = None
    last_accounts: int | None = None
    tenant_accounts: int | None = None
    joiners: Accounts | None = None
    movers: Accounts | None = None
    leavers: Accounts | None = None
    changed_columns: Mapping[str, int] | None = None
    rules: tuple[RuleOutcome, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def approval(self) -> str:
        """
        What a person who approves this report passes to the operator as ``approved``.

        It names the bytes of the file, and those of the file that it was compared with: if another file is
        loaded in between, the approved figures no longer hold.
        """
        return f"{self.sha256}/{self.last_sha256 or 'first'}"

    @property
    def needs_approval(self) -> bool:
        """Whether the file is refused, and only by rules that a person can overrule."""
        from sailpoint_provider.files.check.approval import broken_rules

        return self.verdict == "refused" and not broken_rules(self)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON primitives, for an XCom or a file."""
        values = {"version": _VERSION, **asdict(self)}
        values |= {"approval": self.approval, "needs_approval": self.needs_approval}
        values["rules"] = [asdict(rule) for rule in self.rules]
        values["notes"] = list(self.notes)
        for group in ("joiners", "movers", "leavers"):
            if values[group] is not None:
                values[group]["keys"] = list(values[group]["keys"])
        if self.changed_columns is not None:
            values["changed_columns"] = dict(self.changed_columns)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FileReport:
        """Return the report that :meth:`to_json` described; what a later version added is left out."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        for group in ("joiners", "movers", "leavers"):
            if known.get(group) is not None:
                known[group] = Accounts(known[group]["count"], tuple(known[group]["keys"]))
        known["rules"] = tuple(RuleOutcome(**rule) for rule in known.get("rules", ()))
        known["notes"] = tuple(known.get("notes", ()))
        return cls(**known)

    def refusal(self) -> FileRefusedError:
        """Return the error that a refused file raises."""
        return FileRefusedError(f"{self.sentence} Nothing was sent.", report=self.to_json())

    def as_text(self) -> str:
        """Return the report as a text table."""
        from sailpoint_provider.files.check.show import as_text

        return as_text(self)

    def as_markdown(self) -> str:
        """Return the report as Markdown."""
        from sailpoint_provider.files.check.show import as_markdown

        return as_markdown(self)
