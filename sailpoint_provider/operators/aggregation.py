"""Starts an account aggregation and waits for its end."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from sailpoint_provider.airflow_errors import airflow_errors
from sailpoint_provider.hooks.csv_file import CsvLocation, find_csv
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.errors import InvalidInputError
from sailpoint_provider.isc.events import read_event
from sailpoint_provider.isc.outcome import check_end, end_line, make_result, result_file
from sailpoint_provider.isc.policy import Pace
from sailpoint_provider.isc.starts import check_file_fits
from sailpoint_provider.isc.watch import DEFAULT_TOLERATE_OUTAGE, Patience
from sailpoint_provider.parameters import plain_path, seconds, truth
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.isc.models import LoadAccountsTask, Source
    from sailpoint_provider.isc.result import AggregationResult, ResultFile

BACKSTOP_SECONDS = 300.0
"""What Airflow's own timeout of a deferral leaves beyond our deadline, so that ours comes first."""


class SailPointAccountAggregationOperator(BaseOperator):
    """
    Loads the accounts of a source into Identity Security Cloud, and by default waits for the end.

    The aggregation id is pushed as XCom ``aggregation_id`` as soon as it is known, so that a failed task has
    it too. What no retry can mend leaves as an ``AirflowFailException``; bad ends, time-outs and outages can
    be retried.

    :param source_id: id of the source, 32 hex characters; or give ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it; it must be the only one of that name. (templated)
    :param file: the CSV of a delimited-file source: a path, a URL or an ``ObjectStoragePath``; None for a
        direct source, or where a virtual appliance reads the file. (templated)
    :param disable_optimization: whether accounts that did not change are processed too. (templated)
    :param sailpoint_conn_id: id of the Airflow connection. (templated)
    :param wait_for_completion: False to return as soon as ISC has started, with state ``running``.
    :param deferrable: whether the wait is handed to the triggerer; by default what ``[operators]
        default_deferrable`` says.
    :param poll_interval: seconds (or ``timedelta``) between two looks at the most; the first come sooner.
    :param timeout: seconds (or ``timedelta``) from the look before the start to the end; a day by default.
    :param fail_on_warning: whether ``succeeded_with_warnings`` fails the task.
    :param tolerate_outage: seconds (or ``timedelta``) without a good answer that the wait sits out.
    :raises InvalidInputError: a parameter cannot work.
    """

    template_fields: Sequence[str] = (
        "source_id",
        "source_name",
        "file",
        "disable_optimization",
        "sailpoint_conn_id",
    )
    ui_color = "#cfe3f7"

    def __init__(
        self,
        *,
        source_id: str | None = None,
        source_name: str | None = None,
        file: CsvLocation | None = None,
        disable_optimization: bool | str = False,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 30.0,
        timeout: float | timedelta = 86400.0,
        fail_on_warning: bool = False,
        tolerate_outage: float | timedelta = DEFAULT_TOLERATE_OUTAGE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id
        self.source_name = source_name
        self.file = plain_path(file)
        self.disable_optimization = disable_optimization
        self.sailpoint_conn_id = sailpoint_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.fail_on_warning = fail_on_warning
        with airflow_errors():
            if (source_id is None) == (source_name is None):
                raise InvalidInputError(
                    f"Give either source_id or source_name, not {'neither' if source_id is None else 'both'}."
                )
            self.poll_interval = seconds(poll_interval, "poll_interval")
            self.timeout = seconds(timeout, "timeout")
            self.tolerate_outage = seconds(tolerate_outage, "tolerate_outage")

    @cached_property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""
        return SailPointHook(self.sailpoint_conn_id)

    def execute(self, context: Context) -> AggregationResult:
        """Start the aggregation, and wait for its end unless told otherwise."""
        begun = time.time()
        with airflow_errors():
            source, task = self._start()
            aggregation_id = str(task.id)
            context["ti"].xcom_push(key="aggregation_id", value=aggregation_id)
            self.log.info(
                "Account aggregation %s of source %r (%s) has begun.", task.id, source.name, source.id
            )
            if not self.wait_for_completion:
                return make_result(
                    aggregation_id, source_id=source.id, source_name=source.name, file=task.file
                )
            patience = Patience(begun + self.timeout, self.tolerate_outage)
            watch = self.hook.watch(aggregation_id, patience, begun=begun, log=self.log)
            steps = watch.look() if self.deferrable else watch.wait(Pace(self.poll_interval), random.random)
            result = self.hook.run(steps)
            if result is None:
                self._defer(aggregation_id, source, task, patience, begun)
                raise AssertionError("defer() does not return")
            return self._finish(result, source.id, source.name, result_file(task.file))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        aggregation_id: str | None = None,
        source_id: str | None = None,
        source_name: str | None = None,
        file: ResultFile | None = None,
    ) -> AggregationResult:
        """Turn the trigger's event into the result, or into the error that it tells."""
        with airflow_errors():
            return self._finish(read_event(event, aggregation_id), source_id, source_name, file)

    def _start(self) -> tuple[Source, LoadAccountsTask]:
        disable_optimization = truth(self.disable_optimization, "disable_optimization")
        upload = find_csv(self.file) if self.file is not None else None
        source = self._source()
        check_file_fits(source, upload is not None)
        if upload is not None:
            self.log.info("Sending %s (%s bytes).", upload.location, f"{upload.stamp.size_bytes:,}")
        task = self.hook.load_accounts(source.id, upload, disable_optimization=disable_optimization)
        if task.file is not None:
            self.log.info(
                "Sent %s: %s bytes, SHA-256 %s.", task.file.name, task.file.size_bytes, task.file.sha256
            )
        return source, task

    def _source(self) -> Source:
        if self.source_id is not None:
            return self.hook.get_source(self.source_id)
        return self.hook.find_source(self.source_name or "")

    def _defer(
        self, aggregation_id: str, source: Source, task: LoadAccountsTask, patience: Patience, begun: float
    ) -> None:
        left = begun + self.timeout - time.time()
        self.defer(
            trigger=SailPointAccountAggregationTrigger(
                aggregation_id=aggregation_id,
                sailpoint_conn_id=self.sailpoint_conn_id,
                poll_interval=self.poll_interval,
                deadline=patience.deadline,
                tolerate_outage=patience.tolerate_outage,
                begun=begun,
            ),
            method_name="execute_complete",
            kwargs={
                "aggregation_id": aggregation_id,
                "source_id": source.id,
                "source_name": source.name,
                "file": result_file(task.file),
            },
            timeout=timedelta(seconds=max(0.0, left) + BACKSTOP_SECONDS),
        )

    def _finish(
        self,
        result: AggregationResult,
        source_id: str | None,
        source_name: str | None,
        file: ResultFile | None,
    ) -> AggregationResult:
        """Add what only the start knew, say how it ended, and raise where it ended badly."""
        result["source_id"] = source_id or result["source_id"]
        result["source_name"] = source_name or result["source_name"]
        result["file"] = file
        self.log.info("%s", end_line(result))
        return check_end(result, fail_on_warning=self.fail_on_warning)
