"""DAG files as an author writes them, to be checked with ``mypy --strict``."""
