"""Puts datasource, folder, dashboards and alert rules into Grafana."""
