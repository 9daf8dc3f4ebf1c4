"""The same tests on every supported Airflow."""
