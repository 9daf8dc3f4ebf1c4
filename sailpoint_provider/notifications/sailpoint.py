"""A notifier that writes about loads, and hands its message to another of Airflow's notifiers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.links.aggregation import LINKS
from sailpoint_provider.notifications.message import Message
from sailpoint_provider.notifications.verdicts import about_error, about_result
from sailpoint_provider.results import AggregationResult
from sailpoint_provider.version_compat import TaskDeferralTimeout

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_FILLED = {
    "subject": "subject",
    "title": "subject",
    "summary": "subject",
    "html_content": "html",
    "text": "text",
    "message": "text",
    "message_body": "text",
    "body": "text",
    "content": "text",
}
"""Fields of notifiers, and the part of the message that each shows."""

_TIMEOUTS = (AirflowSensorTimeout, AirflowTaskTimeout, TaskDeferralTimeout)


class SailPointNotifier(BaseNotifier):
    """
    Reports how a load ended, through any of Airflow's notifiers: verdict first, a table of counts, and links.

    Use it as ``on_success_callback``, ``on_failure_callback``, ``on_retry_callback`` or
    ``on_skipped_callback`` of a task. It fills the notifier's subject and text, as HTML, Slack's markup or
    plain text; fields that you set yourself stay as they are, and their templates can use
    ``{{ sailpoint.subject }}``, ``{{ sailpoint.text }}``, ``{{ sailpoint.html }}`` and
    ``{{ sailpoint.mrkdwn }}``.

    A message holds no secrets, and no keys of accounts unless ISC's messages name some and you ask for these.

    :param notifier: sends the message, such as an ``SmtpNotifier`` or a ``SlackNotifier``.
    :param with_messages: whether ISC's messages are quoted; they can name accounts.
    :raises InvalidInputError: ``notifier`` is not a notifier, or would not show the message.
    """

    def __init__(self, notifier: BaseNotifier, *, with_messages: bool = False) -> None:
        super().__init__()
        self.notifier = notifier
        self.with_messages = with_messages
        with airflow_errors():
            self._templates = _templates_for(notifier)

    def notify(self, context: Context) -> None:
        """Send the message about the task of this context."""
        message = _message_about(context, with_messages=self.with_messages)
        # Rendering changes a notifier for good, and this one may have to send another message.
        notifier = copy.copy(self.notifier)
        for field, template in self._templates.items():
            setattr(notifier, field, template)
        # The template only names the message, so that no text of ISC is rendered as a template.
        notifier({**context, "sailpoint": message})


def _templates_for(notifier: Any) -> dict[str, str]:
    """Return the templates for the fields of a notifier that its user left alone."""
    if not isinstance(notifier, BaseNotifier):
        raise InvalidInputError(
            f"notifier must be one of Airflow's notifiers, such as an SmtpNotifier, not {notifier!r}."
        )
    is_slack = any("slack" in kind.__module__.lower() for kind in type(notifier).__mro__)
    defaults = inspect.signature(type(notifier).__init__).parameters
    templates = {}
    for field in notifier.template_fields:
        if (part := _FILLED.get(field)) is None or field not in defaults:
            continue
        if getattr(notifier, field, None) == defaults[field].default:
            shown = "mrkdwn" if is_slack and part == "text" else part
            templates[field] = f"{{{{ sailpoint.{shown} }}}}"
    if not templates and not any(
        "sailpoint." in str(getattr(notifier, f, "")) for f in notifier.template_fields
    ):
        raise InvalidInputError(
            f"{type(notifier).__name__} would not show the message. Set one of its fields to a template such "
            f"as '{{{{ sailpoint.text }}}}'; its fields are {', '.join(notifier.template_fields) or 'none'}."
        )
    return templates


def _message_about(context: Context, *, with_messages: bool) -> Message:
    task = _name_of(context)
    message = _ended(context, task, with_messages=with_messages)
    rows, try_number = message.rows, getattr(context["ti"], "try_number", None)
    if isinstance(try_number, int) and try_number > 1:
        rows = (*rows, ("Try", str(try_number)))
    return replace(message, rows=rows, links=_links_of(context))


def _ended(context: Context, task: str, *, with_messages: bool) -> Message:
    rows = (("Task", task),)
    if "exception" not in context:
        # Airflow's DAG processor calls the failure callbacks of a task whose process is gone.
        lost = "The task's process ended without a result. An aggregation may still be running in ISC."
        return Message("FAILED", task, lost, rows)
    error: Any = context["exception"]
    if error is None:
        result = _returned(context)
        if result is None:
            return Message("SUCCEEDED", task, rows=rows)
        return about_result(result, task, with_messages=with_messages)
    if isinstance(error, SailPointError):
        return about_error(error, task, with_messages=with_messages)
    # The text of an error from elsewhere may hold anything, and that of a skip ISC's messages.
    if isinstance(error, AirflowSkipException):
        return Message("SKIPPED", task, "The task's log says why.", rows)
    if isinstance(error, _TIMEOUTS):
        return Message("TIMED OUT", task, "An aggregation may still be running in ISC.", rows)
    return Message("FAILED", task, f"{type(error).__name__}: the task's log says more.", rows)


def _returned(context: Context) -> AggregationResult | None:
    """Return the result that the task returned, None if it returned none or Airflow does not have it."""
    ti: Any = context["ti"]
    try:
        result = ti.xcom_pull(task_ids=ti.task_id, key="return_value")
    except Exception:
        return None
    if not isinstance(result, Mapping) or not set(AggregationResult.__annotations__) <= set(result):
        return None
    return cast("AggregationResult", result)


def _name_of(context: Context) -> str:
    ti: Any = context["ti"]
    name = ".".join(str(part) for part in (getattr(ti, "dag_id", None), ti.task_id) if part)
    index = getattr(ti, "map_index", -1)
    return f"{name}[{index}]" if isinstance(index, int) and index >= 0 else name


def _links_of(context: Context) -> tuple[tuple[str, str], ...]:
    ti: Any = context["ti"]
    task: Any = context.get("task")
    pages = [] if task is None else [(link.name, link.get_link(task, ti_key=ti)) for link in LINKS[:1]]
    pages.append(("Task log", getattr(ti, "log_url", None) or ""))
    return tuple((label, url) for label, url in pages if url.startswith(("https://", "http://")))
