"""Notifiers."""

from sailpoint_provider.airflow_version import require_airflow

require_airflow()
