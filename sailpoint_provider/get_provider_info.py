"""What Airflow reads about this package; it can be imported without the rest."""

from __future__ import annotations

from typing import Any

from sailpoint_provider import __version__
from sailpoint_provider.isc.tenant import connection_form as form

_INTEGRATION = "SailPoint Identity Security Cloud"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the form of Airflow's ``provider_info.schema.json``."""

    def modules(*names: str) -> list[dict[str, Any]]:
        return [{"integration-name": _INTEGRATION, "python-modules": list(names)}]

    return {
        "package-name": "airflow-provider-sailpoint",
        "name": _INTEGRATION,
        "description": "Account aggregations of SailPoint Identity Security Cloud as flow in a DAG.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://developer.sailpoint.com/docs/api/",
                "tags": ["service"],
            }
        ],
        "hooks": modules("sailpoint_provider.hooks.sailpoint"),
        "operators": modules("sailpoint_provider.operators.aggregation"),
        "sensors": modules("sailpoint_provider.sensors.aggregation"),
        "triggers": modules("sailpoint_provider.triggers.aggregation"),
        "connection-types": [
            {
                "connection-type": "sailpoint",
                "hook-class-name": "sailpoint_provider.hooks.sailpoint.SailPointHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    "hidden-fields": form.HIDDEN_FIELDS,
                    "relabeling": form.RELABELING,
                    "placeholders": form.PLACEHOLDERS,
                },
                "conn-fields": form.EXTRA_FIELDS,
            }
        ],
    }
