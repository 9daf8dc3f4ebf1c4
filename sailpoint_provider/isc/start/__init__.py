"""Starting an aggregation once: the request, the checkpoint and reconciliation."""
