"""Loads the uncorrelated accounts of a source."""

from __future__ import annotations

from typing import Any

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.kinds import UNCORRELATED_ACCOUNTS
from sailpoint_provider.operators.file_load import FileLoadOperator


class SailPointUncorrelatedAccountsOperator(FileLoadOperator):
    """
    Assigns uncorrelated accounts of a source to identities, as a CSV says.

    It starts once, and ends as ISC's task status says, with the guarantees and parameters of
    :class:`~sailpoint_provider.operators.aggregation.SailPointAccountAggregationOperator`. It has no
    ``disable_optimization``.

    :param source_id: ID of the source, 32 hex characters; or set ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it, which must be unique. (templated)
    :param file: the CSV that ISC exports under *Uncorrelated Accounts*, filled in: a path, a URL or an
        ``ObjectStoragePath``. Sources of every type take one. (templated)
    :param drop: a drop in place of source and file; use a folder of its own for such files. (templated)
    :param check: whether the file is checked before it is sent, and how. Rules about keys and numbers of
        accounts do not apply; the report says why.
    :param if_running: what to do while another such load of the source is running: ``wait``, ``fail`` or
        ``skip``.
    :raises InvalidInputError: a parameter is invalid, or neither ``file`` nor ``drop`` is set.
    """

    kind = UNCORRELATED_ACCOUNTS

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with airflow_errors():
            if self.file is None and self.drop is None:
                raise InvalidInputError(
                    "A load of uncorrelated accounts needs a file. Set file to the CSV to load, or drop to a "
                    "drop."
                )
