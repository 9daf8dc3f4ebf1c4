"""What Airflow reads about the package: schemas, forms, entry point, and what reading it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from types import ModuleType

import jsonschema
import pytest
from airflow.providers.common.compat.sdk import BaseHook

from sailpoint_provider import __version__
from sailpoint_provider.get_provider_info import get_provider_info
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.tenant.connection_fields import EXTRA_FIELDS


def schema(name):
    return json.loads(files("airflow").joinpath(name).read_text(encoding="utf-8"))


def connection_type():
    (one,) = get_provider_info()["connection-types"]
    return one


def test_the_metadata_follow_the_runtime_schema():
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_the_metadata_are_json():
    assert json.loads(json.dumps(get_provider_info())) == get_provider_info()


def test_the_parts_that_a_provider_has_follow_the_strict_schema():
    strict = schema("provider.yaml.schema.json")
    parts = (
        "integrations",
        "hooks",
        "operators",
        "sensors",
        "triggers",
        "asset-uris",
        "connection-types",
        "extra-links",
        "notifications",
    )
    for part in parts:
        subschema = strict["properties"][part] | {"definitions": strict.get("definitions", {})}
        jsonschema.validate(get_provider_info()[part], subschema)


def test_the_connection_type_follows_the_strict_schema_of_airflow_3_2_and_newer():
    strict = schema("provider.yaml.schema.json")["properties"]["connection-types"]
    if "conn-fields" not in strict["items"]["properties"]:
        pytest.skip("this Airflow knows no conn-fields")
    jsonschema.validate(get_provider_info()["connection-types"], strict)


def test_names_and_version_are_those_of_the_package():
    info = get_provider_info()
    assert (info["package-name"], info["versions"]) == ("airflow-provider-sailpoint", [__version__])
    assert connection_type()["connection-type"] == SailPointHook.conn_type
    assert connection_type()["hook-name"] == SailPointHook.hook_name


def test_every_module_that_is_named_is_there():
    info = get_provider_info()
    for part in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[part]:
            for module in entry["python-modules"]:
                import_module(module)
    for path in (*info["extra-links"], *info["notifications"]):
        module, _, name = path.rpartition(".")
        assert isinstance(getattr(import_module(module), name), type)
    module, _, name = connection_type()["hook-class-name"].rpartition(".")
    assert getattr(import_module(module), name) is SailPointHook
    assert issubclass(SailPointHook, BaseHook)


def test_the_form_has_a_field_for_every_key_of_extra():
    fields = connection_type()["conn-fields"]
    assert set(fields) == set(EXTRA_FIELDS)
    assert fields["api_version"]["schema"]["enum"] == list(API_VERSIONS)
    assert "null" in fields["timeout"]["schema"]["type"]
    assert fields["proxies"]["schema"]["format"] == "password"


def test_the_form_stores_nothing_in_extra_that_nobody_chose():
    fields = connection_type()["conn-fields"]
    assert [name for name, field in fields.items() if field["schema"].get("default") is not None] == []


def test_the_form_lets_a_port_be_entered_without_which_airflow_cannot_test_it():
    behaviour = connection_type()["ui-field-behaviour"]
    assert "port" not in behaviour["hidden-fields"]
    assert behaviour["placeholders"]["port"].startswith("0 ")


def test_the_standard_fields_are_labelled_alike_in_every_version():
    old, new = SailPointHook.get_ui_field_behaviour(), connection_type()["ui-field-behaviour"]
    assert old["relabeling"] == new["relabeling"]
    assert old["hidden_fields"] == new["hidden-fields"]
    assert old["placeholders"] == new["placeholders"]
    assert new["relabeling"]["password"] == "Client Secret"
    jsonschema.validate(old, schema("customized_form_field_behaviours.schema.json"))


class Field:
    """A form field that remembers how it was made."""

    def __init__(self, label, validators=(), description=""):
        self.label, self.validators, self.description = label, validators, description


class PasswordField(Field):
    """One whose value is not shown."""


@pytest.fixture
def wtforms(monkeypatch):
    """Use the wtforms that is installed, else a stand-in with what the form needs of it."""
    try:
        return import_module("wtforms")
    except ImportError:
        form, validators = ModuleType("wtforms"), ModuleType("wtforms.validators")
    form.StringField, form.PasswordField, form.validators = Field, PasswordField, validators
    validators.Optional, validators.any_of = lambda: "optional", lambda choices: ("any of", choices)
    monkeypatch.setitem(sys.modules, "wtforms", form)
    monkeypatch.setitem(sys.modules, "wtforms.validators", validators)
    return form


def test_older_versions_get_a_widget_for_every_key_of_extra(wtforms):
    widgets = SailPointHook.get_connection_form_widgets()
    assert set(widgets) == set(EXTRA_FIELDS)


def test_the_proxy_is_a_password_field_and_the_api_version_a_choice(wtforms):
    if wtforms.StringField is not Field:
        pytest.skip("the installed wtforms makes fields only within a form")
    widgets = SailPointHook.get_connection_form_widgets()
    hidden = {name for name, widget in widgets.items() if isinstance(widget, PasswordField)}
    assert hidden == {"proxies"}
    assert ("any of", list(API_VERSIONS)) in widgets["api_version"].validators
    assert widgets["timeout"].label == EXTRA_FIELDS["timeout"].label


def test_reading_the_metadata_loads_the_table_of_fields_and_nothing_else():
    program = (
        "import sys; from sailpoint_provider.get_provider_info import get_provider_info; get_provider_info();"
        "print(*sorted(name for name in sys.modules"
        " if name.split('.')[0] in ('airflow', 'sailpoint_provider', 'requests', 'aiohttp', 'msgspec')))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [
        "sailpoint_provider",
        "sailpoint_provider.exceptions",
        "sailpoint_provider.get_provider_info",
        "sailpoint_provider.isc",
        "sailpoint_provider.isc.api",
        "sailpoint_provider.isc.api.versions",
        "sailpoint_provider.isc.tenant",
        "sailpoint_provider.isc.tenant.connection_fields",
    ]
