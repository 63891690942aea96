"""Alerting: a target that slips becomes one message to each subscriber."""
