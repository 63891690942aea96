"""Taking the rows of a database out and putting them back: all or nothing, as if it had never been away."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from services.backup.archive import Archive, Manifest, write_archive
from services.errors import UserError
from services.local.postgres import Cluster
from services.store import backup as store
from services.store.backup import open_copyable, restore
from services.store.connection import connect, ensure_login
from services.store.migrate import Migration
from tests.baseline.restoring import restore_baseline
from tests.integration.baseline.schema import schema_of
from tests.integration.store.recording import batch_of, query, record, value
from tests.integration.store.test_ledger import body


@pytest.fixture(scope="module")
def original(postgres: Cluster) -> Iterator[str]:
    """The owner's address of a database with data; the tests only read it."""
    postgres.create_database("test_backup_original")
    restore_baseline(postgres.dsn("test_backup_original"))
    yield postgres.dsn("test_backup_original")
    postgres.drop_database("test_backup_original")


@pytest.fixture(scope="module")
def file(original: str) -> bytes:
    """Its backup."""
    return backup_of(original)


def backup_of(dsn: str) -> bytes:
    written = io.BytesIO()
    with open_copyable(dsn) as copyable:
        rows = ((table, copyable.rows(table)) for table in copyable.facts.tables)
        write_archive(written, Manifest(groenmeter="test", facts=copyable.facts), rows)
    return written.getvalue()


def put_back(dsn: str, file: bytes, *, replace: bool = False, of_another: bool = False) -> list[str]:
    archive = Archive(io.BytesIO(file))
    facts, parts = archive.manifest.facts, archive.parts()
    return restore(dsn, facts, parts, replace=replace, name="test.backup", of_another=of_another)


def rows_of(file: bytes) -> dict[str, list[bytes]]:
    """Every row of every table, without what a restore adds: its entry in the audit."""
    tables: dict[str, list[bytes]] = {}
    for table, rows in Archive(io.BytesIO(file)).parts():
        tables.setdefault(table, []).extend(rows.splitlines())
    tables["audit"] = [row for row in tables.get("audit", []) if b"\trestore\t" not in row]
    return {table: sorted(rows) for table, rows in tables.items()}


def test_every_row_comes_back(database: str, file: bytes) -> None:
    assert put_back(database, file) == []
    assert rows_of(backup_of(database)) == rows_of(file)


def test_the_schema_with_its_grants_and_triggers_comes_back(
    database: str, file: bytes, original: str
) -> None:
    before = schema_of(database)
    put_back(database, file)

    assert schema_of(database) == before == schema_of(original)


def test_into_a_database_that_was_never_migrated(postgres: Cluster, file: bytes, original: str) -> None:
    postgres.create_database("test_backup_bare")
    try:
        put_back(postgres.dsn("test_backup_bare"), file)
        assert schema_of(postgres.dsn("test_backup_bare")) == schema_of(original)
    finally:
        postgres.drop_database("test_backup_bare")


async def test_what_holds_anything_is_not_replaced_unless_told_to(database: str, file: bytes) -> None:
    await record(database, [batch_of([body()])])
    with pytest.raises(UserError, match=r"holds data.*--replace"):
        put_back(database, file)
    assert value(database, "SELECT count(*) FROM measurement") == 1

    with pytest.raises(UserError, match="of another installation"):
        put_back(database, file, replace=True)
    put_back(database, file, replace=True, of_another=True)
    assert rows_of(backup_of(database)) == rows_of(file)
    replaced = query(database, "SELECT subject, before ->> 'batch_no' FROM audit WHERE about = 'restore'")
    assert ("test.backup", "1") in replaced
    put_back(database, file, replace=True)


def test_what_is_damaged_is_not_taken_for_empty(database: str, file: bytes) -> None:
    with connect(database) as connection:
        connection.execute(
            "DROP TABLE subscriber CASCADE; DROP TABLE batch_log CASCADE; DROP TABLE token CASCADE"
        )
        connection.execute(
            "CREATE TABLE batch_log (batch_no integer, recorded_at timestamptz, events integer)"
        )
    with pytest.raises(UserError, match="holds data"):
        put_back(database, file)

    put_back(database, file, replace=True)
    assert rows_of(backup_of(database)) == rows_of(file)


