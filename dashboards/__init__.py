"""Dashboards as code, and the generated JSON that Grafana loads."""
