"""The sums of months are kept whoever changes the days, and once."""

import asyncio

import psycopg
import pytest

from services.store import migrate as migrating
from services.store.connection import connect
from services.store.migrate import migrate, migrations
from tests.integration.store.recording import batch_of, query, record
from tests.integration.store.test_ledger import body

MONTHS = "SELECT leaf_no, month::text, quantity::integer, readings FROM rollup_month ORDER BY 1, 2"
COUNTED = """
INSERT INTO rollup_day AS known (leaf_no, day, quantity, readings)
VALUES (1, '2026-01-30', 3, 1), (1, '2026-01-31', 4, 1), (1, '2026-02-01', 5, 1), (2, '2026-01-31', 6, 1)
ON CONFLICT (leaf_no, day) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings
"""


def test_an_older_processor_need_not_know_of_them(database):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET ROLE groenmeter_writer")
        connection.execute(COUNTED)
        assert query(database, MONTHS) == [
            (1, "2026-01-01", 7, 2),
            (1, "2026-02-01", 5, 1),
            (2, "2026-01-01", 6, 1),
        ]

        connection.execute(COUNTED)
        assert query(database, MONTHS)[0] == (1, "2026-01-01", 14, 4)

        connection.execute("RESET ROLE")
        connection.execute("DELETE FROM rollup_day WHERE day = '2026-01-31'")
        assert query(database, MONTHS)[0] == (1, "2026-01-01", 6, 2)


def test_who_keeps_them_is_left_alone(database):
    with connect(database, "writer") as connection:
        connection.execute(COUNTED)

    assert query(database, MONTHS) == []


def test_what_was_there_before_is_in_them(postgres, monkeypatch):
    """Rows of a release before this one, which the migration adds up."""
    postgres.create_database("before_months")
    bare = postgres.dsn("before_months")
    earlier = [migration for migration in migrations() if migration.name < "0017"]
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "migrations", lambda: earlier)
        migrate(bare)
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute(COUNTED)

    assert migrate(bare) == [migration.name for migration in migrations()[len(earlier) :]]

    assert query(bare, MONTHS) == [(1, "2026-01-01", 7, 2), (1, "2026-02-01", 5, 1), (2, "2026-01-01", 6, 1)]
    postgres.drop_database("before_months")


def test_a_day_that_is_emptied_leaves_nothing_in_its_month(database):
    asyncio.run(record(database, [batch_of([body()]), batch_of([body(revision=2, retracted=True)])]))

    assert [row[2:] for row in query(database, MONTHS)] == [(0, 0)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connect(database, "writer") as connection:
        connection.execute("DELETE FROM rollup_month")
