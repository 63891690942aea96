"""One batch is one transaction: all of it or nothing, once, whoever else writes."""

import asyncio
import json

import psycopg
import pytest

from schemas.problems import Problem
from services.store.connection import connect_async
from services.store.ledger import Batch, Counts, FencedError, Ledger, Reject, Span
from tests.integration.store.recording import CALENDAR, batch_of, provenance, query, record, value
from tests.oracle import expect
from tests.strategies import ORGANISATION
from tests.waiting import wait_until

TABLES = (
    *("source", "identity", "measurement", "free_text", "reject", "receipt_part", "source_offset", "leaf"),
    *("rollup_day", "rollup_hour"),
)
BATCH_LOCK = "SELECT pg_advisory_lock(hashtext('groenmeter batch'))"


def body(id_="1", quantity=4, revision=1, **changes):
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": "/scale/3",
        "type": "nl.groenmeter.waste.v1",
        "team": "ok-centrum",
        "time": "2026-03-01T14:30:00+01:00",
        "revision": revision,
        "data": {"stream": "residual", "quantity": quantity, "unit": "kg", "note": "n"},
    }
    return json.dumps(event | changes)


def written(database):
    """How many rows each table has."""
    return {table: value(database, f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608


NOTHING = dict.fromkeys(TABLES, 0)


async def test_a_batch_is_counted_and_logged(database):
    (counts,) = await record(database, [batch_of([body(), body(), body("2"), body(quantity=5)])])

    assert counts == Counts(added=2, repeats=1, rejected=1)
    assert query(
        database,
        "SELECT batch_no, worker, events, added, repeats, rejected FROM batch_log ORDER BY batch_no",
    ) == [(0, "migrate", 0, 0, 0, 0), (1, "test", 4, 2, 1, 1)]
    assert value(database, "SELECT count(DISTINCT batch_id) FROM measurement JOIN batch_log USING (batch_id)")


async def test_an_empty_batch_is_logged_too(database):
    (counts,) = await record(database, [Batch("test")])

    assert counts == Counts(0, 0, 0)
    assert written(database) == NOTHING
    assert value(database, "SELECT max(batch_no) FROM batch_log") == 1


async def test_recorded_moments_ascend_with_the_numbers(database):
    await record(database, [batch_of([body(str(number))]) for number in range(5)])

    assert value(
        database,
        "SELECT bool_and(later) FROM (SELECT recorded_at > lag(recorded_at) OVER (ORDER BY batch_no) AS later"
        " FROM batch_log) AS pairs",
    )


# Revisions


async def test_a_conflict_is_a_reject_that_names_the_revision_to_send(database):
    await record(database, [batch_of([body(revision=1), body(revision=3, quantity=6)])])
    await record(database, [batch_of([body(revision=1, quantity=9)], origin="late")])

    ((origin, kind, team, source, id_, problems, payload),) = query(
        database, "SELECT origin, kind, team, source, id, problems, payload FROM reject"
    )
    assert (origin, kind, team, source, id_) == ("late", "waste", "ok-centrum", "/scale/3", "1")
    assert [problem["field"] for problem in problems] == ["revision"]
    assert "revision 4" in problems[0]["allowed"]
    assert json.loads(payload) == json.loads(body(revision=1, quantity=9))
    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 6_000_000


async def test_a_late_lower_revision_is_kept_and_changes_nothing(database):
    await record(database, [batch_of([body(revision=2, quantity=6)]), batch_of([body(revision=1)])])

    assert value(database, "SELECT array_agg(revision ORDER BY revision) FROM measurement") == [1, 2]
    assert value(database, "SELECT revision FROM identity") == 2
    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 6_000_000


async def test_a_retraction_takes_everything_back_until_a_higher_revision(database):
    retraction = body(revision=2, retracted=True, data=None)
    batches = [batch_of([body()]), batch_of([retraction])]
    await record(database, batches)
    assert query(database, "SELECT quantity, readings FROM rollup_day") == [(0, 0)]
    assert query(database, "SELECT quantity, readings FROM rollup_hour") == [(0, 0)]

    await record(database, [batch_of([body(revision=3, quantity=1)])])
    assert query(database, "SELECT quantity, readings FROM rollup_day") == [(1_000_000, 1)]


async def test_a_revision_moves_an_amount_to_another_leaf_and_day(database):
    moved = body(
        revision=2,
        time="2026-04-01T12:00:00Z",
        data={"stream": "paper", "quantity": 4, "unit": "kg", "detail": True},
    )
    await record(database, [batch_of([body()]), batch_of([moved])])

    assert query(
        database,
        "SELECT category, detail, day::text, quantity, readings FROM rollup_day JOIN leaf USING (leaf_no)"
        " ORDER BY day",
    ) == [
        ("residual", False, "2026-03-01", 0, 0),
        ("paper", True, "2026-04-01", 4_000_000, 1),
    ]


async def test_two_teams_with_the_same_source_and_id_do_not_touch(database):
    (counts,) = await record(database, [batch_of([body(), body(team="keuken", quantity=5)])])

    assert counts == Counts(added=2, repeats=0, rejected=0)


async def test_sums_go_beyond_what_a_bigint_holds(database):
    most = 10**8  # tonnes: 10^17 mg
    events = [
        body(str(number), data={"stream": "residual", "quantity": most, "unit": "t"}) for number in range(100)
    ]
    await record(database, [batch_of(events)])

    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 10**19 == 100 * most * 10**9


async def test_free_text_stands_apart_and_only_for_what_was_added(database):
    await record(database, [batch_of([body(), body(), body(revision=2), body(quantity=7)])])

    assert query(database, "SELECT id, revision, texts FROM free_text ORDER BY revision") == [
        ("1", 1, {"note": "n"}),
        ("1", 2, {"note": "n"}),
    ]
    assert "note" not in value(database, "SELECT posted::text FROM measurement WHERE revision = 1")


# Rejects and receipts


def reject(origin, position=0, event=None):
    return Reject(provenance(origin, position, event), (Problem("data.unit", "'kilo' is not a unit here"),))


async def test_a_record_that_comes_again_has_its_rejects_and_receipt_once(database):
    for _ in range(2):
        batch = batch_of([body()], origin="receipt/0")
        batch.rejects.append(reject("receipt/0", 1, {"id": "x"}))
        await record(database, [batch])

    assert query(database, "SELECT added, repeats, rejected FROM receipt_part") == [(1, 0, 1)]
    assert value(database, "SELECT count(*) FROM reject") == 1
    assert query(database, "SELECT added, repeats, rejected FROM batch_log WHERE batch_no > 0") == [
        (1, 0, 1),
        (0, 1, 1),
    ]


async def test_a_record_twice_in_one_batch_has_its_receipt_once(database):
    batch = batch_of([body(), body("2"), body("2", quantity=9)], origin="receipt/0")
    batch.rejects.append(reject("receipt/0", 3, {"id": "x"}))
    batch.accepted *= 2
    batch.rejects *= 2
    await record(database, [batch])

    assert query(database, "SELECT added, repeats, rejected FROM receipt_part") == [(2, 0, 2)]
    assert value(database, "SELECT count(*) FROM reject") == 2


async def test_a_receipt_without_events_is_settled_too(database):
    await record(database, [Batch("test", receipts={"receipt/0": "receipt"})])

    assert query(database, "SELECT record_id, receipt, added, repeats, rejected FROM receipt_part") == [
        ("receipt/0", "receipt", 0, 0, 0)
    ]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (b"\xffnot JSON\x00", b"\xffnot JSON\x00"),
        ({"id": "שלום\0"}, '{"id":"שלום\\u0000"}'.encode()),
    ],
)
async def test_the_payload_of_a_reject_is_kept_as_it_came(database, event, payload):
    await record(database, [Batch("test", rejects=[reject("r", 0, event)])])

    assert bytes(value(database, "SELECT payload FROM reject")) == payload


