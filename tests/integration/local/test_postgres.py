import psycopg

from services.local.postgres import Cluster


def test_it_is_timescaledb_on_postgresql_17(postgres: Cluster) -> None:
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        version = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
        extension = connection.execute(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
        ).fetchone()

    assert version == (17,)
    assert extension is not None
    assert extension[0].startswith("2.")


def test_it_refuses_a_wrong_password(postgres: Cluster) -> None:
    try:
        psycopg.connect(postgres.dsn("postgres", password="wrong")).close()
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error)
    else:
        raise AssertionError("it let us in")


def test_a_database_is_created_once_and_dropped_with_its_sessions(postgres: Cluster) -> None:
    postgres.create_database("created_once")
    postgres.create_database("created_once")
    session = psycopg.connect(postgres.dsn("created_once"))

    postgres.drop_database("created_once")

    assert session.closed or _is_cut(session)


def _is_cut(session: psycopg.Connection) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False
