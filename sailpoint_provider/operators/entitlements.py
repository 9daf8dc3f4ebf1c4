"""Loads the entitlements of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sailpoint_provider._airflow.parameters import given_parameters
from sailpoint_provider.isc.kinds import ENTITLEMENT_AGGREGATION
from sailpoint_provider.operators.file_load import FileLoadOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import XComArg


class SailPointEntitlementAggregationOperator(FileLoadOperator):
    """
    Loads the entitlements of a source into Identity Security Cloud (ISC).

    It starts once, and ends as ISC's task status says, with the guarantees and parameters of
    :class:`~sailpoint_provider.operators.aggregation.SailPointAccountAggregationOperator`. It has no
    ``disable_optimization``, and its counts are in ``entitlements`` of the result. Needs the scope
    ``idn:entitlement:manage`` and a personal access token.

    :param source_id: ID of the source, 32 hex characters; or set ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it, which must be unique. (templated)
    :param file: CSV of a delimited-file source, with one entitlement per row: a path, a URL or an
        ``ObjectStoragePath``; None for a direct source, or where a virtual appliance reads the file.
        (templated)
    :param object_type: entitlement type of the rows in ``file``, such as ``group``; None for ISC's default.
        SailPoint's OpenAPI documents have no such part: it is sent as ``objectType``, as SailPoint's File
        Upload Utility does. (templated)
    :param drop: a drop in place of source and file; use a folder of its own for entitlements. (templated)
    :param check: whether the file is checked before it is sent, and how. Rules about keys and the number of
        accounts in ISC do not apply; the report says why.
    :param if_running: what to do while another entitlement aggregation of the source is running: ``wait``,
        ``adopt`` (not with ``file``), ``fail`` or ``skip``.
    :raises InvalidInputError: a parameter is invalid.
    """

    template_fields: Sequence[str] = (*FileLoadOperator.template_fields, "object_type")

    kind = ENTITLEMENT_AGGREGATION

    def __init__(self, *, object_type: str | XComArg | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Airflow replaces an XComArg by its value when it renders the template fields.
        self.object_type = cast("str | None", object_type)
        self._given = given_parameters(self)
