"""The tenant's state: clock, clients, sources, accounts and aggregations, without HTTP."""
