"""Least privilege, shown by trying more."""

import asyncio

import psycopg
import pytest
from psycopg import sql

from schemas.problems import Problem
from services.store.connection import connect, ensure_login, with_role
from services.store.ledger import Reject, Span
from tests.integration.store.recording import batch_of, provenance, query, record, value
from tests.integration.store.test_ledger import body, spanning

WRITER_MAY_NOT = """
UPDATE measurement SET quantity = 0
DELETE FROM measurement
TRUNCATE measurement
UPDATE {chunk} SET quantity = 0
DELETE FROM {chunk}
TRUNCATE {chunk}
DROP TABLE {chunk}
SELECT drop_chunks('measurement', now() + interval '1 year')
SELECT set_chunk_time_interval('measurement', interval '1 day')
DELETE FROM identity
UPDATE identity SET id = 'x'
UPDATE identity SET source_no = 99
DELETE FROM source
UPDATE source SET team = 'keuken'
DELETE FROM batch_log
UPDATE batch_log SET added = 0
TRUNCATE batch_log
UPDATE reject SET payload = ''
UPDATE reject SET problems = '[]'
UPDATE reject SET replayed_at = now()
DELETE FROM reject
UPDATE replay SET receipt = 'x'
DELETE FROM replay
INSERT INTO dismissal VALUES (1, now(), 'x', 'x')
DELETE FROM reject_alarm
UPDATE flag SET rule = 'x'
DELETE FROM flag
DELETE FROM usual
UPDATE free_text SET texts = '{{}}'
DELETE FROM free_text
UPDATE receipt_part SET added = 0
DELETE FROM receipt_part
UPDATE source_offset SET topic = 'x'
DELETE FROM source_offset
UPDATE stopped_partition SET topic = 'x'
DELETE FROM stopped_partition
UPDATE leaf SET team = 'keuken'
DELETE FROM leaf
UPDATE rollup_day SET leaf_no = 99
UPDATE rollup_day SET day = '2026-01-01'
DELETE FROM rollup_day
DELETE FROM rollup_hour
UPDATE source_day SET source_no = 99
DELETE FROM source_day
UPDATE evaluation SET band = 'green'
DELETE FROM evaluation
UPDATE band_change SET worse = false
DELETE FROM band_change
UPDATE alert_state SET target = 'x'
DELETE FROM tracker_cursor
INSERT INTO configuration VALUES (99, now(), 'x', '{{}}')
UPDATE configuration SET document = '{{}}'
DELETE FROM configuration
UPDATE calendar_day SET ends = now()
DELETE FROM calendar_day
INSERT INTO token (name, hash, sort, expires_at) VALUES ('x', 'x', 'steward', now())
UPDATE token SET revoked_at = NULL
DELETE FROM token
UPDATE installation SET receipt_key = ''
DELETE FROM installation
UPDATE emission_factor SET kg_co2e = 0
DELETE FROM emission_factor
INSERT INTO own_meter VALUES ('electricity', 'x')
DELETE FROM own_meter
UPDATE meter_day SET meter = 'x'
DELETE FROM meter_day
UPDATE meter_hour SET hour = now()
DELETE FROM meter_hour
UPDATE received_late SET readings = 0
DELETE FROM received_late
UPDATE correction SET quantity_before = 0
DELETE FROM correction
INSERT INTO publication_day VALUES (1, 1, NULL, '2026-01-01', 1, 1)
INSERT INTO publication (publication_no) VALUES (1)
UPDATE publication SET note = 'x'
DELETE FROM publication_day
SELECT nextval('publication_no')
DELETE FROM schema_migration
INSERT INTO audit (actor, about, subject) VALUES ('x', 'token', 'x')
UPDATE audit SET actor = 'x'
DELETE FROM audit
SELECT add_audit('token', 'x', NULL, NULL)
INSERT INTO redaction (fingerprint) VALUES ('x')
UPDATE redaction SET fingerprint = 'x'
DELETE FROM redaction
UPDATE retention SET forgotten_until = now()
DELETE FROM retention
SELECT setval('batch_id', 1)
ALTER SEQUENCE batch_id RESTART
CREATE TABLE mine (a integer)
CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'
CREATE SCHEMA mine
CREATE INDEX ON measurement (category)
CREATE TRIGGER mine BEFORE INSERT ON measurement EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE ROLE mine
ALTER TABLE measurement ADD COLUMN mine integer
ALTER TABLE measurement DISABLE TRIGGER ALL
DROP TABLE measurement
DROP VIEW measured_amount
SELECT rolpassword FROM pg_authid
SELECT pg_read_file('postgresql.conf')
COPY measurement TO PROGRAM 'cat'
""".strip().splitlines()

