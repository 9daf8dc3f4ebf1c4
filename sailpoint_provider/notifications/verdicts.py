"""What a message says about the result of a load, or about the error that ended its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    AggregationFailedError,
    AggregationTimeoutError,
    FileRefusedError,
    InvalidInputError,
    ProtocolError,
    RefreshFailedError,
    SailPointError,
)
from sailpoint_provider.isc.outcome import BAD_STATES
from sailpoint_provider.notifications.message import Message

if TYPE_CHECKING:
    from sailpoint_provider.results import AggregationResult

_VERDICTS = {"running": "STARTED", "succeeded_with_warnings": "SUCCEEDED WITH WARNINGS"}
_COUNTS = ("scanned", "created", "updated", "deleted", "unchanged", "ignored")
_IN_SUBJECT = ("created", "updated", "deleted")
_MOST_MESSAGES = 3


def about_result(result: AggregationResult, task: str, *, with_messages: bool = False) -> Message:
    """
    Return what to say about an aggregation.

    :param result: its result.
    :param task: name of the task.
    :param with_messages: whether ISC's messages are quoted, which can name accounts.
    """
    counted, counts = _counts_of(result)
    known = {name: counts[name] for name in _COUNTS if counts.get(name) is not None}
    source = result["source_name"] or result["source_id"] or task
    changes = ", ".join(f"{known[name]:,} {name}" for name in _IN_SUBJECT if name in known)
    rows = [("Source", source)]
    rows += [(f"{counted} {name}", f"{count:,}") for name, count in known.items()]
    if (file := result["file"]) is not None:
        rows.append(("File", file["name"]))
    if (seconds := result["duration_seconds"]) is not None:
        rows.append(("Duration", f"{seconds:,.0f} s"))
    rows += [("Task", task), ("Aggregation", result["aggregation_id"])]
    return Message(
        _VERDICTS.get(result["state"], result["state"].upper()),
        " · ".join(filter(None, (source, changes))),
        _remarks(result, with_messages=with_messages),
        tuple(rows),
    )


def about_error(error: SailPointError, task: str, *, with_messages: bool = False) -> Message:
    """
    Return what to say about an error.

    A refused file is not described in the words of its check or of ISC, because these can hold keys of
    accounts.

    :param error: the error.
    :param task: name of the task.
    :param with_messages: whether ISC's messages are quoted, which can name accounts.
    """
    if isinstance(error, AggregationFailedError):
        message = about_result(error.result, task, with_messages=with_messages)
        if error.result["state"] not in BAD_STATES:
            message = replace(message, verdict="FAILED ON WARNINGS")
        return message
    if isinstance(error, RefreshFailedError):
        return _about_refresh(error, task, with_messages=with_messages)
    if isinstance(error, FileRefusedError):
        return _about_refused_file(error, task)
    verdict = "FAILED"
    if isinstance(error, AggregationTimeoutError):
        verdict = "TIMED OUT"
    elif isinstance(error, AggregationAlreadyRunningError):
        verdict = "NOT STARTED"
    rows = [("Error", type(error).__name__)]
    if error.tracking_id:
        rows.append(("trackingId", error.tracking_id))
    return Message(verdict, task, _sentence(error, with_messages=with_messages), (*rows, ("Task", task)))


def _sentence(error: SailPointError, *, with_messages: bool) -> str:
    """Return what an error says, without what ISC says in it if that is not to be quoted."""
    quotes_isc = isinstance(error, InvalidInputError | ProtocolError) and error.status is not None
    if with_messages or not quotes_isc:
        return str(error)
    return f"ISC returned HTTP {error.status}. The task's log says what it means."


def _counts_of(result: AggregationResult) -> tuple[str, Mapping[str, Any]]:
    """Return what a load counted, and the numbers."""
    entitlements: Mapping[str, Any] = result["entitlements"]
    if any(count is not None for count in entitlements.values()):
        return "Entitlements", entitlements
    return "Accounts", result["accounts"]


def _about_refresh(error: RefreshFailedError, task: str, *, with_messages: bool) -> Message:
    parts = error.result["parts"]
    bad = [part for part in parts if part["state"] in BAD_STATES]
    bad = bad or [part for part in parts if part["state"] != "succeeded"]
    texts = [message["text"] for part in bad for message in part["messages"] if message["text"]]
    rows = (("Parts", f"{len(parts):,}"), ("Parts that did not succeed", f"{len(bad):,}"), ("Task", task))
    return Message("FAILED", f"Identity refresh {task}", _quoted(texts, with_messages=with_messages), rows)


def _remarks(result: AggregationResult, *, with_messages: bool) -> str:
    remarks = []
    if result["deletions_skipped"]:
        remarks.append("ISC deleted no accounts, because the source's delete threshold was exceeded.")
    texts = [message["text"] for message in result["messages"] if message["text"]]
    remarks.append(_quoted(texts, with_messages=with_messages))
    return " ".join(filter(None, remarks))


def _quoted(texts: list[str], *, with_messages: bool) -> str:
    """Return ISC's messages, or where they are; empty if there are none."""
    if not texts:
        return ""
    if with_messages:
        return "ISC's messages: " + " | ".join(texts[:_MOST_MESSAGES])
    return f"ISC's messages are in the task's log ({len(texts)})."


def _about_refused_file(error: FileRefusedError, task: str) -> Message:
    report: Mapping[str, Any] = error.report or {}
    name = str(report.get("name") or task)
    if not report:
        sentence = "ISC refused the file and loaded nothing. The task's log says why."
    else:
        rules = [rule["rule"] for rule in report.get("rules", ()) if rule["state"] == "refused"]
        refused_by = ", ".join(rules) or "the check"
        sentence = f"Nothing was sent. Refused by: {refused_by}. The report is in the task's log."
    rows = [("File", name)] if report else []
    rows += [(label, f"{count:,}") for label, count in _forecast(report) if count is not None]
    if error.tracking_id:
        rows.append(("trackingId", error.tracking_id))
    return Message("FILE REFUSED", name, sentence, (*rows, ("Task", task)))


def _forecast(report: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    """Return the numbers of a report on a file."""

    def count(key: str) -> int | None:
        accounts = report.get(key)
        return accounts["count"] if isinstance(accounts, Mapping) else accounts

    return [
        ("Rows", count("rows")),
        ("Accounts", count("accounts")),
        ("Accounts to create", count("joiners")),
        ("Accounts to update", count("movers")),
        ("Accounts to delete", count("leavers")),
    ]
