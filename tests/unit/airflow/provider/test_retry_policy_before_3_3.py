"""The retry policy on an Airflow without retry policies: a DAG file may import it, but not use it."""

import pytest

from sailpoint_provider.retry_policy import SailPointRetryPolicy
from sailpoint_provider.version_compat import TASKS_HAVE_RETRY_POLICIES


@pytest.mark.skipif(TASKS_HAVE_RETRY_POLICIES, reason="this Airflow has retry policies")
def test_using_it_tells_what_is_missing():
    with pytest.raises(RuntimeError, match=r"needs Airflow 3\.3"):
        SailPointRetryPolicy()
