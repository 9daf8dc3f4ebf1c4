"""One poller per event loop and tenant: when to poll which aggregation."""
