"""Checks of a CSV before it is loaded: a report, and a verdict by rules."""

from sailpoint_provider.files.check.rules import FileCheck

__all__ = ["FileCheck"]
