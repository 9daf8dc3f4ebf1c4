"""What ISC serves: its paths, calls, answers and records."""
