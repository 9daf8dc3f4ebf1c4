"""Shared by the tests of the other loads: one description of each kind that takes a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from tests.unit.airflow_cases import DIRECTORY, HR, POLL, SPEED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.airflow_cases import ConnectedTenant

ENTITLEMENT_HEADER = "id,name,displayName,created,description,modified,entitlements,groups,permissions"


@dataclass(frozen=True)
class LoadCase:
    """
    One kind of load, with or without a file.

    :param call: the simulator's name of its start.
    """

    name: str
    kind: str
    call: str
    operator_class: Any
    source_id: str
    header: str = ""

    def file(self, folder: Path, rows: int = 3, name: str = "rows.csv") -> Path | None:
        """Write a file with that many rows; None for a load without one."""
        if not self.header:
            return None
        width = len(self.header.split(","))
        lines = [
            ",".join([f"{row:04d}", *(f"value {row}" for _ in range(width - 1))])
            for row in range(1, rows + 1)
        ]
        file = folder / name
        file.write_text("\n".join([self.header, *lines, ""]), encoding="utf-8")
        return file

    def operator(self, folder: Path, **changed: Any) -> Any:
        """Return the operator; its file is written if it has none yet."""
        usual = {"task_id": "task", "poll_interval": POLL, "source_id": self.source_id}
        if self.header and "file" not in changed and "drop" not in changed:
            file = folder / "rows.csv"
            usual["file"] = str(file if file.exists() else self.file(folder))
        if "drop" in changed:
            del usual["source_id"]
        return self.operator_class(**usual | changed)

    def plan(self, tenant: ConnectedTenant, outcome: str | None = None, seconds: float = 0.15) -> None:
        """Decide how the next run ends, and when, in real seconds."""
        tenant.control.next_run(
            self.source_id, outcome, kind=self.kind, collect_seconds=seconds * SPEED, process_seconds=0.0
        )

    def runs(self, tenant: ConnectedTenant) -> list[dict[str, Any]]:
        """Return the runs of this kind, refused starts included."""
        return [run for run in tenant.runs() if run["kind"] == self.kind]


DIRECT_ENTITLEMENTS = LoadCase(
    "entitlements",
    "entitlement_aggregation",
    "load_entitlements",
    SailPointEntitlementAggregationOperator,
    DIRECTORY,
)
FILED_ENTITLEMENTS = LoadCase(
    "entitlements with a file",
    "entitlement_aggregation",
    "load_entitlements",
    SailPointEntitlementAggregationOperator,
    HR,
    ENTITLEMENT_HEADER,
)
UNCORRELATED = LoadCase(
    "uncorrelated accounts",
    "uncorrelated_accounts",
    "load_uncorrelated_accounts",
    SailPointUncorrelatedAccountsOperator,
    DIRECTORY,
    "account,displayName,userName",
)
CASES = (DIRECT_ENTITLEMENTS, FILED_ENTITLEMENTS, UNCORRELATED)
WITH_FILE = (FILED_ENTITLEMENTS, UNCORRELATED)
