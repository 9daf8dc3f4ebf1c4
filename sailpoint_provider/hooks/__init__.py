"""The hook, and what turns an Airflow connection and a file into what it calls with."""
