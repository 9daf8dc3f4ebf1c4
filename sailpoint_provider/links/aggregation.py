"""The links that Airflow shows on a task: to its source, and to the aggregation activity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

from sailpoint_provider.isc.tenant.web_pages import aggregation_activity_page, source_page

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context


class _PushedLink(BaseOperatorLink):
    """
    A link that a task pushes as an XCom as soon as it knows it.

    Airflow reads the links of a task from these XComs. When a process of the task ends, it replaces each by
    what :meth:`get_link` returns.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """
        Return the URL, empty if it is unknown.

        :param operator: the task.
        :param ti_key: identifies the task instance.
        """
        try:
            shown = _shown_by(operator)
            # Airflow logs an error for an XCom that is not there, so it is asked only for what may be.
            if self.xcom_key in shown or not operator.__dict__.get(_RESUMED):
                return shown.get(self.xcom_key, "")
            return str(_pushed_before(ti_key, self.xcom_key) or "")
        except Exception:
            # On Airflow 3.0, an error here would end the task's process before its callbacks.
            return ""


class SailPointSourceLink(_PushedLink):
    """Leads from a task to its source in ISC's web interface."""

    name = "Open source in ISC"


class SailPointAggregationActivityLink(_PushedLink):
    """Leads from a task to ISC's list of sources, whose pages show their aggregation activity."""

    name = "Aggregation activity"


LINKS = (SailPointSourceLink(), SailPointAggregationActivityLink())
"""What operators and sensors set as ``operator_extra_links``."""


def show_links(task: BaseOperator, context: Context, ui_url: str | None, source_id: str | None) -> None:
    """
    Push the links of a task, each once, so that Airflow shows them while the task is running.

    It never raises, because no load may fail for a link.

    :param task: the operator or sensor.
    :param ui_url: scheme, host and port of the web interface; None if unknown, which shows no link.
    :param source_id: ID of the source; None if it is not known yet.
    """
    source, activity = LINKS
    shown = _shown_by(task)
    pages = ((source, source_page(ui_url, source_id)), (activity, aggregation_activity_page(ui_url)))
    for link, page in pages:
        if ui_url is None:
            shown[link.xcom_key] = ""
        if page is None or shown.get(link.xcom_key) == page:
            continue
        shown[link.xcom_key] = page
        try:
            context["ti"].xcom_push(key=link.xcom_key, value=page)
        except Exception as error:
            task.log.debug("Could not push the link %r: %s", link.name, type(error).__name__)


def keep_links(task: BaseOperator) -> None:
    """Keep the links that an earlier process of a task has pushed; call it where a deferred task resumes."""
    task.__dict__[_RESUMED] = True


_RESUMED = "_sailpoint_links_were_shown"


def _shown_by(task: BaseOperator) -> dict[str, str]:
    """Return the URLs that this process knows for a task, by their XCom keys; empty for no page."""
    shown: dict[str, str] = task.__dict__.setdefault("_sailpoint_links", {})
    return shown


def _pushed_before(ti_key: Any, key: str) -> Any:
    """Return the URL that an earlier process of the task has pushed, None for none."""
    from airflow.providers.common.compat.sdk import XCom

    return XCom.get_value(ti_key=ti_key, key=key)
