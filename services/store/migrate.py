"""Brings a database to the newest migration: each file once, in order, in one transaction under a lock."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from schemas.calendar import Calendar
from schemas.factors import FACTORS
from schemas.organisation import Organisation
from services.store.calendar import write_calendar
from services.store.configuration import append_version
from services.store.connection import connect
from services.store.factors import write_factors
from services.store.names import write_names

_LOCK = "SELECT pg_advisory_lock(hashtext('groenmeter migrate'))"
_DONE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


@dataclass(frozen=True)
class Migration:
    """A migration file: its name, which gives the order, and its SQL."""

    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations that this version has, in order."""
    found = (files("services.store") / "migrations").iterdir()
    return sorted(
        (Migration(file.name, file.read_text()) for file in found if file.name.endswith(".sql")),
        key=lambda migration: migration.name,
    )


def pending(connection: psycopg.Connection) -> list[Migration]:
    """The migrations that the database does not have yet."""
    exists = connection.execute("SELECT to_regclass('schema_migration')").fetchone()
    if exists is None or exists[0] is None:
        return migrations()
    done = {name for (name,) in connection.execute("SELECT name FROM schema_migration")}
    return [migration for migration in migrations() if migration.name not in done]


def migrate(dsn: str) -> list[str]:
    """Apply what is pending, then the catalogue's factors and names; safe to run from several places at once.

    `dsn` is the owner's. Returns the names that were applied.
    """
    with migrating(dsn) as connection:
        return bring_up_to_date(connection)


@contextmanager
def migrating(dsn: str) -> Iterator[psycopg.Connection]:
    """One transaction of the owner in which nobody else changes the schema."""
    with connect(dsn) as connection:
        connection.execute(_LOCK)
        with connection.transaction():
            yield connection


def bring_up_to_date(connection: psycopg.Connection) -> list[str]:
    """Apply what is pending, then the catalogue's factors and names, in the connection's transaction."""
    todo = pending(connection)
    if todo:
        _let_batches_end(connection)
    apply_migrations(connection, todo)
    _initialise(connection)
    return [migration.name for migration in todo]


def apply_migrations(connection: psycopg.Connection, todo: Sequence[Migration]) -> None:
    """Apply these migrations and note that they were."""
    connection.execute(_DONE)
    for migration in todo:
        connection.execute(migration.sql)
        connection.execute("INSERT INTO schema_migration (name) VALUES (%s)", (migration.name,))


def _let_batches_end(connection: psycopg.Connection) -> None:
    """Wait until no processor, of whatever release, is within a batch, and let none begin.

    Each begins with its offsets. One within a batch could wait for a table that was changed, and we for one
    that it wrote to; and what a migration adds up would miss what it commits.
    """
    exists = connection.execute("SELECT to_regclass('source_offset')").fetchone()
    if exists and exists[0]:
        connection.execute("LOCK TABLE source_offset IN SHARE ROW EXCLUSIVE MODE")


def _initialise(connection: psycopg.Connection) -> None:
    """What every database has: a first configuration, its calendar, the catalogue's factors and names."""
    connection.execute(
        "INSERT INTO installation (receipt_key) VALUES (%s) ON CONFLICT DO NOTHING",
        (secrets.token_bytes(32),),
    )
    if connection.execute("SELECT 1 FROM configuration").fetchone() is None:
        organisation = Organisation()
        append_version(connection, organisation, "migrate")
        write_calendar(connection, Calendar.of_zone(organisation.time_zone))
    write_factors(connection, FACTORS)
    write_names(connection)
