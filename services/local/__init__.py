"""The stack for one machine: broker, database, door and processors as supervised child processes."""