READER_MAY_NOT = """
SELECT * FROM token
SELECT hash FROM token
SELECT * FROM free_text
SELECT * FROM installation
SELECT * FROM audit
SELECT * FROM redaction
SELECT * FROM retention
SELECT forget_payloads()
SELECT * FROM receipt_part
SELECT * FROM stopped_partition
SELECT * FROM reject
SELECT payload FROM reject
SELECT problems FROM reject
SELECT source FROM reject
SELECT content FROM replay
SELECT note FROM dismissal
SELECT * FROM usual
SELECT inputs FROM evaluation
SELECT * FROM evaluation
SELECT nextval('batch_id')
SELECT setval('batch_id', 1)
SELECT rolpassword FROM pg_authid
CREATE TABLE mine (a integer)
SELECT drop_chunks('measurement', now() + interval '1 year')
INSERT INTO {chunk} SELECT * FROM measurement
DELETE FROM {chunk}
SELECT * FROM measurement FOR UPDATE
LOCK TABLE measurement IN EXCLUSIVE MODE
""".strip().splitlines()

READER_MAY = """
SELECT * FROM configuration
SELECT * FROM calendar_day
SELECT * FROM emission_factor
SELECT * FROM effective_factor
SELECT * FROM rollup_day_part
SELECT * FROM meter_hour
SELECT * FROM publication
SELECT * FROM publication_day
SELECT * FROM dashboard_publications('energy', 'wtw', 'location', '2026-01-01', '2027-01-01')
SELECT * FROM source
SELECT * FROM identity
SELECT * FROM batch_log
SELECT * FROM measurement
SELECT * FROM measured_amount
SELECT * FROM leaf
SELECT * FROM rollup_day
SELECT * FROM rollup_hour
SELECT * FROM source_offset
SELECT * FROM source_day
SELECT * FROM received_late
SELECT * FROM correction
SELECT * FROM dashboard_late
SELECT * FROM dashboard_lag
SELECT * FROM dashboard_correction
SELECT * FROM dashboard_corrections('-infinity', 'infinity', NULL, 10)
SELECT * FROM current_evaluation
SELECT * FROM alert_state
SELECT * FROM band_change
SELECT * FROM tracker_cursor
SELECT evaluation_no, target, evaluated_at, on_day, batch_no, band, outcome, drift, row FROM evaluation
SELECT kind, team, received_at, replayed_at FROM reject
SELECT * FROM day_shares(10, '2026-03-01T00:00Z', '2026-03-09T00:00Z')
SELECT * FROM hour_shares(10, '2026-03-01T00:00Z', NULL)
""".strip().splitlines()


@pytest.fixture
def filled(database):
    """A database with something in every table."""
    batch = spanning(batch_of([body()]), Span("log", "a", 0, 0, 0))
    batch.rejects.append(Reject(provenance("r"), (Problem("", "unreadable"),)))
    asyncio.run(record(database, [batch]))
    return database


