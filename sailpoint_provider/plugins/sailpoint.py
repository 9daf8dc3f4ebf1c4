"""The page with all loads, in Airflow's navigation."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from sailpoint_provider.plugins.page_files import PageFiles

_PREFIX = "sailpoint"
AIRFLOW_SHOWS_VIEWS = hasattr(AirflowPlugin, "external_views")
"""Airflow 3.1 and later show the pages of plugins."""


class SailPointPlugin(AirflowPlugin):
    """
    Adds the page *SailPoint* to Airflow's navigation, in Airflow 3.1 and later.

    The browser asks Airflow's REST API for all that it shows, with the session of the person who looks at it.
    The plugin therefore only serves static files, and neither reads Airflow's database nor asks ISC.
    """

    name = "sailpoint" if AIRFLOW_SHOWS_VIEWS else "sailpoint (its page needs Airflow 3.1 or later)"

    if AIRFLOW_SHOWS_VIEWS:
        fastapi_apps: list[Any] = [
            {"app": PageFiles(), "url_prefix": f"/{_PREFIX}", "name": "SailPoint loads"}
        ]
        # Relative to Airflow's base URL, which may have a path.
        external_views: list[Any] = [
            {
                "name": "SailPoint",
                "href": f"{_PREFIX}/",
                "destination": "nav",
                "url_route": _PREFIX,
                "icon": f"{_PREFIX}/icon.svg",
            }
        ]
