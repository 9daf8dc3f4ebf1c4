"""Apache Airflow provider for SailPoint Identity Security Cloud."""

__version__ = "0.1.0"
