"""The retry policy on an Airflow without retry policies: a DAG file may import it, but not use it."""

import pytest

from sailpoint_provider import retry_policy
from sailpoint_provider.retry_policy import SailPointRetryPolicy


@pytest.mark.skipif(retry_policy.RetryPolicy is not None, reason="this Airflow has retry policies")
def test_using_it_shows_what_is_missing():
    with pytest.raises(RuntimeError, match=r"needs Airflow 3\.3"):
        SailPointRetryPolicy()
