"""The two ways to carry out a call: blocking for workers, asynchronous for event loops."""
