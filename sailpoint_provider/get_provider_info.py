"""What Airflow reads about this package; importing it loads neither Airflow nor an HTTP library."""

from __future__ import annotations

from typing import Any

from sailpoint_provider import __version__
from sailpoint_provider.isc.tenant.connection_fields import conn_fields, field_behaviour

_INTEGRATION = "SailPoint Identity Security Cloud"


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata, as Airflow's ``provider_info.schema.json`` describes it."""

    def modules(*names: str) -> list[dict[str, Any]]:
        return [{"integration-name": _INTEGRATION, "python-modules": list(names)}]

    return {
        "package-name": "airflow-provider-sailpoint",
        "name": _INTEGRATION,
        "description": (
            "Runs account aggregations, and other loads, of SailPoint Identity Security Cloud from a DAG."
        ),
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://developer.sailpoint.com/docs/api/",
                "tags": ["service"],
            }
        ],
        "hooks": modules("sailpoint_provider.hooks.sailpoint"),
        "operators": modules(
            "sailpoint_provider.operators.aggregation",
            "sailpoint_provider.operators.drops",
            "sailpoint_provider.operators.entitlements",
            "sailpoint_provider.operators.file_check",
            "sailpoint_provider.operators.identity_refresh",
            "sailpoint_provider.operators.source_check",
            "sailpoint_provider.operators.uncorrelated",
        ),
        "sensors": modules("sailpoint_provider.sensors.aggregation", "sailpoint_provider.sensors.drops"),
        "triggers": modules(
            "sailpoint_provider.triggers.aggregation",
            "sailpoint_provider.triggers.drops",
            "sailpoint_provider.triggers.ended_aggregations",
        ),
        "asset-uris": [
            {
                "schemes": ["sailpoint"],
                "handler": "sailpoint_provider.assets.sources.normalize_uri",
                "to_openlineage_converter": "sailpoint_provider.assets.sources.to_dataset",
            }
        ],
        "extra-links": [
            "sailpoint_provider.links.aggregation.SailPointSourceLink",
            "sailpoint_provider.links.aggregation.SailPointAggregationActivityLink",
        ],
        "notifications": ["sailpoint_provider.notifications.sailpoint.SailPointNotifier"],
        "connection-types": [
            {
                "connection-type": "sailpoint",
                "hook-class-name": "sailpoint_provider.hooks.sailpoint.SailPointHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    name.replace("_", "-"): value for name, value in field_behaviour().items()
                },
                "conn-fields": conn_fields(),
            }
        ],
    }
