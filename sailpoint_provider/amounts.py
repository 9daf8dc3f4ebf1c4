"""Numbers of bytes and seconds as people read them."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def bytes_in_units(count: float, unit: str | None = None) -> tuple[str, str]:
    """
    Return a number of bytes as number and unit.

    :param unit: the unit to use, None for the one that fits.
    """
    if unit is None:
        fitting = (one for power, one in enumerate(_UNITS) if count < 1024 ** (power + 1))
        unit = next(fitting, _UNITS[-1])
    size = count / 1024 ** _UNITS.index(unit)
    return (f"{size:,.0f}" if unit == "bytes" or size >= 10 else f"{size:.1f}"), unit


def size(count: int) -> str:
    """Return a number of bytes, such as ``1.5 MiB``."""
    return " ".join(bytes_in_units(count))


def duration(seconds: float) -> str:
    """Return a time span by its two largest units, such as ``14 s``, ``3 min 20 s`` or ``1 h 5 min``."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    units = ("min", "s")
    if whole >= 3600:
        whole, units = (whole + 30) // 60, ("h", "min")
    large, small = divmod(whole, 60)
    return f"{large:,} {units[0]} {small} {units[1]}" if small else f"{large:,} {units[0]}"
