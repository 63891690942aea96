"""A meter may get a factor of its own at any moment: no sum changes, and its own are kept apart."""

import asyncio
import json
from datetime import date
from decimal import Decimal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.factor_versions import FactorVersion
from services.store.connection import connect, connect_async
from services.store.factors import record_factors
from services.store.ledger import Ledger
from tests.integration.store.recording import CALENDAR, batch_of, empty, meter_sums, record, value
from tests.integration.store.test_ledger_properties import assert_agrees
from tests.oracle import expect
from tests.strategies import ORGANISATION, batched, histories

OWN = (("natural-gas", "Nm3", "gas-1"), ("district-heat", "GJ", "heat-1"), ("electricity", "kWh", "heat-1"))

on_a_database = settings(
    max_examples=8,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


def add(dsn, own):
    """Give a meter a factor of its own."""
    category, unit, meter = own
    version = FactorVersion(
        kind="energy",
        category=category,
        unit=unit,
        kg_co2e=Decimal("1.5"),
        chain="wtw",
        market="location",
        valid_from=date(2024, 1, 1),
        valid_to=date(2027, 1, 1),
        published=date(2026, 1, 1),
        source="supplier",
        certainty="seen",
        layer="own",
        meter=meter,
    )
    with connect(dsn) as connection:
        record_factors(connection, [version], "test")


def assert_apart(dsn, expected, owners):
    """The sums are the oracle's, and of these meters, and no other, also what they are of them."""
    assert_agrees(dsn, expected)
    own = {(category, meter) for category, _, meter in owners}
    assert meter_sums(dsn) == {
        key: sums for key, sums in expected.meters.items() if (key[0].category, key[1]) in own and any(sums)
    }


@on_a_database
@given(data=st.data())
def test_between_batches_and_corrections(database, data):
    empty(database)
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    owners = data.draw(st.lists(st.sampled_from(OWN), unique=True))
    moments = [data.draw(st.integers(0, len(batches))) for _ in owners]

    async def work():
        async with await connect_async(database, "writer") as connection:
            ledger = Ledger(connection, CALENDAR)
            for number in range(len(batches) + 1):
                for own, moment in zip(owners, moments, strict=True):
                    if moment == number:
                        await asyncio.to_thread(add, database, own)
                if number < len(batches):
                    await ledger.record(batch_of(batches[number]))

    asyncio.run(work())

    expected = expect([event for batch in batches for event in batch], ORGANISATION)
    assert_apart(database, expected, owners)


@on_a_database
@given(data=st.data())
def test_while_two_workers_write(database, data):
    empty(database)
    events = data.draw(histories())
    shares = [data.draw(batched(data.draw(st.permutations(events)))) for _ in range(2)]

    async def work():
        await asyncio.gather(
            *(record(database, [batch_of(batch) for batch in batches]) for batches in shares),
            *(asyncio.to_thread(add, database, own) for own in OWN),
        )

    asyncio.run(work())

    assert_apart(database, expect(events, ORGANISATION), OWN)


def heat(id_, quantity):
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": "/m",
            "type": "nl.groenmeter.energy.v1",
            "team": "ok-centrum",
            "time": "2026-03-01T12:00:00Z",
            "data": {"carrier": "district-heat", "quantity": quantity, "unit": "GJ", "meter": "heat-1"},
        }
    )


def test_a_batch_that_was_open_meanwhile_is_written_with_it(database):
    """The batch has written its sums and waits at the lock of the batch log while the meter is added."""
    events = [heat("1", 2), heat("2", 3)]

    async def work():
        async with (
            await connect_async(database, "writer") as connection,
            await connect_async(database, "owner") as holder,
        ):
            ledger = Ledger(connection, CALENDAR)
            await ledger.record(batch_of(events[:1]))
            async with holder.transaction():
                await holder.execute("SELECT pg_advisory_xact_lock(hashtext('groenmeter batch'))")
                writing = asyncio.create_task(ledger.record(batch_of(events[1:])))
                while not writing.done() and not value(
                    database, "SELECT count(*) FROM pg_locks WHERE NOT granted"
                ):
                    await asyncio.sleep(0.01)
                # What `record_factors` does under the lock, which this transaction has.
                await holder.execute("INSERT INTO own_meter VALUES ('district-heat', 'heat-1')")
                for bucket in ("day", "hour"):
                    await holder.execute(
                        f"INSERT INTO meter_{bucket} SELECT leaf_no, 'heat-1', {bucket}, quantity, readings"  # noqa: S608
                        f" FROM rollup_{bucket}"
                    )
            return await writing

    assert asyncio.run(work()).added == 1
    assert_apart(database, expect(events, ORGANISATION), [OWN[1]])
