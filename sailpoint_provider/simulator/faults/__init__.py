"""Scripted faults: which requests they hit, and how they are carried out on the connection."""
