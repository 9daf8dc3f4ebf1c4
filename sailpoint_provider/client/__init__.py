"""HTTP clients for one tenant: blocking for workers, asynchronous for event loops."""
