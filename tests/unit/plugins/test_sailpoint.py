"""The plugin: what Airflow takes from it, and what it costs the processes that show no page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest
from airflow import plugins_manager
from airflow.providers.common.compat.sdk import BaseOperator

from sailpoint_provider._airflow.lineage import LoadLineage
from sailpoint_provider.get_provider_info import get_provider_info
from sailpoint_provider.operators.load import LoadOperator
from sailpoint_provider.plugins.page_files import PageFiles, page_files
from sailpoint_provider.plugins.sailpoint import AIRFLOW_SHOWS_VIEWS, SailPointPlugin

PROJECT = Path(__file__).parents[3]
SHOWS_VIEWS = hasattr(plugins_manager.AirflowPlugin, "external_views")
WITH_VIEWS = pytest.mark.skipif(not SHOWS_VIEWS, reason="Airflow 3.0 shows no pages of plugins")
IMPORTED = """
import json, sys
import airflow.sdk, airflow.plugins_manager
from airflow.providers.common.compat.sdk import AirflowPlugin
before = set(sys.modules)
import sailpoint_provider.plugins.sailpoint
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_airflow_itself_says_whether_it_shows_pages():
    assert AIRFLOW_SHOWS_VIEWS is SHOWS_VIEWS


def test_airflow_takes_it_for_a_plugin(monkeypatch):
    # Before Airflow 3.2 this is None until Airflow loads its plugins.
    monkeypatch.setattr(plugins_manager, "plugins", [], raising=False)
    SailPointPlugin.validate()
    assert plugins_manager.is_valid_plugin(SailPointPlugin)


@WITH_VIEWS
def test_the_page_is_in_the_navigation_and_served_where_it_points_to():
    (view,) = SailPointPlugin.external_views
    (app,) = SailPointPlugin.fastapi_apps
    assert view["href"] == f"{app['url_prefix'].lstrip('/')}/"
    assert view["destination"] == "nav"
    assert isinstance(app["app"], PageFiles)
    assert view["icon"].removeprefix(view["href"]) in page_files()


@WITH_VIEWS
def test_airflows_api_can_describe_it():
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse, FastAPIAppResponse

    (view,) = SailPointPlugin.external_views
    (app,) = SailPointPlugin.fastapi_apps
    assert ExternalViewResponse.model_validate(view).href == view["href"]
    described = {**app, "app": type(app["app"]).__qualname__}
    assert FastAPIAppResponse.model_validate(described).url_prefix == "/sailpoint"


@pytest.mark.skipif(SHOWS_VIEWS, reason="this Airflow shows pages of plugins")
def test_without_pages_the_list_of_plugins_says_why():
    assert SailPointPlugin.fastapi_apps == []
    assert "needs Airflow 3.1" in SailPointPlugin.name


def test_importing_it_loads_nothing_but_this_package():
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert run.returncode == 0, run.stderr
    loaded = json.loads(run.stdout.splitlines()[-1])
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert foreign <= {"sailpoint_provider"}, loaded


def classes_of(part):
    """Return the operators or sensors that the provider's metadata names."""
    for integration in get_provider_info()[part]:
        for name in integration["python-modules"]:
            for one in vars(import_module(name)).values():
                if isclass(one) and issubclass(one, BaseOperator) and one.__module__ == name:
                    yield one


def names_in(table):
    """Return the names of operators in a table of the page."""
    text = page_files()["loads.mjs"].decode()
    body = re.search(rf"export const {table} = {{(.*?)}};", text, re.DOTALL)
    return set(re.findall(r"(\w+):", body.group(1)))


def test_the_page_knows_every_operator_that_loads():
    loading = {one.__name__ for one in classes_of("operators") if issubclass(one, LoadOperator)}
    assert loading
    assert loading <= names_in("LOAD_OPERATORS")


def test_the_page_knows_every_sensor_of_a_load():
    waiting = {one.__name__ for one in classes_of("sensors") if issubclass(one, LoadLineage)}
    assert waiting
    assert waiting <= names_in("LOAD_SENSORS")
