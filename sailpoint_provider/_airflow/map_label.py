"""Names a mapped task after the source that it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_VARIABLE = "sailpoint_source"
_TEMPLATE = "{{ sailpoint_source }}"


def label_by_source(context: Context, source: str | None) -> None:
    """
    Name a mapped task after its source, unless the DAG sets ``map_index_template``.

    Airflow renders the template from the context once more when the task ends; a default in the operator
    would not reach it, because Airflow reads the template of the mapped task.

    :param source: name of the source, or its ID while the name is unknown; None if neither is known.
    """
    variables = cast("dict[str, Any]", context)
    if not source or getattr(context["ti"], "map_index", -1) < 0:
        return
    if variables.get("map_index_template") in (None, _TEMPLATE):
        variables["map_index_template"] = _TEMPLATE
        variables[_VARIABLE] = source
