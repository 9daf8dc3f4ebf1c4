"""The Airflow connection to a simulated tenant."""

from __future__ import annotations

CONNECTION_VARIABLE = "AIRFLOW_CONN_SAILPOINT_DEFAULT"


def airflow_connection(url: str, client_id: str, client_secret: str) -> dict[str, str]:
    """Return the connection in Airflow's JSON form, without fields that have a default."""
    return {"conn_type": "sailpoint", "host": url, "login": client_id, "password": client_secret}
