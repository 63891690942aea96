"""The only place that knows SQL: migrations, named queries, roles, and what they mean in Python."""
