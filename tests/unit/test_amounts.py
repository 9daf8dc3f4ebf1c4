import pytest

from sailpoint_provider.amounts import bytes_in_units, duration, size

MIB = 1024**2
GIB = 1024**3


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, ("0", "bytes")),
        (1023, ("1,023", "bytes")),
        (1024, ("1.0", "KiB")),
        (10 * 1024, ("10", "KiB")),
        (1.5 * MIB, ("1.5", "MiB")),
        (2 * GIB, ("2.0", "GiB")),
        (3 * 1024 * GIB, ("3.0", "TiB")),
        (5000 * 1024 * GIB, ("5,000", "TiB")),
    ],
)
def test_a_number_of_bytes_is_shown_in_the_unit_that_fits(count, shown):
    assert bytes_in_units(count) == shown
    assert size(count) == " ".join(shown)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.6, "1 h"),
        (3900, "1 h 5 min"),
        (7170, "2 h"),
        (360000, "100 h"),
    ],
)
def test_a_time_span_is_shown_by_its_two_largest_units(seconds, shown):
    assert duration(seconds) == shown
