"""Payloads of rejects go after 90 days, and nothing else does."""

import asyncio
import re

import psycopg
import pytest

from services.store.connection import connect, connect_async
from services.store.migrate import migrations
from services.store.rejects import PAYLOAD_KEPT
from services.store.retention import forget_payloads, read_forgotten
from tests.integration.store.recording import query, value
from tests.integration.store.test_redactions import event, refuse

AGES = (1, 59, 91, 400)


def call(dsn, what, role="writer"):
    async def run():
        async with await connect_async(dsn, role) as connection:
            return await what(connection)

    return asyncio.run(run())


@pytest.fixture
def aged(database):
    """Rejects that were recorded so many days ago, in a database as old; it forgot nothing for a year."""
    for age in AGES:
        refuse(database, event(str(age), note="nat"), origin=f"r{age}")
    with connect(database) as connection:
        for age in AGES:
            connection.execute(
                "UPDATE batch_log SET recorded_at = clock_timestamp() - %s * interval '1 day'"
                " WHERE batch_id = (SELECT batch_id FROM reject WHERE origin = %s)",
                (age, f"r{age}"),
            )
        connection.execute(
            "UPDATE retention SET forgotten_until = now() - interval '110 days',"
            " ran_at = now() - interval '1 day'"
        )
    return database


def kept(dsn):
    return [
        int(origin[1:])
        for (origin,) in query(dsn, "SELECT origin FROM reject WHERE payload <> '' ORDER BY reject_no")
    ]


def test_a_payload_goes_after_90_days_and_the_reject_stays(aged):
    assert call(aged, read_forgotten).due == 2
    assert call(aged, forget_payloads) == 2

    assert kept(aged) == [1, 59]
    assert value(aged, "SELECT count(*) FROM reject WHERE problems <> '[]'") == len(AGES)
    assert call(aged, read_forgotten).number == 2


def test_it_happens_once_a_day(aged):
    assert call(aged, forget_payloads) == 2
    assert call(aged, forget_payloads) is None
    with connect(aged) as connection:
        connection.execute("UPDATE retention SET ran_at = ran_at - interval '1 day'")
    assert call(aged, forget_payloads) == 0


def test_a_wrong_clock_does_not_empty_everything(aged):
    """As when the clock of the database is a year ahead: every payload looks older than 90 days."""
    with connect(aged) as connection:
        connection.execute("UPDATE batch_log SET recorded_at = recorded_at - interval '1 year'")
        connection.execute("UPDATE retention SET forgotten_until = forgotten_until - interval '1 year'")

    assert call(aged, forget_payloads) == 2

    assert kept(aged) == [1, 59]


def test_the_writer_can_do_nothing_else_to_a_payload(aged):
    with connect(aged, "writer") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE reject SET payload = ''")
    with connect(aged, "reader") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT forget_payloads()")


def test_python_and_sql_say_the_same():
    (newest,) = (migration.sql for migration in migrations() if "FUNCTION payloads_due" in migration.sql)
    assert re.findall(r"interval '(\d+) days'", newest)[0] == str(PAYLOAD_KEPT.days)
