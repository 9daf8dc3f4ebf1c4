"""Waits for the end of an account aggregation that something else has started."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from sailpoint_provider._airflow.deferral import Times, last_look, result_before_deferring, verified
from sailpoint_provider._airflow.errors import airflow_errors, as_airflow_sees_it
from sailpoint_provider._airflow.parameters import seconds
from sailpoint_provider.exceptions import (
    AggregationFailedError,
    AggregationTimeoutError,
    ExecutionTimeoutError,
    SailPointError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.api.identifiers import given_id
from sailpoint_provider.isc.outcome import check_end, end_line
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE, Deadlines
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
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

    The loop turns errors into skips by its own rules, which differ between modes and Airflow versions; only a
    skip passes it untouched.
    """

    def __init__(self, error: SailPointError) -> None:
        super().__init__(str(error))
        self.error = error


class SailPointAccountAggregationSensor(BaseSensorOperator):
    """
    Waits until an account aggregation ended well, and returns its result.

    With ``soft_fail`` a bad end and a timeout skip the task; a refused credential, a missing scope or an
    outage fails it. That is the same in every mode. ``never_fail`` skips on those too; ``silent_fail``
    changes nothing, because ``tolerate_outage`` says what is sat out.

    :param aggregation_id: the id that a start answered, for example an operator's XCom ``aggregation_id``;
        32 hex characters. (templated)
    :param sailpoint_conn_id: id of the Airflow connection. (templated)
    :param deferrable: whether the wait is handed to the triggerer; by default what ``[operators]
        default_deferrable`` says.
    :param poll_interval: seconds (or ``timedelta``) between two looks; sets ``poke_interval``; None keeps it.
    :param fail_on_warning: whether ``succeeded_with_warnings`` is a bad end.
    :param tolerate_outage: seconds (or ``timedelta``) without a good answer that the wait sits out. In
        ``reschedule`` mode the worker is held meanwhile, because nothing else remembers the last good answer.
    :param timeout: seconds (or ``timedelta``) from the first look to the end; as for every sensor.
    :raises InvalidInputError: a parameter cannot work.
    """

    template_fields: Sequence[str] = ("aggregation_id", "sailpoint_conn_id")
    ui_color = "#cfe3f7"

    _watch: Watch | None = None

    def __init__(
        self,
        *,
        aggregation_id: str,
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
        super().__init__(**kwargs)
        self.tolerate_outage = tolerated
        self.aggregation_id = aggregation_id
        self.sailpoint_conn_id = sailpoint_conn_id
        self.deferrable = deferrable
        self.fail_on_warning = fail_on_warning

    def execute(self, context: Context) -> Any:
        """Wait in the way that ``deferrable`` and ``mode`` say."""
        with self._ends_the_same_in_every_mode():
            if not self.deferrable:
                return super().execute(context)
            times = Times.from_now(self.timeout, self)
            watch = self._new_watch(times.deadlines(self.tolerate_outage))
            result = result_before_deferring(self._hook(), watch)
            if result is None:
                self._defer(times)
                raise AssertionError("defer() does not return")
            return self._finish(result)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; in ``reschedule`` mode, look until trouble is settled."""
        try:
            if self._watch is None:
                self._watch = self._new_watch(Deadlines(self._deadline(context), self.tolerate_outage))
            result = self._look(self._watch)
            while result is None and self.reschedule and self._watch.is_troubled:
                self._watch.check_deadline()
                time.sleep(self._watch.next_pause(Backoff(self.poke_interval), random.random()))
                result = self._look(self._watch)
        except SailPointError as error:
            raise _CarriedError(error) from error
        return PokeReturnValue(is_done=result is not None, xcom_value=result)

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """Turn the trigger's event into the result, or into the error that it reports."""
        times = Times.carried_by(event) or Times.from_now(self.timeout, self)
        end = read_event(event, self.aggregation_id)
        result = verified(self._hook(), end, times.deadlines_to_verify(self.tolerate_outage), self.log)
        if result is None:
            self._defer(times)
            raise AssertionError("defer() does not return")
        return self._finish(result)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral, past the base class, whose rules for ``soft_fail`` are others."""
        with self._ends_the_same_in_every_mode():
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _look(self, watch: Watch) -> AggregationResult | None:
        result = self._hook()._run(watch.look(), until=last_look(watch))
        return None if result is None else self._finish(result)

    def _finish(self, result: AggregationResult) -> AggregationResult:
        self.log.info("%s", end_line(result))
        return check_end(result, fail_on_warning=self.fail_on_warning)

    def _defer(self, times: Times) -> None:
        self.defer(
            trigger=SailPointAccountAggregationTrigger(
                aggregation_id=self.aggregation_id,
                sailpoint_conn_id=self.sailpoint_conn_id,
                poll_interval=self.poke_interval,
                deadline=times.deadline,
                execution_deadline=times.execution_deadline,
                tolerate_outage=self.tolerate_outage,
                begun=times.begun,
                is_ours=False,
                carried=times.to_json(),
            ),
            method_name="execute_complete",
            timeout=times.backstop(),
        )

    def _new_watch(self, deadlines: Deadlines) -> Watch:
        aggregation_id = given_id(self.aggregation_id, "aggregation_id")
        return self._hook()._watch(aggregation_id, deadlines, log=self.log)

    def _hook(self) -> SailPointHook:
        return SailPointHook(self.sailpoint_conn_id)

    def _deadline(self, context: Context) -> float:
        """Epoch seconds at which the base class gives up; a reschedule counts from the first poke."""
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        return (first.timestamp() if first is not None else time.time()) + self.timeout

    @contextmanager
    def _ends_the_same_in_every_mode(self) -> Iterator[None]:
        try:
            yield
        except _CarriedError as carried:
            raise self._as_it_should_end(carried.error) from carried.error.__cause__
        except SailPointError as error:
            raise self._as_it_should_end(error) from error.__cause__
        except (AirflowSensorTimeout, AirflowSkipException, TaskDeferralTimeout) as error:
            # The base class skips for one reason only, its timeout, and does not say of which aggregation.
            raise self._as_it_should_end(self._timed_out()) from error
        except TaskDeferralError as error:
            if self.never_fail:
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from error
            raise

    def _as_it_should_end(self, error: SailPointError) -> BaseException:
        if self.never_fail or (
            self.soft_fail and isinstance(error, AggregationFailedError | AggregationTimeoutError)
        ):
            return AirflowSkipException(f"Skipped instead of failed: {error}")
        if isinstance(error, ExecutionTimeoutError):
            return AirflowTaskTimeout(str(error))
        if isinstance(error, AggregationTimeoutError):
            return AirflowSensorTimeout(str(error))
        return as_airflow_sees_it(error)

    def _timed_out(self) -> AggregationTimeoutError:
        return AggregationTimeoutError(
            f"Account aggregation {self.aggregation_id} did not end within {self.timeout:.0f} seconds. "
            "It goes on in Identity Security Cloud, which has no call to stop it."
        )
