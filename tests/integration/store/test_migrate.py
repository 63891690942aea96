"""Migrations: each once, from several places at once, all or nothing."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from schemas.calendar import Calendar
from schemas.factors import FACTORS
from services.store import migrate as migrating
from services.store.calendar import read_calendar
from services.store.configuration import load_configuration
from services.store.connection import connect
from services.store.migrate import Migration, migrate, migrations, pending
from tests.integration.store.recording import batch_of, query, record, source_days, value
from tests.integration.store.test_ledger import body


@pytest.fixture
def bare(postgres, request):
    """An empty database."""
    name = f"bare_{abs(hash(request.node.name))}"
    postgres.create_database(name)
    yield postgres.dsn(name)
    postgres.drop_database(name)


def names():
    return [migration.name for migration in migrations()]


def waiting(dsn):
    with connect(dsn) as connection:
        return [migration.name for migration in pending(connection)]


def test_names_give_the_order():
    assert names() == sorted(names())
    assert [int(name[:4]) for name in names()] == list(range(1, len(names()) + 1))
    assert all(re.fullmatch(r"[0-9]{4}_[a-z_]+\.sql", name) for name in names())


def test_everything_is_pending_until_it_is_applied(bare):
    assert waiting(bare) == names()
    assert migrate(bare) == names()
    assert waiting(bare) == []


def test_a_second_time_changes_nothing(database):
    statements = (
        "SELECT receipt_key FROM installation",
        "SELECT version, applied_at, document::text FROM configuration",
        "SELECT count(*), min(day), max(day) FROM calendar_day",
        "SELECT count(*), sum(kg_co2e) FROM emission_factor",
        "SELECT * FROM batch_log",
        "SELECT * FROM schema_migration",
    )
    before = [query(database, statement) for statement in statements]

    assert migrate(database) == []
    assert [query(database, statement) for statement in statements] == before


async def test_what_was_counted_survives(database):
    await record(database, [batch_of([body()])])
    migrate(database)

    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 4_000_000


async def test_what_was_counted_before_there_were_days_of_sources_gets_them(database):
    corrected = body(revision=2, quantity=5)
    await record(database, [batch_of([body(), body("2")]), batch_of([corrected])])
    kept = source_days(database)
    (migration,) = (migration for migration in migrations() if migration.name == "0005_tracking.sql")
    (statement,) = re.findall(r"^INSERT INTO source_day .*?;$", migration.sql, re.DOTALL | re.MULTILINE)

    with connect(database) as connection:
        connection.execute("TRUNCATE source_day")
        connection.execute(statement)

    assert source_days(database) == kept
    assert len(kept) == 1


def test_from_two_places_at_once_each_is_applied_once(bare):
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate, [bare, bare]))

    assert sorted(applied) == [[], names()]
    assert value(bare, "SELECT count(*) FROM schema_migration") == len(names())
    assert value(bare, "SELECT count(*) FROM configuration") == 1


def test_only_what_is_missing_is_applied(database, monkeypatch):
    later = Migration("9999_later.sql", "CREATE TABLE later (a integer)")
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), later])

    assert waiting(database) == ["9999_later.sql"]
    assert migrate(database) == ["9999_later.sql"]
    assert value(database, "SELECT count(*) FROM later") == 0


def test_a_migration_that_fails_leaves_nothing_of_any(bare, monkeypatch):
    broken = Migration("9999_broken.sql", "CREATE TABLE half (a integer); SELECT 1 / 0")
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), broken])
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(bare)

    assert value(bare, "SELECT to_regclass('half') IS NULL AND to_regclass('measurement') IS NULL")
    monkeypatch.undo()
    assert migrate(bare) == names()


def test_a_database_of_an_owner_without_superpowers(postgres, bare):
    """A managed server gives no superuser; what is needed is the database itself and CREATEROLE."""
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS modest")
        connection.execute("CREATE ROLE modest LOGIN CREATEROLE PASSWORD 'modest'")
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} OWNER TO modest")
        connection.execute("ALTER SCHEMA public OWNER TO modest")
        connection.execute("GRANT groenmeter_writer, groenmeter_reader TO modest")
    dsn = make_conninfo(bare, user="modest", password="modest")

    assert migrate(dsn) == names()
    assert load_configuration(dsn).current.number == 1


def test_the_calendar_is_that_of_the_zone(database):
    expected = Calendar.of_zone("Europe/Amsterdam")
    with connect(database) as connection:
        calendar = read_calendar(connection)

    assert calendar.first == expected.first
    assert calendar.starts == expected.starts
    assert value(
        database,
        "SELECT bool_and(ends = next) FROM (SELECT ends, lead(starts) OVER (ORDER BY day) AS next"
        " FROM calendar_day) AS pairs",
    )
    assert query(
        database,
        "SELECT day::text, extract(epoch FROM ends - starts)::int / 3600 FROM calendar_day"
        " WHERE ends - starts <> interval '1 day' AND extract(year FROM day) = 2026 ORDER BY day",
    ) == [("2026-03-29", 23), ("2026-10-25", 25)]


def test_the_catalogues_factors_are_there(database):
    rows = query(
        database,
        "SELECT kind, category, chain, market, valid_from, valid_to FROM emission_factor",
    )

    for market in ("location", "market"):
        assert {(*row[:3], *row[4:6]) for row in rows if row[3] == market} == {
            (factor.kind, factor.category, factor.chain, factor.valid_from, factor.valid_to)
            for factor in FACTORS
            if factor.purpose == "footprint" and factor.market in (market, "any")
        }
