"""The test of a connection names the part that is wrong."""

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.tenant.diagnosis import diagnose


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (exceptions.AuthenticationError("x", status=401), "Credentials refused"),
        (exceptions.AccessDeniedError("x", status=403), "Scope or user level missing"),
        (exceptions.RateLimitError("x", status=429), "Rate limit exceeded"),
        (exceptions.TenantUnavailableError("x"), "Host unreachable"),
        (exceptions.TenantUnavailableError("x", status=503), "Tenant unavailable"),
        (exceptions.InvalidInputError("x", status=404), "Wrong host or API version"),
        (exceptions.InvalidInputError("x", status=410), "Wrong host or API version"),
        (exceptions.ProtocolError("x"), "No Identity Security Cloud API at this host"),
        (exceptions.InvalidInputError("x"), "Connection incomplete or invalid"),
        (exceptions.SailPointError("x"), "Connection incomplete or invalid"),
    ],
)
def test_the_test_of_a_connection_names_the_part_that_is_wrong(error, part):
    assert diagnose(error) == f"{part}: x"
