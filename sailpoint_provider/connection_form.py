"""The connection form: one table, from which every Airflow version gets its own."""

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

# None has a default in its schema: the form would store it, and Airflow warn of a "v1" too short to mask.
EXTRA_FIELDS: dict[str, dict[str, Any]] = {
    "api_version": {
        "label": "API version",
        "description": "API generation to call; v1 where none is chosen.",
        "schema": {"type": ["string", "null"], "enum": ["v1", "v2026", "v2025", "v2024", "beta"]},
    },
    "token_url": {
        "label": "Token URL",
        "description": "Only where tokens come from another address than <base URL>/oauth/token.",
        "schema": {"type": ["string", "null"], "format": "url"},
    },
    "timeout": {
        "label": "Timeout",
        "description": "Seconds of silence after which a call is given up (30).",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "upload_timeout": {
        "label": "Upload timeout",
        "description": "Seconds of silence after which a start with a file is given up (300).",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "verify": {
        "label": "CA file",
        "description": "File of the certificate authorities to trust; empty for the usual ones.",
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxy",
        "description": 'Proxy address, or JSON such as {"https": "http://proxy:3128"}.',
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "requests_per_10s": {
        "label": "Requests per 10 seconds",
        "description": "Share of ISC's 100 requests per 10 seconds that each process may use (50).",
        "schema": {"type": ["number", "null"], "minimum": 1},
    },
}


def field_behaviour() -> dict[str, Any]:
    """Return what Airflow 3.0 and 3.1 ask of a hook to relabel the standard fields."""
    return {
        "hidden_fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def form_widgets() -> dict[str, Any]:
    """
    Return the extra fields as form widgets for Airflow 3.0 and 3.1.

    wtforms is imported here, because only those versions want it; where it is not installed Airflow skips the
    widgets and shows extra as plain JSON.
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
