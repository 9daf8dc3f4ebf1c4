"""Loads the accounts of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.operators.file_load import FileLoadOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class SailPointAccountAggregationOperator(FileLoadOperator):
    """
    Loads the accounts of a source into Identity Security Cloud (ISC).

    The aggregation is started once: the start is stored before and after the request (Airflow 3.3 and later),
    so that a retry after a crash resumes the wait instead of starting again. The XCom ``aggregation_id`` is
    pushed as soon as ISC returns the ID, so that a failed task has it too. Errors that a retry cannot fix are
    ``AirflowFailException`` as well; failed aggregations, timeouts and outages can be retried.

    :param source_id: ID of the source, 32 hex characters; or set ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it, which must be unique. (templated)
    :param file: CSV of a delimited-file source: a path, a URL or an ``ObjectStoragePath``; None for a direct
        source, or where a virtual appliance reads the file. It is streamed. A ``.gz`` is read twice, and its
        content is sent. A file that changes while it is sent fails the task and starts nothing. (templated)
    :param drop: a drop as :meth:`SailPointDropFolder.drops` returns it, in place of source and file. After a
        good end it is filed as loaded; a refused or repeated one is filed too. (templated)
    :param check: whether the file is checked before it is sent, and how: a :class:`FileCheck`, its settings
        as a mapping, or a boolean. By default a drop is checked and a plain ``file`` is not. The report is in
        the log and in the XCom ``file_report``.
    :param approved: the approval of a person for a file that the check refuses: ``approval`` of its report,
        or the SHA-256 of its content. It holds for exactly that content, and for no more deletions than the
        report showed. (templated)
    :param compare_with: the last good file, with which a plain ``file`` is compared by the check; a drop is
        compared with the last one that was loaded. (templated)
    :param disable_optimization: whether unchanged accounts are processed too. (templated)
    :param sailpoint_conn_id: ID of the Airflow connection. (templated)
    :param if_running: what to do while another aggregation of the source is running, because ISC does not
        queue: ``wait`` until it has ended and then start, ``adopt`` it (not with ``file`` or
        ``disable_optimization``), ``fail`` or ``skip``.
    :param wait_for_completion: False to return as soon as ISC has started, with state ``running``.
    :param deferrable: whether to wait on the triggerer instead of a worker; defaults to ``[operators]
        default_deferrable``.
    :param poll_interval: longest time between two requests, in seconds or as a ``timedelta``; the first
        requests come sooner.
    :param timeout: longest time from the task's start to the end of the aggregation, in seconds or as a
        ``timedelta``; one day by default. Waiting for a busy source counts. A retry that resumes the wait
        keeps the deadline.
    :param fail_on_warning: whether ``succeeded_with_warnings`` fails the task.
    :param tolerate_outage: longest time without a valid response, in seconds or as a ``timedelta``.
    :param durable: False to store nothing across tries.
    :param on_kill_clear_task: whether killing the task marks ISC's task record as ended with an error. The
        aggregation keeps running, because ISC has no API to cancel it. Needs the scope
        ``idn:task-management:write`` and a personal access token.
    :param emit_asset_event: whether a good end sends an event on the source's asset although no outlet names
        it, by the asset alias ``sailpoint-loads`` or by those in ``outlets``.
    :raises InvalidInputError: a parameter is invalid.
    """

    template_fields: Sequence[str] = (*FileLoadOperator.template_fields, "disable_optimization")
    kind = ACCOUNT_AGGREGATION
