"""What ``make bench`` measures, and how its results are shown."""
