"""Waits for the end of an aggregation, or another load, that another task or client started."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from sailpoint_provider._airflow.asset_events import send_event_of_sensor
from sailpoint_provider._airflow.deferral import (
    carried_deadlines,
    deadlines_from_now,
    request_limit,
    result_after_deferring,
    result_before_deferring,
)
from sailpoint_provider._airflow.errors import airflow_errors, for_airflow, located, push_reason
from sailpoint_provider._airflow.lineage import LoadLineage
from sailpoint_provider._airflow.parameters import check_rendered, given_parameters, seconds, switch
from sailpoint_provider.exceptions import (
    AggregationFailedError,
    AggregationTimeoutError,
    ExecutionTimeoutError,
    SailPointError,
)
from sailpoint_provider.hooks.metrics import LoadMetrics
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.api.identifiers import load_id
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, kind_of
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE, Deadlines, still_running
from sailpoint_provider.links.aggregation import LINKS, keep_links, show_links
from sailpoint_provider.triggers.deferral import wait_on_triggerer
from sailpoint_provider.version_compat import TaskDeferralError, TaskDeferralTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import AggregationResult


class _CarriedError(AirflowSkipException):
    """
    Carries an error through the poke loop of the base class.

    The loop turns errors into skips by rules that differ between modes and Airflow versions; only a skip
    passes through it unchanged.
    """

    def __init__(self, error: SailPointError) -> None:
        super().__init__(str(error))
        self.error = error


class SailPointAccountAggregationSensor(BaseSensorOperator, LoadLineage):
    """
    Waits until an aggregation, or another load, has succeeded, and returns its result.

    With ``soft_fail``, a failed aggregation and a timeout skip the task; refused credentials, a missing scope
    and an outage fail it, in every mode. ``never_fail`` skips on those too. ``silent_fail`` has no effect,
    because ``tolerate_outage`` decides which errors are tolerated.

    :param aggregation_id: ID of the aggregation, 32 hex characters, such as an operator's XCom
        ``aggregation_id``. (templated)
    :param kind: what the ID belongs to: ``account_aggregation``, ``entitlement_aggregation``,
        ``uncorrelated_accounts`` or ``identity_refresh``.
    :param sailpoint_conn_id: ID of the Airflow connection. (templated)
    :param deferrable: whether to wait on the triggerer instead of a worker; defaults to ``[operators]
        default_deferrable``.
    :param poll_interval: time between two requests, in seconds or as a ``timedelta``; sets ``poke_interval``,
        None keeps it.
    :param fail_on_warning: whether ``succeeded_with_warnings`` counts as a failure.
    :param tolerate_outage: longest time without a valid response, in seconds or as a ``timedelta``. In
        ``reschedule`` mode an outage holds the worker, because the time of the last valid response is not
        stored.
    :param timeout: longest time from the first request to the end, in seconds or as a ``timedelta``.
    :raises InvalidInputError: a parameter is invalid.
    """

    template_fields: Sequence[str] = ("aggregation_id", "sailpoint_conn_id")
    ui_color = "#cfe3f7"

    operator_extra_links = LINKS

    _watch: Watch | None = None

    def __init__(
        self,
        *,
        aggregation_id: str,
        kind: str = ACCOUNT_AGGREGATION.key,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        fail_on_warning: bool = False,
        tolerate_outage: float | timedelta = DEFAULT_TOLERATE_OUTAGE,
        **kwargs: Any,
    ) -> None:
        with airflow_errors():
            if poll_interval is not None:
                kwargs["poke_interval"] = seconds(poll_interval, "poll_interval")
            for name in ("poke_interval", "timeout"):
                if kwargs.get(name) is not None:
                    seconds(kwargs[name], name)
            tolerated = seconds(tolerate_outage, "tolerate_outage")
            waited_for = kind_of(kind)
            is_deferrable = switch(deferrable, "deferrable")
            fails_on_warning = switch(fail_on_warning, "fail_on_warning")
        super().__init__(**kwargs)
        self.tolerate_outage = tolerated
        self.kind = waited_for
        self.aggregation_id = aggregation_id
        self.sailpoint_conn_id = sailpoint_conn_id
        self.deferrable = is_deferrable
        self.fail_on_warning = fails_on_warning
        self._given = given_parameters(self)

    def execute(self, context: Context) -> Any:
        """Wait in the way that ``deferrable`` and ``mode`` set."""
        with self._same_end_in_every_mode(context):
            if not self.deferrable:
                return self._with_asset_event(context, super().execute(context))
            deadlines = deadlines_from_now(self)
            watch = self._new_watch(deadlines, context)
            result = result_before_deferring(self.hook, watch)
            show_links(self, context, self.hook._tenant.ui_url, watch.source_id)
            return self._with_asset_event(context, self._finish_or_defer(result, deadlines))

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the state once; in ``reschedule`` mode, again until an outage or a contradiction is over."""
        from sailpoint_provider.isc.wait.backoff import Backoff

        try:
            if self._watch is None:
                deadlines = Deadlines(self._deadline(context), self.tolerate_outage)
                self._watch = self._new_watch(deadlines, context)
            result = self._read_state(self._watch, context)
            while result is None and self.reschedule and self._watch.is_troubled:
                self._watch.check_deadline()
                time.sleep(self._watch.next_pause(Backoff(self.poke_interval), random.random()))
                result = self._read_state(self._watch, context)
        except SailPointError as error:
            raise _CarriedError(error) from error
        return PokeReturnValue(is_done=result is not None, xcom_value=result)

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """Return the result of the aggregation whose end the trigger reports, or raise the reported error."""
        from sailpoint_provider.isc.wait.events import read_event

        waited = read_event(event)
        aggregation_id = waited.ended_aggregation(self.aggregation_id)
        deadlines = carried_deadlines(waited) or deadlines_from_now(self)
        result = result_after_deferring(self.hook, aggregation_id, deadlines, self.log, self.kind)
        return self._with_asset_event(context, self._finish_or_defer(result, deadlines))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral without the rules of the base class.

        With ``soft_fail``, the base class would skip on refused credentials and on outages after a deferral,
        and on Airflow 3.0 fail on a timeout that it skips in other modes.
        """
        keep_links(self)
        with self._same_end_in_every_mode(context):
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _read_state(self, watch: Watch, context: Context) -> AggregationResult | None:
        result = self.hook._run(watch.poll(), until=request_limit(watch))
        show_links(self, context, self.hook._tenant.ui_url, watch.source_id)
        begun = None if watch.end is None else watch.end - self.timeout
        return None if result is None else self._finish(result, begun)

    def _finish(self, result: AggregationResult, begun: float | None) -> AggregationResult:
        from sailpoint_provider.isc.verdict import check_end, log_end

        self._note_end(result)
        LoadMetrics(self.sailpoint_conn_id, self.kind).ended(result, begun)
        log_end(cast("Any", self.log), result, self.kind, fail_on_warning=self.fail_on_warning)
        return check_end(result, fail_on_warning=self.fail_on_warning, kind=self.kind)

    def _finish_or_defer(self, result: AggregationResult | None, deadlines: Deadlines) -> AggregationResult:
        if result is not None:
            return self._finish(result, deadlines.begun)
        return wait_on_triggerer(
            self,
            "execute_complete",
            self.aggregation_id,
            deadlines,
            poll_interval=self.poke_interval,
            is_ours=False,
            carried={"deadlines": deadlines.to_json()},
        )

    def _with_asset_event(self, context: Context, result: AggregationResult) -> AggregationResult:
        """Return the result of a good end, after its outlets got it."""
        send_event_of_sensor(self, context, result)
        return result

    def _new_watch(self, deadlines: Deadlines, context: Context) -> Watch:
        check_rendered(self, self._given)
        aggregation_id = load_id(self.aggregation_id, self.kind)
        # The record may be unreadable for a while, and only it names the source.
        show_links(self, context, self.hook._tenant.ui_url, None)
        return self.hook._watch(aggregation_id, deadlines, log=self.log, kind=self.kind)

    def _deadline(self, context: Context) -> float:
        """Return the epoch seconds of the base class's timeout; reschedules count from the first poke."""
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        return (first.timestamp() if first is not None else time.time()) + self.timeout

    @contextmanager
    def _same_end_in_every_mode(self, context: Context) -> Iterator[None]:
        try:
            yield
        except _CarriedError as carried:
            push_reason(carried.error, context)
            raise self._end_for(carried.error) from carried.error.__cause__
        except SailPointError as error:
            push_reason(error, context)
            raise self._end_for(error) from error.__cause__
        except (AirflowSensorTimeout, AirflowSkipException, TaskDeferralTimeout) as error:
            if isinstance(error, AirflowSkipException) and (cause := error.__cause__) is not None:
                # The base class skipped for an error that is not of this package.
                reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
                skip = AirflowSkipException(f"Skipped instead of failed: {reason}")
                push_reason(skip, context)
                raise skip from cause
            # The base class ended for its own timeout, and does not name the aggregation.
            raise self._end_for(self._timed_out()) from error
        except TaskDeferralError as error:
            if self.never_fail:
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from error
            raise

    def _end_for(self, error: SailPointError) -> BaseException:
        located(error, f"connection {self.sailpoint_conn_id}")
        if self.never_fail or (
            self.soft_fail and isinstance(error, AggregationFailedError | AggregationTimeoutError)
        ):
            return AirflowSkipException(f"Skipped instead of failed: {error}")
        if isinstance(error, AggregationTimeoutError) and not isinstance(error, ExecutionTimeoutError):
            return AirflowSensorTimeout(str(error))
        return for_airflow(error)

    def _timed_out(self) -> AggregationTimeoutError:
        name = f"{self.kind.name} {self.aggregation_id}"
        return AggregationTimeoutError(
            f"The sensor's timeout of {self.timeout:g} s passed before {name} ended. {still_running(name)}"
        )
