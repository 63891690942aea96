"""Targets: what is allowed, what was measured, how far apart they are, and in plain words why."""
