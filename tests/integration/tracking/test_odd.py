"""Odd readings in the database: flagged whoever posted them, confirmed, or gone when corrected."""

import asyncio
import json
from dataclasses import replace

from services.query.flags import flags_answer
from services.store.connection import connect_async
from services.store.flags import confirm_flags
from services.store.ledger import Batch
from services.tracking.odd import OddValues
from tests.integration.query.asking import ask, columns, count, event, problems
from tests.integration.store.recording import batch_of, record, value


def follow(dsn):
    async def run():
        async with await connect_async(dsn, "writer") as connection:
            while await OddValues(connection).step():
                pass

    asyncio.run(run())


def bag(day, quantity, id_=None, **attributes):
    data = {"stream": "residual", "quantity": quantity, "unit": "kg"}
    return event("waste", id_ or str(day), data, time=f"2026-03-{day:02}T12:00:00+01:00", **attributes)


def invoice(id_, quantity, **attributes):
    data = {"carrier": "electricity", "quantity": quantity, "unit": "MWh"}
    period = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}
    return event("energy", id_, data | period, **attributes)


def month(of, id_):
    period = {"from": f"2025-{of:02}-01", "to": f"2025-{of + 1:02}-01" if of < 12 else "2026-01-01"}
    data = {"carrier": "electricity", "quantity": of % 3 + 1, "unit": "MWh"}
    return event("energy", id_, data | {name: f"{day}T00:00:00Z" for name, day in period.items()})


def found(dsn, **parameters):
    return columns(ask(dsn, flags_answer, **parameters), "id", "revision", "rule", "state")


def test_an_odd_value_is_counted_flagged_and_gone_when_corrected(organisation):
    count(organisation, *[bag(day, 10 + day) for day in range(1, 8)])
    count(organisation, bag(8, 12_000), bag(9, 13))
    follow(organisation)

    (row,) = ask(organisation, flags_answer)["rows"]
    assert (row["id"], row["rule"], row["field"], row["base_quantity"]) == (
        "8",
        "unit",
        "data.quantity",
        "12000000000",
    )
    assert row["usual"] == "14000000"
    assert "t of MWh" in row["reason"]["nl"]
    assert value(organisation, "SELECT sum(quantity) FROM rollup_day") == 12_111_000_000

    count(organisation, bag(8, 12, revision=2))
    follow(organisation)
    assert found(organisation) == []
    assert found(organisation, state="all") == [("8", 1, "unit", "corrected")]
    follow(organisation)
    assert found(organisation, own_team="keuken", state="all") == []
    assert problems(organisation, flags_answer, state="x") == {"state": "'x' is not known"}


def test_what_is_confirmed_is_usual_from_then_on(organisation):
    count(organisation, *[bag(day, 10 + day) for day in range(1, 8)], bag(8, 12_000))
    follow(organisation)

    async def confirm(teams):
        async with await connect_async(organisation, "writer") as connection:
            return await confirm_flags(connection, [1], "somebody", teams)

    assert [asyncio.run(confirm(teams)) for teams in ({"keuken"}, None, None)] == [[], [1], []]
    follow(organisation)
    count(organisation, bag(9, 12_001))
    follow(organisation)

    assert found(organisation) == []
    assert found(organisation, state="all") == [("8", 1, "unit", "confirmed")]


def test_of_many_posts_in_one_batch_the_copies_are_flagged_and_not_the_originals(organisation):
    """As behind a restore."""
    batches = []
    for number, name in enumerate(["year", "copy"]):
        batch = batch_of([json.dumps(month(of, f"{name}-{of}")) for of in range(1, 13)])
        for item in batch.accepted:
            received = item.provenance.received + number
            batches.append(replace(item, provenance=item.provenance._replace(received=received)))
    asyncio.run(record(organisation, [Batch("test", accepted=batches)]))
    follow(organisation)

    assert {row[0] for row in found(organisation)} == {f"copy-{of}" for of in range(1, 13)}


def test_the_same_month_twice_unless_the_first_was_taken_back(organisation):
    count(organisation, invoice("a", 5))
    follow(organisation)
    retraction = {name: item for name, item in invoice("a", 5).items() if name != "data"}
    count(organisation, retraction | {"retracted": True, "revision": 2})
    count(organisation, invoice("b", 5))
    follow(organisation)
    assert found(organisation) == []

    count(organisation, invoice("c", 6))
    follow(organisation)
    assert found(organisation) == [("c", 1, "same-period", "open")]
