"""The folder of the tests of drops."""

from tests.unit.drops.conftest import local_folder

__all__ = ["local_folder"]
