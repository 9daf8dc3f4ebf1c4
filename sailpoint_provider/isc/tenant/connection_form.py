"""The connection form: one table, which every Airflow version gets in its own format."""

from __future__ import annotations

from typing import Any

# The port is shown, because Airflow 3.3 cannot test a stored connection that has none: its page sends 0 for
# an empty field, which the server takes for another port than null.
HIDDEN_FIELDS = ["schema"]

RELABELING = {"host": "API base URL", "login": "Client ID", "password": "Client Secret"}

PLACEHOLDERS = {
    "host": "https://<tenant>.api.identitynow.com",
    "login": "client ID of a personal access token",
    "password": "its client secret",
    "port": "0 (left empty, Airflow 3.3 cannot test the connection)",
}

# No schema has a default: the form would store it, and Airflow would warn that "v1" is too short to mask.
EXTRA_FIELDS: dict[str, dict[str, Any]] = {
    "api_version": {
        "label": "API version",
        "description": "API generation to call (default v1).",
        "schema": {"type": ["string", "null"], "enum": ["v1", "v2026", "v2025", "v2024", "beta"]},
    },
    "token_url": {
        "label": "Token URL",
        "description": "Set only if tokens come from an address other than <base URL>/oauth/token.",
        "schema": {"type": ["string", "null"], "format": "url"},
    },
    "timeout": {
        "label": "Timeout",
        "description": "Seconds without a response before a call is abandoned (default 30).",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "upload_timeout": {
        "label": "Upload timeout",
        "description": "The same for a start with a file (default 300).",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "verify": {
        "label": "CA file",
        "description": "File or folder of the certificate authorities to trust; empty for the default ones.",
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxy",
        "description": 'Proxy address, or JSON such as {"https": "http://proxy:3128"}.',
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "requests_per_10s": {
        "label": "Requests per 10 seconds",
        "description": "How many of ISC's 100 requests per 10 seconds each process may send (default 50).",
        "schema": {"type": ["number", "null"], "minimum": 1},
    },
}


def field_behaviour() -> dict[str, Any]:
    """Return how Airflow 3.0 and 3.1 label the standard fields."""
    return {
        "hidden_fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def form_widgets() -> dict[str, Any]:
    """
    Return the extra fields as form widgets for Airflow 3.0 and 3.1.

    wtforms is imported here, because only those versions need it; without it Airflow skips the widgets and
    shows extra as plain JSON.
    """
    from wtforms import PasswordField, StringField
    from wtforms.validators import Optional, any_of

    widgets: dict[str, Any] = {}
    for name, entry in EXTRA_FIELDS.items():
        field = PasswordField if entry["schema"].get("format") == "password" else StringField
        choices = entry["schema"].get("enum")
        validators = [Optional(), *([any_of(choices)] if choices else [])]
        widgets[name] = field(entry["label"], validators=validators, description=entry["description"])
    return widgets
