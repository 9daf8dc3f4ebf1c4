"""
The fields of a ``sailpoint`` connection, in one table.

The checks of extra, the provider metadata and the form of Airflow 3.0 and 3.1 are all made from it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sailpoint_provider.isc.api.versions import API_VERSIONS, DEFAULT_API_VERSION


class ExtraField(NamedTuple):
    """
    A key of the connection's extra.

    :param label: the field's label in the form.
    :param description: the help text below the field.
    :param schema: JSON Schema of the value, with ``format`` ``url`` or ``password`` where it applies. It has
        no default: the form would store it, and Airflow would warn that "v1" is too short to mask.
    :param default: the value of a key that is not set.
    :param unit: what a number counts.
    """

    label: str
    description: str
    schema: dict[str, Any]
    default: str | float | None = None
    unit: str = ""


DEFAULT_TIMEOUT = 30.0
DEFAULT_UPLOAD_TIMEOUT = 300.0
DEFAULT_REQUESTS_PER_10S = 50.0

EXTRA_FIELDS = {
    "api_version": ExtraField(
        "API version",
        f"API version to call (default {DEFAULT_API_VERSION}).",
        {"type": ["string", "null"], "enum": list(API_VERSIONS)},
        default=DEFAULT_API_VERSION,
    ),
    "token_url": ExtraField(
        "Token URL",
        "Set only if the token endpoint is not <base URL>/oauth/token.",
        {"type": ["string", "null"], "format": "url"},
    ),
    "ui_url": ExtraField(
        "URL of the web interface",
        "For the links of tasks. Set only if it is not <base URL> without .api.",
        {"type": ["string", "null"], "format": "url"},
    ),
    "timeout": ExtraField(
        "Timeout",
        f"Seconds without a response before a request is abandoned (default {DEFAULT_TIMEOUT:g}).",
        {"type": ["number", "null"], "minimum": 0},
        default=DEFAULT_TIMEOUT,
        unit="seconds",
    ),
    "upload_timeout": ExtraField(
        "Upload timeout",
        f"The same for a start with a file (default {DEFAULT_UPLOAD_TIMEOUT:g}).",
        {"type": ["number", "null"], "minimum": 0},
        default=DEFAULT_UPLOAD_TIMEOUT,
        unit="seconds",
    ),
    "verify": ExtraField(
        "CA file",
        "File or directory of trusted certificate authorities; empty for the default ones.",
        {"type": ["string", "null"]},
    ),
    "proxies": ExtraField(
        "Proxy",
        'Proxy URL, or JSON such as {"https": "http://proxy:3128"}.',
        {"type": ["string", "null"], "format": "password"},
    ),
    "requests_per_10s": ExtraField(
        "Requests per 10 seconds",
        "How many of ISC's 100 requests per 10 seconds each process may send "
        f"(default {DEFAULT_REQUESTS_PER_10S:g}).",
        {"type": ["number", "null"], "minimum": 1},
        default=DEFAULT_REQUESTS_PER_10S,
        unit="requests",
    ),
}


def conn_fields() -> dict[str, dict[str, Any]]:
    """Return the extra fields as the ``conn-fields`` of the provider metadata (Airflow 3.2 and later)."""
    return {
        key: {"label": field.label, "description": field.description, "schema": field.schema}
        for key, field in EXTRA_FIELDS.items()
    }


def field_behaviour() -> dict[str, Any]:
    """Return how the form shows the standard fields; the metadata spells these keys with hyphens."""
    return {
        # The port is shown because Airflow 3.3 cannot test a stored connection without one: its page sends 0
        # for an empty field, which the server takes for a changed port.
        "hidden_fields": ["schema"],
        "relabeling": {"host": "API base URL", "login": "Client ID", "password": "Client Secret"},
        "placeholders": {
            "host": "https://<tenant>.api.identitynow.com",
            "login": "client ID of a personal access token",
            "password": "its client secret",
            "port": "0 (left empty, Airflow 3.3 cannot test the connection)",
        },
    }


def form_widgets() -> dict[str, Any]:
    """
    Return the extra fields as form widgets for Airflow 3.0 and 3.1.

    wtforms is imported here because only those versions need it; without it Airflow skips the widgets and
    shows extra as plain JSON.
    """
    from wtforms import PasswordField, StringField
    from wtforms.validators import Optional, any_of

    widgets: dict[str, Any] = {}
    for key, field in EXTRA_FIELDS.items():
        widget = PasswordField if field.schema.get("format") == "password" else StringField
        choices = field.schema.get("enum")
        validators = [Optional(), *([any_of(choices)] if choices else [])]
        widgets[key] = widget(field.label, validators=validators, description=field.description)
    return widgets
