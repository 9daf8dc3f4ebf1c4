"""Checks of a CSV before it is loaded: a report, and a verdict by rules."""
