"""Carries requests out: blocking for workers, asynchronous for event loops."""
