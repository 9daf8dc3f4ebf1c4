"""Takes the files of a drop folder for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from sailpoint_provider._airflow.drop import drops_of_run

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.drops.rules import FolderRules


class SailPointTakeDropsOperator(BaseOperator):
    """
    Takes a run's drops, at most one of each source, and returns them for a mapped load.

    :meth:`SailPointDropFolder.take` makes it. It is skipped if nothing is left to take.

    :param rules: the folder.
    """

    ui_color = "#cfe3f7"

    def __init__(self, *, rules: FolderRules, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = rules

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Take them."""
        return drops_of_run(self.rules, context)
