"""Settings of a source that decide what becomes of the rows of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sailpoint_provider.coercion import as_bool, as_int


def delete_threshold(value: Any) -> float | None:
    """
    Return the percentage of accounts above which ISC skips deletions (ISC OpenAPI, ``deleteThreshold``).

    :param value: the field of a source, a whole number from 0 to 100.
    :returns: None if it is missing, not such a number, or 0: SailPoint's guide to account aggregation allows
        1 to 100, and nobody has shown that 0 protects anything.
    """
    percentage = as_int(value)
    return float(percentage) if percentage is not None and 0 < percentage <= 100 else None


def merges_rows(connector_attributes: Any) -> bool:
    """
    Return whether several rows of one key are one account.

    The OpenAPI documents leave the keys of ``connectorAttributes`` open. SailPoint's guides to its JDBC and
    SQL Loader connectors name the key ``mergeRows``; its value is a boolean or the text of one.

    :param connector_attributes: the field of a source.
    """
    attributes = connector_attributes if isinstance(connector_attributes, Mapping) else {}
    return as_bool(attributes.get("mergeRows")) is True
