"""Runs a real Airflow and a simulated tenant on this machine, for the demo and for the live tests."""
