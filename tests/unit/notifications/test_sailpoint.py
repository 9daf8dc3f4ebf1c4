"""The notifier: what reaches whom, through a real SMTP connection and a double of Slack's notifier."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG

from sailpoint_provider.exceptions import (
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    SailPointError,
)
from sailpoint_provider.get_provider_info import get_provider_info
from sailpoint_provider.notifications.sailpoint import SailPointNotifier
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.unit.airflow_cases import DIRECTORY, HR, POLL, FakeTaskInstance, carried_out, end_of
from tests.unit.notifications.smtp_server import MailServer

UI = "https://acme.identitynow.com"
PAGE = f"{UI}/ui/a/admin/connections/sources/{DIRECTORY}"
LOG = "https://airflow.example.org/dags/nightly/runs/r/tasks/task"


@dataclass
class SomebodysNotifier(BaseNotifier):
    """Remembers what it was to send."""

    channel: str = "#general"
    text: str = "This is a default message"
    sent: list[Any] = field(default_factory=list)

    template_fields = ("text", "channel")

    def __post_init__(self):
        super().__init__()

    def notify(self, context):
        self.sent.append((self.channel, self.text))


class SlackNotifier(SomebodysNotifier):
    """Has the fields of Slack's, which is recognised by the name of its module."""

    __module__ = "airflow.providers.slack.notifications.slack"


class RequiredNotifier(SomebodysNotifier):
    """Has a text without a default, as the notifier for Slack's webhooks does."""

    def __init__(self, *, text):
        super().__init__(text=text)


@dataclass
class Ran:
    """A task that ended, with the context that Airflow hands to its callbacks."""

    task: Any
    ti: FakeTaskInstance
    exception: Any

    @property
    def context(self):
        self.ti.dag_id, self.ti.log_url = "nightly", LOG
        return {**self.ti.context, "dag": DAG("nightly", schedule=None), "task": self.task} | {
            "exception": self.exception
        }


def run(**settings):
    """Run an operator to its end, as Airflow does, with the XCom of its result."""
    usual = {"task_id": "task", "source_id": DIRECTORY, "poll_interval": POLL}
    made = []

    def make():
        made.append(SailPointAccountAggregationOperator(**usual | settings))
        return made[-1]

    ti = FakeTaskInstance()
    end = end_of(make, ti)
    if isinstance(end, Exception):
        return Ran(made[-1], ti, end)
    ti.pushed["return_value"] = json.loads(json.dumps(end))
    return Ran(made[-1], ti, None)


@pytest.fixture
def tenant(tenant):
    tenant.connect(extra={"ui_url": UI})
    return tenant


def text_of(context, **settings):
    notifier = SomebodysNotifier()
    SailPointNotifier(notifier, **settings)(context)
    ((_, text),) = notifier.sent
    return text


@pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
def test_a_good_end_is_reported_with_its_counts_and_links(tenant, deferrable):
    text = text_of(run(deferrable=deferrable).context)
    assert text.startswith("SUCCEEDED: Directory · ")
    assert "Accounts scanned" in text
    assert f"Task log: {LOG}" in text
    if not deferrable:
        assert f"Open source in ISC: {PAGE}" in text


def test_a_bad_end_is_reported_with_its_result(tenant):
    tenant.plan(DIRECTORY, "error")
    ran = run()
    text = text_of(ran.context)
    assert text.startswith("FAILED: Directory")
    assert ran.exception.result["aggregation_id"] in text
    assert f"Open source in ISC: {PAGE}" in text


def test_a_refused_file_is_reported_without_the_keys_in_it(tenant, tmp_path):
    file = tenant.csv(tmp_path, rows=3)
    ran = run(source_id=HR, file=str(file), check={"min_rows": 100})
    text = text_of(ran.context)
    assert text.startswith("FILE REFUSED: accounts.csv")
    assert "Refused by: rows" in text
    assert "id 1" not in text


@pytest.mark.parametrize(
    ("error", "is_quoted"),
    [
        (InvalidInputError("ISC returned HTTP 400, Some Name is unknown", status=400), False),
        (ProtocolError("ISC's messages: Some Name", status=202), False),
        (InvalidInputError("timeout: Some Name"), True),
    ],
)
def test_what_isc_says_in_an_error_is_quoted_only_if_asked_for(error, is_quoted):
    context = Ran(None, FakeTaskInstance(), error).context
    assert ("Some Name" in text_of(context)) is is_quoted
    assert is_quoted or f"ISC returned HTTP {error.status}. The task's log" in text_of(context)
    assert "Some Name" in text_of(context, with_messages=True)


def test_no_secret_is_ever_in_a_message(tenant):
    tenant.connect(password="an0ther-secret-of-hours")
    ran = run()
    assert isinstance(ran.exception, AuthenticationError)
    text = text_of(ran.context)
    assert "Check the connection's login" in text
    assert "an0ther" not in text


def test_of_an_error_from_elsewhere_only_the_class_is_reported():
    ran = Ran(None, FakeTaskInstance(), ValueError("s3cret"))
    text = text_of(ran.context)
    assert text.startswith("FAILED: nightly.task\n\nValueError: the task's log says more.")
    assert "s3cret" not in text


@pytest.mark.parametrize("error", [AirflowSensorTimeout("s3cret"), AirflowTaskTimeout("s3cret")])
def test_a_timeout_is_reported_as_one(error):
    text = text_of(Ran(None, FakeTaskInstance(), error).context)
    assert text.startswith("TIMED OUT: nightly.task")
    assert "s3cret" not in text


