"""The check of a task's file: against the source's facts, the last good file and the rules."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider._airflow.check_parameter import REPORT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.files.check import FileCheck
    from sailpoint_provider.files.check.last import LastLoaded
    from sailpoint_provider.files.check.report import FileReport
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import FileSource
    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.kinds import LoadKind


@dataclass
class FileChecker:
    """
    Checks the file of a task, and shows the report in the task's log and XCom.

    :param hook: the hook of the tenant.
    :param rules: what is refused.
    :param source: the source that the file is for.
    :param drop: the drop that the file is, None for a plain file.
    :param compare_with: the last good file of a plain file, None for none.
    :param until: epoch seconds at which requests end; None for no end.
    :param kind: the kind of load that the file is for.
    :param object_type: object type of the entitlements in the file; None for ISC's default.
    """

    hook: SailPointHook
    rules: FileCheck
    source: Source
    drop: Mapping[str, Any] | None
    compare_with: FileLocation | None
    until: float | None
    kind: LoadKind
    object_type: str | None

    def check(self, file: FileSource) -> FileReport:
        """
        Check the file as it is now.

        :raises InvalidInputError: the file cannot be checked (not final).
        :raises SailPointError: the tenant cannot be asked about the source.
        """
        from sailpoint_provider.files.check.check import check_file
        from sailpoint_provider.isc.source_facts import read_source_facts

        facts = self.hook._run(
            read_source_facts(self.hook._tenant.api_version, self.source, self.kind, self.object_type),
            until=self.until,
        )
        return check_file(
            file,
            self.rules,
            facts=facts,
            last=self._last,
            dropped_at=None if self.drop is None else float(self.drop["dropped_at"]),
            now=time.time(),
            name=None if self.drop is None else str(self.drop["name"]),
        )

    def check_and_show(self, file: FileSource, context: Context, log: Any) -> FileReport:
        """Check the file; log the report, and push it as the XCom ``file_report``."""
        report = self.check(file)
        log.info("%s", report.as_text())
        context["ti"].xcom_push(key=REPORT_KEY, value=report.to_json())
        return report

    @property
    def _last(self) -> LastLoaded | None:
        """The last good file of the source."""
        from sailpoint_provider.files.check.last import LastLoaded, last_file
        from sailpoint_provider.files.locate import file_source

        if self.compare_with is not None:
            return last_file(self.compare_with, time.time())
        if self.drop is None:
            return None
        from sailpoint_provider.drops.last_load import last_loaded

        known = last_loaded(self.drop, self.source.id)
        if known is None:
            return None
        location, record = known
        return LastLoaded(
            file=None if location is None else file_source(location),
            name=str(record["name"]),
            sha256=str(record["sha256"]),
            loaded_at=float(record["loaded_at"]),
            dropped_at=record["dropped_at"],
            deletions_skipped=bool((record.get("result") or {}).get("deletions_skipped")),
        )
