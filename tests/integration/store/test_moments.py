"""Changes beside measurements take their place in the batch log."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg

from services.store.configuration import change, current_version
from services.store.connection import connect_async
from tests.integration.query.asking import count, event
from tests.integration.store.recording import query, value
from tests.waiting import wait_until

PAPER = {"stream": "paper", "quantity": 1, "unit": "kg"}


def known_teams(dsn, as_of):
    async def read():
        async with await connect_async(dsn, "writer") as connection:
            return set((await current_version(connection, as_of)).organisation.teams)

    return asyncio.run(read())


def test_one_transaction_has_one_moment_and_the_next_a_later_one(database):
    with psycopg.connect(database) as connection:
        both = "SELECT record_change('one'), record_change('two')"
        first, again = connection.execute(both).fetchone()
        connection.rollback()
        second, _ = connection.execute(both).fetchone()
        connection.commit()
        third, _ = connection.execute(both).fetchone()

    assert first == again
    assert query(database, "SELECT recorded_at, worker, events FROM batch_log WHERE batch_no > 0") == [
        (second, "one", 0),
        (third, "one", 0),
    ]
    assert second < third


def test_the_configuration_as_of_any_moment(database):
    moments = [value(database, "SELECT max(recorded_at) FROM batch_log")]
    for slug in ("ok-centrum", "keuken"):
        change(database, {"teams": {slug: {}}}, "test")
        moments.append(value(database, "SELECT max(recorded_at) FROM batch_log"))
        count(database, event("waste", slug, PAPER, time="2026-03-05T12:00:00Z"))
        moments.append(value(database, "SELECT max(recorded_at) FROM batch_log"))

    assert [known_teams(database, moment) for moment in moments] == [
        set(),
        {"ok-centrum"},
        {"ok-centrum"},
        {"ok-centrum", "keuken"},
        {"ok-centrum", "keuken"},
    ]
    assert known_teams(database, None) == {"ok-centrum", "keuken"}


def test_what_commits_later_is_known_later(database):
    """A batch that is closed meanwhile waits: nothing may become known of a moment that was told already."""
    change(database, {"teams": {"ok-centrum": {}}}, "test")
    with psycopg.connect(database) as late, ThreadPoolExecutor() as pool:
        late.execute(
            "INSERT INTO configuration (version, applied_at, applied_by, document)"
            " SELECT version + 1, clock_timestamp(), 'test', document FROM configuration WHERE version = 2"
        )
        posted = pool.submit(count, database, event("waste", "1", PAPER, time="2026-03-05T12:00:00Z"))
        wait_until(
            lambda: query(database, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
            10,
        )
        late.commit()
        posted.result(10)

    assert query(database, "SELECT worker FROM batch_log WHERE batch_no > 1 ORDER BY recorded_at") == [
        ("configuration",),
        ("test",),
    ]
