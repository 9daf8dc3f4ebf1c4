"""Links from a task to ISC's web interface."""

from sailpoint_provider.airflow_version import require_airflow

require_airflow()