async def test_a_file_that_breaks_off_changes_nothing(database: str, file: bytes) -> None:
    await record(database, [batch_of([body()])])
    before = rows_of(backup_of(database))
    with pytest.raises(UserError, match="no whole backup"):
        put_back(database, file[: len(file) * 3 // 4], replace=True, of_another=True)

    assert rows_of(backup_of(database)) == before
    await record(database, [batch_of([body("2")])])


def test_numbers_that_may_have_been_given_out_since_are_not_given_out_again(
    database: str, file: bytes
) -> None:
    """A token of after the backup is still named in records that come again: no other may get its number."""
    highest = dict(
        query(database, "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
    )
    put_back(database, file)
    known = Archive(io.BytesIO(file)).manifest.facts.sequences

    for name, last in query(
        database, "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
    ):
        assert last >= (known[name] or 0) + 10_000, name
    assert set(highest) == set(known)


def test_restored_again_numbers_go_on_behind_those_of_the_first_time_too(database: str, file: bytes) -> None:
    """Records of a token that was made between the two come again with its number."""
    new_source = "INSERT INTO source (team, kind, source) VALUES ('t', 'waste', %s) RETURNING source_no"
    numbers = []
    for name in ("/first", "/second"):
        put_back(database, file, replace=True)
        with psycopg.connect(database) as connection:
            numbers += connection.execute(new_source, (name,)).fetchall()

    assert numbers[0] < numbers[1]


def test_nobody_may_be_connected_who_remembers_what_was_there(database: str, file: bytes) -> None:
    with connect(database, "writer"), pytest.raises(UserError, match=r"groenmeter-writer \(1\)"):
        put_back(database, file)

    put_back(database, file)


def test_whoever_only_reads_may_stay(database: str, file: bytes) -> None:
    ensure_login(database, "only_looks", "secret", "reader")
    reader = make_conninfo(database, user="only_looks", password="secret")
    with psycopg.connect(reader, autocommit=True) as grafana:
        put_back(database, file)
        assert grafana.execute("SELECT count(*) > 0 FROM dashboard_day").fetchone() == (True,)


def test_by_an_owner_without_superpowers(postgres: Cluster, file: bytes, original: str) -> None:
    """What `pg_restore` cannot do with TimescaleDB."""
    name = "test_backup_modest"
    postgres.create_database(name)
    with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS modest_restorer")
        connection.execute("CREATE ROLE modest_restorer LOGIN CREATEROLE PASSWORD 'modest'")
        connection.execute(f"ALTER DATABASE {name} OWNER TO modest_restorer")
        connection.execute("ALTER SCHEMA public OWNER TO modest_restorer")
        connection.execute("GRANT groenmeter_writer, groenmeter_reader TO modest_restorer")
    dsn = make_conninfo(postgres.dsn(name), user="modest_restorer", password="modest")
    try:
        put_back(dsn, file)
        assert rows_of(backup_of(dsn)) == rows_of(file)
        put_back(dsn, file, replace=True)
    finally:
        postgres.drop_database(name)


def test_a_backup_of_a_newer_version_is_refused(database: str, file: bytes) -> None:
    archive = Archive(io.BytesIO(file))
    facts = archive.manifest.facts
    newer = facts.__class__(**vars(facts) | {"migrations": facts.migrations | {"9999_later.sql": "00"}})
    with pytest.raises(UserError, match=r"newer version of Groenmeter.*9999_later\.sql"):
        restore(database, newer, archive.parts(), replace=True, name="test")


def test_a_table_of_a_later_migration_gets_what_the_rows_give(
    database: str, file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migrations since the backup meet its rows, as in a database that was never away."""
    from services.store import migrate as migrating

    later = Migration("9999_later.sql", "CREATE TABLE later AS SELECT count(*) AS rows FROM measurement")
    with monkeypatch.context() as patch:
        migrations = [*migrating.migrations(), later]
        for module in (migrating, store):
            patch.setattr(module, "migrations", lambda: migrations)
        assert put_back(database, file) == ["9999_later.sql"]

    rows = rows_of(file)["measurement"]
    assert value(database, "SELECT rows FROM later") == len(rows)


def test_what_is_written_meanwhile_is_not_in_it(database: str, file: bytes) -> None:
    put_back(database, file)
    written = io.BytesIO()
    with open_copyable(database) as copyable:
        with connect(database) as other:
            other.execute("INSERT INTO source (team, kind, source) VALUES ('later', 'waste', '/later')")
        rows = ((table, copyable.rows(table)) for table in copyable.facts.tables)
        write_archive(written, Manifest(groenmeter="test", facts=copyable.facts), rows)

    assert rows_of(written.getvalue())["source"] == rows_of(file)["source"]


def test_the_manifest_says_what_it_is_of(file: bytes, original: str) -> None:
    manifest = json.loads(Archive(io.BytesIO(file)).manifest.model_dump_json())

    assert manifest["facts"]["batch_no"] == value(original, "SELECT max(batch_no) FROM batch_log")
    assert manifest["facts"]["configuration"] == value(original, "SELECT max(version) FROM configuration")
    assert Path("0007_dashboards.sql").name in manifest["facts"]["migrations"]


def test_a_database_of_another_program_is_no_database(postgres: Cluster) -> None:
    with pytest.raises(UserError, match="nothing to back up"), open_copyable(postgres.dsn("postgres")):
        pass