def test_a_skip_is_reported_as_one():
    skip = AirflowSkipException("Skipped instead of failed: jane.doe is broken")
    text = text_of(Ran(None, FakeTaskInstance(), skip).context)
    assert text.startswith("SKIPPED: nightly.task")
    assert "jane.doe" not in text


def test_a_task_whose_process_is_gone_has_failed_although_there_is_no_error():
    context = Ran(None, FakeTaskInstance(), None).context
    del context["exception"]
    assert text_of(context).startswith("FAILED: nightly.task\n\nThe task's process ended")


def test_a_task_without_a_result_is_reported_by_its_name():
    ti = FakeTaskInstance(try_number=2)
    ti.map_index = 4
    text = text_of(Ran(None, ti, None).context)
    assert text.startswith("SUCCEEDED: nightly.task[4]\n")
    assert "Try   2" in text


def test_a_return_value_that_is_no_result_is_not_read():
    ti = FakeTaskInstance(pushed={"return_value": {"aggregation_id": "x"}})
    assert text_of(Ran(None, ti, None).context).startswith("SUCCEEDED: nightly.task\n")


def test_an_airflow_that_does_not_answer_costs_the_counts_not_the_message(monkeypatch):
    def down(self, **_):
        raise ConnectionError("the API server is down")

    monkeypatch.setattr(FakeTaskInstance, "xcom_pull", down)
    assert text_of(Ran(None, FakeTaskInstance(), None).context).startswith("SUCCEEDED: nightly.task")


def test_slack_gets_its_own_markup():
    slack = SlackNotifier(channel="#loads")
    SailPointNotifier(slack)(Ran(None, FakeTaskInstance(), SailPointError("a <!channel> & b")).context)
    ((channel, text),) = slack.sent
    assert channel == "#loads"
    assert text.startswith("*FAILED: nightly.task*\na &lt;!channel&gt; &amp; b\n```\n")
    assert f"<{LOG}|Task log>" in text


def test_a_field_that_the_user_set_stays_and_may_use_the_message():
    notifier = SomebodysNotifier(text="{{ dag.dag_id }} says: {{ sailpoint.subject }}")
    SailPointNotifier(notifier)(Ran(None, FakeTaskInstance(), None).context)
    assert notifier.sent == [("#general", "nightly says: SUCCEEDED: nightly.task")]


def test_a_notifier_whose_text_has_no_default_takes_a_template():
    notifier = RequiredNotifier(text="{{ sailpoint.text }}")
    SailPointNotifier(notifier)(Ran(None, FakeTaskInstance(), None).context)
    assert notifier.sent[0][1].startswith("SUCCEEDED: nightly.task")


def test_words_of_isc_are_not_rendered_as_a_template():
    error = SailPointError("{{ 7 * 7 }} {% raw %}")
    assert "{{ 7 * 7 }} {% raw %}" in text_of(Ran(None, FakeTaskInstance(), error).context)


def test_one_notifier_mentions_one_task_after_the_other():
    inner = SomebodysNotifier()
    notifier = SailPointNotifier(inner)
    for error in (None, SailPointError("no")):
        notifier(Ran(None, FakeTaskInstance(), error).context)
    assert [text.partition(":")[0] for _, text in inner.sent] == ["SUCCEEDED", "FAILED"]


@pytest.mark.parametrize("notifier", [None, print, "mail", SomebodysNotifier])
def test_what_is_no_notifier_is_refused(notifier):
    with pytest.raises(InvalidInputError, match="must be one of Airflow's notifiers"):
        SailPointNotifier(notifier)


def test_a_notifier_that_would_not_show_the_message_is_refused():
    with pytest.raises(InvalidInputError, match=r"'{{ sailpoint\.text }}'.*text, channel"):
        SailPointNotifier(RequiredNotifier(text="The load failed."))


def test_a_mail_has_the_verdict_as_its_subject_and_the_table_as_html(tenant, monkeypatch):
    tenant.plan(DIRECTORY, "error")
    ran = run()
    with MailServer() as server:
        extra = {"disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        notifier = SailPointNotifier(SmtpNotifier(to="ops@example.org", from_email="airflow@example.org"))
        notifier(ran.context)
        (mail,) = server.mails
    assert mail["Subject"].startswith("FAILED: Directory")
    assert mail["To"] == "ops@example.org"
    html = mail.get_body(("html",)).get_content()
    assert html.startswith("<p><b>FAILED: Directory")
    assert '<th align="left">Source</th><td>Directory</td>' in html
    assert f'<a href="{PAGE}">Open source in ISC</a>' in html


def test_airflow_calls_it_as_a_callback(tenant):
    told = SomebodysNotifier()
    task = SailPointAccountAggregationOperator(
        task_id="task", source_id=DIRECTORY, on_failure_callback=SailPointNotifier(told)
    )
    (callback,) = task.on_failure_callback
    callback(Ran(task, FakeTaskInstance(), SailPointError("no")).context)
    assert told.sent[0][1].startswith("FAILED: nightly.task")


def test_the_metadata_name_it():
    (path,) = get_provider_info()["notifications"]
    assert path == f"{SailPointNotifier.__module__}.{SailPointNotifier.__qualname__}"


def test_the_result_of_a_whole_run_is_what_the_callback_reads(tenant):
    ti = FakeTaskInstance()
    result = carried_out(
        lambda: SailPointAccountAggregationOperator(
            task_id="task", source_id=DIRECTORY, poll_interval=POLL, wait_for_completion=False
        ),
        ti,
    )
    ti.pushed["return_value"] = result
    assert text_of(Ran(None, ti, None).context).startswith("STARTED: Directory")
