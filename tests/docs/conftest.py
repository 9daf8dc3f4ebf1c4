"""An Airflow home of these tests, so that none of the caller's is touched."""

from __future__ import annotations

import os
import tempfile

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow_of_docs_tests_")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
