"""Where a CSV comes from: a local path, object storage, gzip."""
