"""Waiting for an end: what to ask, how often, and when to give up."""
