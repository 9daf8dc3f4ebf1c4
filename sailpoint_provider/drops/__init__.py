"""A folder in which files are dropped: what is complete, whose it is, who takes it, where it is filed."""