async def test_an_event_that_is_nested_too_deep_to_be_written_is_a_reject_all_the_same(database):
    event = []
    for _ in range(100_000):
        event = [event]
    await record(database, [Batch("test", rejects=[reject("r", 0, event)])])

    assert b"nested too deep" in bytes(value(database, "SELECT payload FROM reject"))
    while event:  # or its end would be as deep
        event = event.pop()


# Offsets


def spanning(batch, *spans):
    batch.spans = list(spans)
    return batch


async def test_offsets_are_kept_with_what_was_read_before_them(database):
    await record(
        database,
        [
            spanning(batch_of([body()]), Span("log", "b", 0, 0, 4), Span("log", "a", 1, 7, 7)),
            spanning(batch_of([body("2")]), Span("log", "b", 0, 5, 5), Span("other", "b", 0, 0, 0)),
        ],
    )

    assert query(database, "SELECT log, topic, partition, next FROM source_offset ORDER BY 1, 2") == [
        ("log", "a", 1, 8),
        ("log", "b", 0, 6),
        ("other", "b", 0, 1),
    ]


async def test_offsets_may_have_gaps(database):
    await record(
        database,
        [
            spanning(batch_of([body()]), Span("log", "a", 0, 3, 4)),
            spanning(batch_of([body("2")]), Span("log", "a", 0, 9, 9)),
        ],
    )

    assert value(database, "SELECT next FROM source_offset") == 10


@pytest.mark.parametrize(("first", "last"), [(0, 4), (4, 4), (2, 9)])
async def test_what_was_counted_already_is_fenced_and_nothing_is_written(database, first, last):
    await record(database, [spanning(batch_of([body()]), Span("log", "a", 0, 0, 4))])
    before = written(database)
    fenced, free = Span("log", "a", 0, first, last), Span("log", "b", 0, 0, 0)

    with pytest.raises(FencedError) as error:
        await record(database, [spanning(batch_of([body("2")]), free, fenced)])

    assert error.value.spans == [fenced]
    assert written(database) == before
    assert value(database, "SELECT max(batch_no) FROM batch_log") == 1