def outcome(connection, statement):
    """Why a statement is refused, or `allowed`; either way it leaves nothing."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return "refused"
    except psycopg.Error as error:
        return f"{error.sqlstate}: {error}"
    return "allowed"


def outcomes(dsn, role, statements):
    chunk = value(
        dsn, "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks LIMIT 1"
    )
    with connect(dsn, role) as connection:
        return {statement: outcome(connection, statement.format(chunk=chunk)) for statement in statements}


def test_the_writer_cannot_change_or_remove_what_was_written(filled):
    assert outcomes(filled, "writer", WRITER_MAY_NOT) == dict.fromkeys(WRITER_MAY_NOT, "refused")


def test_the_writer_cannot_give_away_what_it_may(filled):
    with connect(filled, "writer") as connection:
        connection.execute("GRANT SELECT ON token TO groenmeter_reader")  # a warning only, without effect

    assert value(filled, "SELECT has_table_privilege('groenmeter_reader', 'token', 'SELECT')") is False


def test_the_reader_sees_no_secrets_free_text_or_payloads(filled):
    assert outcomes(filled, "reader", READER_MAY_NOT) == dict.fromkeys(READER_MAY_NOT, "refused")


def test_the_reader_sees_what_dashboards_show(filled):
    assert outcomes(filled, "reader", READER_MAY) == dict.fromkeys(READER_MAY, "allowed")


def test_the_reader_can_write_to_no_table(filled):
    writable = query(
        filled,
        "SELECT oid::regclass::text, privilege FROM pg_class"
        " CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])"
        " AS privilege WHERE relkind IN ('r', 'v', 'p') AND relnamespace::regnamespace::text NOT IN"
        " ('pg_catalog', 'information_schema') AND has_table_privilege('groenmeter_reader', oid, privilege)",
    )

    assert writable == []


def test_the_writer_makes_new_chunks_that_it_cannot_change(filled):
    """Each month has a chunk of its own, made by the first insert of that month."""
    before = value(filled, "SELECT count(*) FROM timescaledb_information.chunks")
    with connect(filled, "writer") as connection:
        connection.execute(
            "INSERT INTO measurement (written_at, batch_id, source_no, id, revision, retracted, fingerprint,"
            " received_at, origin, detail) VALUES ('2031-05-01', 1, 1, 'z', 1, true, '', now(), 'r', false)"
        )
        assert value(filled, "SELECT count(*) FROM timescaledb_information.chunks") == before + 1
        chunk = value(
            filled,
            "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
            " ORDER BY range_start DESC LIMIT 1",
        )
        assert outcome(connection, f"UPDATE {chunk} SET detail = true") == "refused"  # noqa: S608
        assert outcome(connection, f"DELETE FROM {chunk}") == "refused"  # noqa: S608
    with connect(filled, "reader") as connection:
        assert outcome(connection, f"SELECT * FROM {chunk}") == "allowed"  # noqa: S608


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_a_role_cannot_become_another(filled, role):
    other = {"writer": "reader", "reader": "writer"}[role]
    login = f"only_{role}"
    ensure_login(filled, login, "secret", role)

    with psycopg.connect(with_role(as_login(filled, login, "secret"), role), autocommit=True) as connection:
        assert connection.execute("SELECT session_user, current_user").fetchone() == (
            login,
            f"groenmeter_{role}",
        )
        assert outcome(connection, f"SET ROLE groenmeter_{other}") == "refused"
        assert outcome(connection, "SET ROLE groenmeter") == "refused"
        assert outcome(connection, f"GRANT groenmeter_{other} TO {login}") == "refused"
        assert outcome(connection, "RESET ROLE") == "allowed"
    with psycopg.connect(as_login(filled, login, "secret"), autocommit=True) as connection:
        assert outcome(connection, "SELECT * FROM leaf") == "allowed"
        assert outcome(connection, "DELETE FROM measurement") == "refused"
        assert outcome(connection, "CREATE TABLE mine (a integer)") == "refused"
        assert outcome(connection, "CREATE DATABASE mine") != "allowed"


def as_login(dsn, login, password):
    return psycopg.conninfo.make_conninfo(dsn, user=login, password=password)


def test_a_login_has_its_role_and_nothing_else(database):
    ensure_login(database, "changing", "first", "reader")
    ensure_login(database, "changing", 'it\'s "second"', "writer")

    assert query(
        database, "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'changing'::regrole"
    ) == [("groenmeter_writer",)]
    assert query(
        database,
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
        " WHERE rolname = 'changing'",
    ) == [(False,) * 5]
    psycopg.connect(as_login(database, "changing", 'it\'s "second"')).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(as_login(database, "changing", "first"))


def test_the_password_of_a_login_is_never_sent_in_the_clear(database, postgres):
    """A statement that fails, or that an administrator has logged, stands in the server's log."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(
                sql.Identifier(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
            )
        )
    ensure_login(database, "discreet", "very-secret-word", "reader")

    log = postgres.data.with_suffix(".log").read_text(errors="replace")
    assert "discreet" in log
    assert "very-secret-word" not in log
