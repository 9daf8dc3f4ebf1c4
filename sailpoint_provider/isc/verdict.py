"""Says in one line how a load began and how it ended: the verdict first, the ID last."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sailpoint_provider.amounts import duration, size
from sailpoint_provider.exceptions import AggregationFailedError
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, LoadKind
from sailpoint_provider.isc.outcome import is_good_end, normalized_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult, UploadedFile

_BETWEEN = " · "
_ALWAYS = ("created", "updated", "deleted")
_UNLESS_ZERO = ("unchanged", "ignored")


def start_line(started: Checkpoint, kind: LoadKind = ACCOUNT_AGGREGATION) -> str:
    """
    Return one line for the log: what was started, with which file.

    :param started: the checkpoint of the load that ISC acknowledged.
    """
    parts = ["STARTED", started.source_name]
    if started.sent is not None:
        parts.append(_file(started.sent, with_size=True))
    return _BETWEEN.join([*parts, f"{kind.name} {started.aggregation_id}"])


def end_line(
    result: AggregationResult, kind: LoadKind = ACCOUNT_AGGREGATION, *, fail_on_warning: bool = False
) -> str:
    """
    Return one line for the log, or for the error: how the load ended, and what it did.

    :param fail_on_warning: whether warnings fail the task.
    """
    is_good = is_good_end(result, fail_on_warning=fail_on_warning)
    parts = [_headline(result, is_good=is_good), *_messages(result), *_counts(result, kind)]
    if result["deletions_skipped"]:
        parts.append("ISC deleted no accounts, because the source's delete threshold was exceeded")
    first, rest = parts[0], parts[1:]
    text = f"{first}: {_BETWEEN.join(rest)}" if rest else first
    whose = [text]
    if kind.takes_file or result["source_id"] is not None:
        whose.append(result["source_name"] or f"source {result['source_id'] or 'unknown'}")
    if result["file"] is not None:
        whose.append(_file(result["file"]))
    if not is_good:
        whose.append(f"completionStatus {result['completion_status']}, status {result['status']}")
    line = _BETWEEN.join([*whose, f"{kind.name} {result['aggregation_id']}"])
    return line if is_good else line + _advice(result)


def end_level(result: AggregationResult, *, fail_on_warning: bool = False) -> int:
    """Return the level of the end's log line: ``ERROR`` for a bad end, ``WARNING`` for deletions."""
    if not is_good_end(result, fail_on_warning=fail_on_warning):
        return logging.ERROR
    if result["state"] == "succeeded_with_warnings" or result["deletions_skipped"]:
        return logging.WARNING
    has_deleted = result["accounts"]["deleted"] or result["entitlements"]["deleted"]
    return logging.WARNING if has_deleted else logging.INFO


def check_end(
    result: AggregationResult, *, fail_on_warning: bool = False, kind: LoadKind = ACCOUNT_AGGREGATION
) -> AggregationResult:
    """
    Return the result if the load succeeded.

    :param fail_on_warning: whether ``succeeded_with_warnings`` counts as a failure.
    :param kind: the kind of load, for the error.
    :raises AggregationFailedError: the load failed.
    """
    if not is_good_end(result, fail_on_warning=fail_on_warning):
        raise AggregationFailedError(result, end_line(result, kind, fail_on_warning=fail_on_warning))
    return result


def log_end(
    log: logging.Logger, result: AggregationResult, kind: LoadKind, *, fail_on_warning: bool = False
) -> None:
    """Log how a load ended."""
    line = end_line(result, kind, fail_on_warning=fail_on_warning)
    log.log(end_level(result, fail_on_warning=fail_on_warning), "%s", line)


def _headline(result: AggregationResult, *, is_good: bool) -> str:
    verdict = result["state"].replace("_", " ").upper()
    if not is_good and result["state"] == "succeeded_with_warnings":
        verdict = "FAILED ON WARNINGS"
    seconds = result["duration_seconds"]
    return verdict if seconds is None else f"{verdict} in {duration(seconds)}"


MOST_MESSAGES = 20
"""The most messages of ISC that a log line or an error quotes."""


def _messages(result: AggregationResult) -> list[str]:
    """Return ISC's messages, where the end is not plainly good."""
    if result["state"] == "succeeded":
        return []
    texts = [text for message in result["messages"] if (text := message["text"].strip())]
    shown, more = texts[:MOST_MESSAGES], len(texts) - MOST_MESSAGES
    return [" | ".join(shown) + (f" | … and {more:,} more" if more > 0 else "")] if texts else []


def _counts(result: AggregationResult, kind: LoadKind) -> list[str]:
    counts: Mapping[str, Any] = result[kind.counted]
    shown = [f"{counts[name]:,} {name}" for name in _ALWAYS if counts[name] is not None]
    shown += [f"{counts[name]:,} {name}" for name in _UNLESS_ZERO if counts.get(name)]
    return [", ".join(shown)] if shown else []


def _file(file: UploadedFile, *, with_size: bool = False) -> str:
    parts = [file["name"]]
    if with_size or file["rows"] is None:
        parts.append(size(file["size_bytes"]))
    if file["rows"] is not None:
        parts.append(f"{file['rows']:,} {'row' if file['rows'] == 1 else 'rows'}")
    return ", ".join(parts)


def _advice(result: AggregationResult) -> str:
    if result["state"] == "succeeded_with_warnings":
        return ". The warnings fail the task, because fail_on_warning is True."
    completion = result["completion_status"]
    if completion is not None and normalized_status(completion) == "TEMPERROR":
        return ". ISC reports a temporary error. Retry the task."
    return ""
