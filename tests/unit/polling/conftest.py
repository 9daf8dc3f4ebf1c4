"""Fixtures of the poller's tests, which are those of the clients that it uses."""

from tests.unit.client.conftest import control, no_jitter, no_leaks, quick_retries, tenant

__all__ = ["control", "no_jitter", "no_leaks", "quick_retries", "tenant"]
