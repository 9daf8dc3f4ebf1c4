"""Identity Security Cloud (ISC) in pure Python: what it means, without Airflow, sockets or a clock."""
