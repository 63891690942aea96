"""Measurements whose figures are committed beside them."""
