"""`groenmeter verify` finds whatever does not follow from the ledger."""

import asyncio

import psycopg
import pytest

from services.store.connection import connect_async
from services.store.verify import CHECKS, Verification, verify
from tests.integration.query.asking import count, event

PERIOD = {"from": "2026-03-28T12:00:00+01:00", "to": "2026-03-31T12:00:00+02:00"}
WASTE = {"stream": "residual", "quantity": 1, "unit": "kg"}


def verified(dsn: str) -> Verification:
    async def run() -> Verification:
        async with await connect_async(dsn, "owner") as connection:
            return await verify(connection, [].append)

    return asyncio.run(run())


@pytest.fixture
def counted(organisation):
    """A database with some of everything in it."""
    quarter = {"from": "2026-03-29T00:50:00Z", "to": "2026-03-29T01:05:00Z"}
    count(
        organisation,
        event("waste", "long", WASTE | PERIOD | {"cost_eur": "0.07"}),
        event("waste", "moment", WASTE, time="2026-03-29T00:30:00Z"),
        event("energy", "quarter", {"carrier": "electricity", "quantity": 7, "unit": "Wh"} | quarter),
        event("medication-waste", "day", {"reason": "expired", "pieces": 3}, time="2026-03-29T12:00:00Z"),
    )
    count(
        organisation,
        event("waste", "long", WASTE | PERIOD | {"stream": "paper"}, revision=2),
        event("waste", "moment", retracted=True, revision=3),
        event("waste", "moment", WASTE, revision=2, time="2026-03-30T00:30:00Z"),
    )
    return organisation


def test_it_agrees_with_what_was_counted(counted):
    result = verified(counted)

    assert result.agrees
    assert result.counts == dict.fromkeys(CHECKS, 0)
    assert result.compared["ledger_rows"] == 7
    assert result.compared["identities"] == 4
    assert result.compared["batches"] == 4  # with those of migrate and of the configuration


FIRST_BATCH = "batch_no = (SELECT min(batch_no) FROM batch_log WHERE added > 0)"


@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        ("UPDATE rollup_day SET quantity = quantity + 1 WHERE day = '2026-03-30'", {"days", "leaves"}),
        ("UPDATE rollup_day SET readings = readings + 1 WHERE day = '2026-03-28'", {"days", "leaves"}),
        ("DELETE FROM rollup_day WHERE quantity > 0 AND day = '2026-03-29'", {"days", "leaves"}),
        ("INSERT INTO rollup_day VALUES (999, '2026-01-01', 5, 0)", {"days", "leaves"}),
        (
            "UPDATE rollup_day SET quantity = quantity + CASE day WHEN '2026-03-29' THEN 1 ELSE -1 END "
            "WHERE quantity > 0 AND leaf_no IN (SELECT leaf_no FROM leaf WHERE category = 'paper') "
            "AND day BETWEEN '2026-03-29' AND '2026-03-30'",
            {"days"},
        ),
        ("UPDATE rollup_month SET quantity = quantity + 1 WHERE quantity > 0", {"months"}),
        ("UPDATE rollup_month SET readings = readings - 1 WHERE readings > 0", {"months"}),
        ("DELETE FROM rollup_month WHERE quantity > 0", {"months"}),
        ("INSERT INTO rollup_month VALUES (999, '2026-01-01', 5, 0)", {"months"}),
        ("UPDATE rollup_month SET month = month + 1", {"months"}),
        ("UPDATE rollup_hour SET quantity = quantity - 1 WHERE quantity > 0", {"hours"}),
        ("DELETE FROM rollup_hour WHERE quantity > 0", {"hours"}),
        ("UPDATE leaf SET site = 'west' WHERE category = 'paper'", {"days", "leaves", "sources"}),
        ("UPDATE identity SET revision = 1 WHERE id = 'long'", {"identities", "days", "leaves", "sources"}),
        ("UPDATE identity SET fingerprint = '\\x00' WHERE id = 'day'", {"identities"}),
        ("INSERT INTO identity SELECT source_no, 'orphan', 1, '\\x00' FROM source", {"identities"}),
        ("DELETE FROM identity WHERE id = 'day'", {"identities", "days", "leaves", "sources"}),
        (
            "DELETE FROM source WHERE kind = 'energy'",
            {"identities", "days", "leaves", "hours", "sources", "late"},
        ),
        ("UPDATE source_day SET readings = readings + 1 WHERE span = 'moment'", {"sources"}),
        ("UPDATE source_day SET seconds = seconds - 0.000001 WHERE seconds > 0", {"sources"}),
        ("UPDATE source_day SET span = 'longer' WHERE span = 'month'", {"sources"}),
        ("DELETE FROM source_day WHERE readings > 0 AND span = 'hour'", {"sources"}),
        ("INSERT INTO source_day VALUES (1, 999, 'day', '2026-01-01', 1, 86400)", {"sources"}),
        (
            "INSERT INTO measurement SELECT * FROM measurement WHERE id = 'moment' AND revision = 2",
            {"revisions", "batches", "receipts"},
        ),
        (f"DELETE FROM batch_log WHERE {FIRST_BATCH}", {"batches", "corrections"}),  # noqa: S608
        (f"UPDATE batch_log SET added = added + 1, events = events + 1 WHERE {FIRST_BATCH}", {"batches"}),  # noqa: S608
        (
            "UPDATE batch_log SET oldest_received_at = oldest_received_at + interval '1 us' WHERE added > 0",
            {"batches"},
        ),
        ("UPDATE received_late SET readings = readings + 1", {"late"}),
        ("UPDATE received_late SET days_late = days_late - 1", {"late"}),
        ("UPDATE received_late SET category = 'glass' WHERE category = 'residual'", {"late"}),
        ("DELETE FROM received_late WHERE kind = 'waste'", {"late"}),
        ("INSERT INTO received_late VALUES (now(), 1, 'x', 'waste', 'glass', 1, 40, now(), now())", {"late"}),
        ("UPDATE correction SET quantity_before = quantity_before + 1", {"corrections"}),
        ("UPDATE correction SET unit_after = 'J' WHERE NOT retracted", {"corrections"}),
        ("DELETE FROM correction WHERE retracted", {"corrections"}),
        ("INSERT INTO correction SELECT now(), 1, 1, 'x', 2, false", {"corrections"}),
        (
            "INSERT INTO reject (batch_id, origin, position, topic, received_at, problems, payload) "
            "SELECT batch_id, 'x', 0, 'measurements.waste', now(), '[]', '' FROM batch_log LIMIT 1",
            {"rejects"},
        ),
        ("UPDATE receipt_part SET added = added + 1", {"receipts"}),
    ],
)
def test_it_finds_damage(counted, damage, checks):
    with psycopg.connect(counted, autocommit=True) as connection:
        assert connection.execute(damage).rowcount

    result = verified(counted)

    assert not result.agrees
    assert {check for check, number in result.counts.items() if number} == checks
    assert {difference.check for difference in result.differences} == checks


def test_it_shows_the_first_differences_and_counts_all(counted):
    with psycopg.connect(counted, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO rollup_day SELECT 1, date '2020-01-01' + n, 1, 0 FROM generate_series(1, 100) AS n"
        )

    result = verified(counted)

    assert result.counts["days"] == 100
    days = [difference for difference in result.differences if difference.check == "days"]
    assert len(days) == 20
    assert (days[0].expected, days[0].found) == (None, "1 in 0")
    assert days[0].key["team"] == "ok-centrum"
