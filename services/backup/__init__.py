"""Backing up the database to one file, and restoring it."""
