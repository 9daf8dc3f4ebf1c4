"""The hook, and what turns an Airflow connection and a file into what it calls with."""

from sailpoint_provider.airflow_version import require_airflow

require_airflow()