async def test_after_a_fence_the_same_ledger_goes_on(database):
    async with await connect_async(database, "writer") as connection:
        ledger = Ledger(connection, CALENDAR)
        await ledger.record(spanning(batch_of([body()]), Span("log", "a", 0, 0, 0)))
        with pytest.raises(FencedError):
            await ledger.record(spanning(batch_of([body("2")]), Span("log", "a", 0, 0, 1)))
        counts = await ledger.record(spanning(batch_of([body("2")]), Span("log", "a", 0, 1, 1)))

    assert counts == Counts(added=1, repeats=0, rejected=0)


async def test_of_two_workers_with_the_same_records_one_is_fenced(database):
    span = Span("log", "a", 0, 0, 1)
    results = await asyncio.gather(
        *(record(database, [spanning(batch_of([body()]), span)]) for _ in range(2)), return_exceptions=True
    )

    assert sorted(type(result).__name__ for result in results) == ["FencedError", "list"]
    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 4_000_000


# A transaction that fails in the middle


async def interrupted(database, ledger, batch, how):
    """Record a batch and interrupt it when everything is written but the batch log."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as owner:
        await owner.execute(BATCH_LOCK)
        task = asyncio.create_task(ledger.record(batch))
        pid = await asyncio.to_thread(
            wait_until,
            lambda: query(
                database,
                "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND state = 'active'",
            ),
            10,
        )
        await how(owner, task, pid[0][0])
        with pytest.raises((psycopg.Error, asyncio.CancelledError)) as error:
            await task
    return error.value


async def terminate(owner, task, pid):
    await owner.execute("SELECT pg_terminate_backend(%s)", (pid,))


async def cancel_statement(owner, task, pid):
    await owner.execute("SELECT pg_cancel_backend(%s)", (pid,))


async def cancel_task(owner, task, pid):
    task.cancel()


def full_batch():
    batch = batch_of([body(), body("2"), body("2", quantity=9)], origin="receipt/0")
    batch.rejects.append(reject("receipt/0", 9, {"id": "x"}))
    return spanning(batch, Span("log", "a", 0, 0, 0))


@pytest.mark.parametrize("how", [terminate, cancel_statement, cancel_task])
async def test_what_fails_in_the_middle_leaves_nothing_and_succeeds_again(database, how):
    connection = await connect_async(database, "writer")
    await interrupted(database, Ledger(connection, CALENDAR), full_batch(), how)
    await connection.close()

    assert written(database) == NOTHING
    assert value(database, "SELECT count(*) FROM batch_log") == 1
    assert await record(database, [full_batch()]) == [Counts(added=2, repeats=0, rejected=2)]
    assert value(database, "SELECT sum(quantity) FROM rollup_day") == 8_000_000


async def test_a_ledger_forgets_the_numbers_of_what_was_rolled_back(database):
    async with await connect_async(database, "writer") as connection:
        ledger = Ledger(connection, CALENDAR)
        error = await interrupted(database, ledger, full_batch(), cancel_statement)
        assert isinstance(error, psycopg.errors.QueryCanceled)
        await ledger.record(full_batch())

    assert value(database, "SELECT count(*) FROM measurement JOIN source USING (source_no)") == 2
    assert value(database, "SELECT sum(quantity) FROM rollup_day JOIN leaf USING (leaf_no)") == 8_000_000


async def test_numbers_given_out_in_a_transaction_around_it_are_void_with_it(database):
    async with await connect_async(database, "writer") as connection:
        ledger = Ledger(connection, CALENDAR)
        async with connection.transaction(force_rollback=True):
            await ledger.record(batch_of([body()]))
        await ledger.record(batch_of([body()]))

    assert value(database, "SELECT count(*) FROM measurement JOIN source USING (source_no)") == 1
    assert value(database, "SELECT sum(quantity) FROM rollup_day JOIN leaf USING (leaf_no)") == 4_000_000


async def test_batches_become_visible_in_the_order_of_their_numbers(database):
    """Many writers at once: numbers without gaps, moments that ascend, and nothing lost."""
    events = [body(str(number)) for number in range(40)]

    await asyncio.gather(
        *(record(database, [batch_of([event]) for event in events[worker::4]]) for worker in range(4))
    )

    numbers = query(database, "SELECT batch_no FROM batch_log ORDER BY recorded_at")
    assert [number for (number,) in numbers] == list(range(41))
    assert value(database, "SELECT sum(quantity) FROM rollup_day") == sum(
        sums.quantity for sums in expect(events, ORGANISATION).days.values()
    )
