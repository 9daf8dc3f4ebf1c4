"""Takes the files of a drop folder for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.assets.drops import SailPointDropFolder


class SailPointTakeDropsOperator(BaseOperator):
    """
    Takes a run's drops, at most one of each source, and returns them for a mapped load.

    It is skipped if nothing is left to take; see :meth:`SailPointDropFolder.drops`.

    :param folder: the folder.
    """

    ui_color = "#cfe3f7"

    def __init__(self, *, folder: SailPointDropFolder, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Take them."""
        return self.folder.drops(context)
