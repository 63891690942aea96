"""Whatever is posted, in whatever order and batches: ledger and totals are those of the oracle."""

import asyncio
import json
from datetime import timedelta
from itertools import zip_longest

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.store.connection import connect_async
from services.store.ledger import Counts, Ledger
from services.store.verify import verify
from tests.integration.store.recording import (
    CALENDAR,
    batch_of,
    day_sums,
    empty,
    hour_sums,
    ledger_rows,
    month_sums,
    query,
    record,
    source_days,
    value,
)
from tests.oracle import expect
from tests.strategies import ORGANISATION, batched, histories

# Rich examples and no shrinking, which would take minutes on a database: what can be told of single events
# without one is tested, and shrunk, in tests/unit/store/test_deltas.py.
few_examples = settings(
    max_examples=15,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


def assert_agrees(dsn, expected, *, with_ledger=True):
    """Ledger, identities and all sums are as the oracle says, and the database agrees with itself."""
    if with_ledger:
        assert ledger_rows(dsn) == expected.ledger
    assert day_sums(dsn) == {key: sums for key, sums in expected.days.items() if any(sums)}
    assert month_sums(dsn) == _months(expected)
    assert hour_sums(dsn) == {key: sums for key, sums in expected.hours.items() if any(sums)}
    assert source_days(dsn) == {key: cover for key, cover in expected.sources.items() if any(cover)}
    assert value(dsn, "SELECT count(*) FROM identity") == len({identity for identity, _ in expected.ledger})
    assert asyncio.run(_differences(dsn)) == []


def _months(expected):
    months = {}
    for (leaf, day), sums in expected.days.items():
        month = leaf, day.replace(day=1)
        earlier = months.get(month, (0, 0))
        months[month] = type(sums)(sums[0] + earlier[0], sums[1] + earlier[1])
    return {key: sums for key, sums in months.items() if any(sums)}


async def _differences(dsn):
    async with await connect_async(dsn, "owner") as connection:
        return (await verify(connection, report=[].append)).differences


def tally(outcomes):
    return Counts(outcomes.count("added"), outcomes.count("repeat"), outcomes.count("conflict"))


@few_examples
@given(data=st.data())
def test_everything_is_counted_as_the_oracle_counts_it(database, data):
    empty(database)
    events = data.draw(histories(conflicts=True))
    batches = data.draw(batched(events))
    expected = expect(events, ORGANISATION)

    counts = asyncio.run(record(database, [batch_of(batch) for batch in batches]))

    outcomes = iter(expected.outcomes)
    assert counts == [tally([next(outcomes) for _ in batch]) for batch in batches]
    assert query(
        database,
        "SELECT added, repeats, rejected FROM batch_log WHERE batch_no > 0 ORDER BY batch_no",
    ) == [tuple(count) for count in counts]
    assert value(database, "SELECT count(*) FROM reject") == expected.outcomes.count("conflict")
    assert query(
        database, "SELECT sum(added), sum(repeats), sum(rejected), sum(events) FROM batch_log"
    ) == query(
        database,
        "SELECT sum(added), sum(repeats), sum(rejected), sum(added + repeats + rejected) FROM receipt_part",
    )
    assert_agrees(database, expected)


@few_examples
@given(data=st.data())
def test_the_order_does_not_matter_and_neither_does_sending_again(database, data):
    empty(database)
    events = data.draw(histories())
    expected = expect(events, ORGANISATION)
    shuffled = data.draw(st.permutations(events))

    asyncio.run(record(database, [batch_of(batch) for batch in data.draw(batched(shuffled))]))
    assert_agrees(database, expected)

    counts = asyncio.run(record(database, [batch_of(batch) for batch in data.draw(batched(events))]))
    assert sum(count.repeats for count in counts) == len(events)
    assert_agrees(database, expected)


@few_examples
@given(data=st.data())
def test_two_workers_at_once_count_as_one(database, data):
    empty(database)
    events = data.draw(histories())
    expected = expect(events, ORGANISATION)
    shares = [data.draw(batched(data.draw(st.permutations(events)))) for _ in range(2)]

    async def work():
        return await asyncio.gather(
            *(record(database, [batch_of(batch) for batch in batches]) for batches in shares)
        )

    counts = [count for worker in asyncio.run(work()) for count in worker]

    assert sum(count.added for count in counts) == len(expected.ledger)
    assert sum(count.repeats for count in counts) == 2 * len(events) - len(expected.ledger)
    assert_agrees(database, expected)


@settings(few_examples, max_examples=8)
@given(data=st.data())
def test_two_workers_with_conflicts_agree_on_one_of_them(database, data):
    """Which content stands is decided once; the totals are those of what stands."""
    empty(database)
    events = data.draw(histories(conflicts=True))
    halves = events[::2], events[1::2]

    async def work():
        connections = [await connect_async(database, "writer") for _ in halves]
        ledgers = [Ledger(connection, CALENDAR) for connection in connections]
        for pair in zip_longest(*([half[at : at + 5] for at in range(0, len(half), 5)] for half in halves)):
            await asyncio.gather(
                *(ledger.record(batch_of(part)) for ledger, part in zip(ledgers, pair, strict=True) if part)
            )
        for connection in connections:
            await connection.close()

    asyncio.run(work())

    standing = set(ledger_rows(database).items())
    assert {key for key, _ in standing} == set(expect(events, ORGANISATION).ledger)
    assert standing <= {item for event in events for item in expect([event], ORGANISATION).ledger.items()}
    assert asyncio.run(_differences(database)) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-29T00:30:00Z", None),
        ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("2026-10-24T21:59:59.999999Z", "2026-10-25T23:00:00.000001Z"),
        ("2026-01-01T23:00:00Z", "2026-12-31T23:00:00Z"),
        ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
        ("2026-10-25T00:40:00Z", "2026-10-25T01:40:00Z"),
        ("2026-10-25T00:00:00Z", "2026-10-25T01:00:00.000001Z"),
    ],
)
def test_the_functions_of_the_database_split_as_the_oracle_does(database, start, end):
    data = {"indicator": "operations", "unit": "1"} | ({"from": start, "to": end} if end else {})
    event = {
        "type": "nl.groenmeter.activity.v1",
        "team": "ok-centrum",
        "source": "/s",
        "id": "1",
        "time": start,
    }
    with psycopg.connect(database, options="-c timezone=UTC") as connection:
        for amount in (0, 1, 2, 99, 100, 10**17 - 1, 10**17):
            expected = expect([json.dumps(event | {"data": data | {"quantity": amount}})], ORGANISATION)
            for function, sums in (("day_shares", expected.days), ("hour_shares", expected.hours)):
                rows = connection.execute(
                    f"SELECT * FROM {function}(%s, %s, %s) WHERE share <> 0 OR begins",  # noqa: S608
                    (amount, start, end),
                )
                assert {(bucket, int(share), int(begins)) for bucket, share, begins in rows} == {
                    (bucket, *part) for (_, bucket), part in sums.items() if any(part)
                }
        rows = connection.execute(
            "SELECT reading_span(%(from)s, %(to)s), * FROM day_cover(%(from)s, %(to)s)",
            {"from": start, "to": end},
        )
        assert {
            (span, day, int(begins), timedelta(microseconds=int(seconds * 1_000_000)))
            for span, day, seconds, begins in rows
        } == {(place.span, place.day, *cover) for place, cover in expected.sources.items()}
