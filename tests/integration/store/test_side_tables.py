"""What is kept beside the ledger: the same by our processor, an older one and the migration."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import to_microseconds
from services.store import ledger
from services.store.connection import connect_async
from services.store.migrate import migrations
from services.store.side_tables import SideRows
from services.store.verify import verify
from tests.integration.store.recording import batch_of, empty, query, record, value
from tests.integration.store.test_ledger import body
from tests.integration.store.test_ledger_properties import few_examples
from tests.strategies import RECEIVED, batched, histories

CORRECTIONS = """
SELECT id, revision, retracted, to_char(starts_at, 'MM-DD'), category, quantity_before, unit_before,
    quantity_after, unit_after
FROM correction
ORDER BY id, revision
"""
LATE = "SELECT team, category, readings, days_late, starts_at, received_at FROM received_late ORDER BY 1, 2"
EVERYTHING = (
    "SELECT * FROM correction ORDER BY written_at, source_no, id, revision",
    "SELECT * FROM received_late ORDER BY written_at, batch_id, team, kind, category",
    "SELECT batch_no, oldest_received_at FROM batch_log ORDER BY batch_no DESC LIMIT 20",
)
KG = 1_000_000
MARCH = "03-01"


def received(batch, *moments):
    """The batch with its events received at these moments, in their order."""
    for item, moment in zip(batch.accepted, moments, strict=True):
        item.provenance = item.provenance._replace(received=to_microseconds(moment))
    return batch


def differences(dsn):
    async def run():
        async with await connect_async(dsn, "owner") as connection:
            return (await verify(connection, [].append)).differences

    return asyncio.run(run())


@pytest.fixture(params=["ours", "older"])
def counting(request, database, monkeypatch):
    """Counts batches of bodies, as our processor does or as one does that does not know of side tables."""
    if request.param == "older":
        monkeypatch.setattr(ledger, "side_rows", lambda _: SideRows(None, [], []))

    def count(*batches):
        made = [batch if isinstance(batch, ledger.Batch) else batch_of(batch) for batch in batches]
        asyncio.run(record(database, made))
        assert differences(database) == []
        return database

    return count


def retraction(id_="1", revision=2):
    return body(id_, revision=revision, retracted=True)


def test_a_correction_says_how_much_it_was_and_became(counting):
    paper = {"stream": "paper", "quantity": 7, "unit": "kg"}
    database = counting(
        [body("1"), body("2")], [body("1", 5, 2), body("2", revision=2, data=paper)], [body("1", 6, 4)]
    )

    assert query(database, CORRECTIONS) == [
        ("1", 2, False, MARCH, "residual", 4 * KG, "mg", 5 * KG, "mg"),
        ("1", 4, False, MARCH, "residual", 5 * KG, "mg", 6 * KG, "mg"),
        ("2", 2, False, MARCH, "paper", 4 * KG, "mg", 7 * KG, "mg"),
    ]


def test_what_is_taken_back_had_an_amount_and_has_none(counting):
    database = counting([body()], [retraction()], [body(quantity=5, revision=3)])

    assert query(database, CORRECTIONS) == [
        ("1", 2, True, MARCH, "residual", 4 * KG, "mg", None, None),
        ("1", 3, False, MARCH, "residual", None, None, 5 * KG, "mg"),
    ]


def test_what_comes_at_once_is_as_if_it_came_apart(counting):
    database = counting(
        [retraction(revision=4), body(), body(quantity=6, revision=3), body(quantity=5, revision=2)]
    )

    assert query(database, CORRECTIONS) == [
        ("1", 2, False, MARCH, "residual", 4 * KG, "mg", 5 * KG, "mg"),
        ("1", 3, False, MARCH, "residual", 5 * KG, "mg", 6 * KG, "mg"),
        ("1", 4, True, MARCH, "residual", 6 * KG, "mg", None, None),
    ]


def test_what_never_counted_corrected_nothing(counting):
    """Behind a higher revision, alone or with one that counts; again; as another content of it."""
    database = counting(
        [body(), body(quantity=6, revision=4)],
        [body(quantity=5, revision=2)],
        [body(quantity=8, revision=3), body(quantity=7, revision=5)],
        [body(quantity=7, revision=5), body(quantity=9, revision=5)],
    )

    assert query(database, CORRECTIONS) == [
        ("1", 4, False, MARCH, "residual", 4 * KG, "mg", 6 * KG, "mg"),
        ("1", 5, False, MARCH, "residual", 6 * KG, "mg", 7 * KG, "mg"),
    ]


def test_what_is_first_corrected_nothing_whatever_its_revision(counting):
    database = counting([body("1", revision=3), retraction("2", revision=1), retraction("3")], [body("1")])

    assert query(database, CORRECTIONS) == []


def test_pieces_and_cost_are_amounts_too(counting):
    kind = "nl.groenmeter.medication-waste.v1"
    pieces = {"reason": "expired", "pieces": 3, "cost_eur": "1.50"}
    mass = {"reason": "expired", "mass": 2, "mass_unit": "g", "pieces": 4}
    database = counting([body(type=kind, data=pieces)], [body(type=kind, revision=2, data=mass)])

    ((*_, quantity_before, unit_before, quantity_after, unit_after),) = query(database, CORRECTIONS)
    assert (quantity_before, unit_before, quantity_after, unit_after) == (3, "piece", 2000, "mg")


def test_late_is_more_than_31_days_after_the_end(counting):
    moment = datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    month = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T13:30:00Z"}
    period = {"stream": "paper", "quantity": 1, "unit": "kg"} | month
    edge, after = moment + timedelta(days=31), moment + timedelta(days=31, microseconds=1)
    much_later = moment + timedelta(days=100, hours=23)
    bodies = [
        body("1"),
        body("2"),
        body("3"),
        body("4", data=period),
        body("5", data=period),
    ]

    database = counting(
        received(batch_of(bodies), edge, after, much_later, edge, after),
        received(batch_of([body("1", 5, 2), body("2"), retraction("9", 1)]), *[much_later] * 3),
    )

    start = datetime(2026, 2, 1, tzinfo=UTC)
    assert query(database, LATE) == [
        ("ok-centrum", "paper", 1, 31, start, after),
        ("ok-centrum", "residual", 2, 131, moment, much_later),
    ]


def test_late_readings_are_those_of_a_batch_a_team_and_a_category(counting):
    food = body(
        "4",
        team="keuken",
        type="nl.groenmeter.food-waste.v1",
        data={"stage": "plate", "quantity": 1, "unit": "kg"},
    )
    database = counting([body("1"), body("2"), food], [body("3")])

    assert query(
        database, "SELECT team, kind, category, readings FROM received_late ORDER BY batch_id, 1"
    ) == [
        ("keuken", "food-waste", "plate", 1),
        ("ok-centrum", "waste", "residual", 2),
        ("ok-centrum", "waste", "residual", 1),
    ]


def test_a_batch_says_when_the_oldest_that_it_added_was_received(counting):
    old, new = RECEIVED - timedelta(hours=2), RECEIVED - timedelta(hours=1)
    database = counting(
        received(batch_of([body("1"), body("2")]), RECEIVED, new),
        received(batch_of([body("1"), body("3")]), old, RECEIVED),
        received(batch_of([body("1")]), old),
    )

    assert query(
        database, "SELECT added, oldest_received_at FROM batch_log WHERE batch_no > 0 ORDER BY batch_no"
    ) == [
        (2, new),
        (1, RECEIVED),
        (0, None),
    ]
    assert value(database, "SELECT count(*) FROM dashboard_lag") == 2


def filled_by_the_migration(dsn):
    """The side tables, emptied and filled by the statements of the migration."""
    (migration,) = (migration for migration in migrations() if migration.name == "0018_side_tables.sql")
    statements = re.findall(r"^(?:UPDATE|INSERT INTO) .*?;$", migration.sql, re.DOTALL | re.MULTILINE)
    assert len(statements) == 3
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE received_late, correction")
        connection.execute("UPDATE batch_log SET oldest_received_at = NULL")
        for statement in statements:
            connection.execute(statement)
    return [query(dsn, statement) for statement in EVERYTHING]


@few_examples
@given(data=st.data())
def test_it_is_the_same_whoever_keeps_it(database, data):
    """Batch by batch our processor or an older one, as in an upgrade; then all of it by the migration."""
    empty(database)
    batches = data.draw(batched(data.draw(st.permutations(data.draw(histories(conflicts=True))))))
    with pytest.MonkeyPatch.context() as patch:
        for batch in batches:
            if data.draw(st.booleans()):
                patch.setattr(ledger, "side_rows", lambda _: SideRows(None, [], []))
            asyncio.run(record(database, [batch_of(batch)]))
            patch.undo()

    assert differences(database) == []
    kept = [query(database, statement) for statement in EVERYTHING]
    assert filled_by_the_migration(database) == kept


def test_only_what_is_not_told_is_looked_up(database, monkeypatch):
    """Our processor pays for no trigger, and the lists are its own."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION keep_side_tables() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'looked up'; END $$"
        )
    asyncio.run(record(database, [batch_of([body()]), batch_of([body(quantity=5, revision=2)])]))
    assert value(database, "SELECT count(*) FROM correction") == 1

    monkeypatch.setattr(ledger, "side_rows", lambda _: SideRows(None, [], []))
    with pytest.raises(psycopg.errors.RaiseException, match="looked up"):
        asyncio.run(record(database, [batch_of([body("2")])]))
