"""Whatever comes in whatever order, with whatever restarts: what is told is what is so, and follows on."""

import asyncio
from datetime import date, datetime, timedelta
from itertools import pairwise

import psycopg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.query.targets import targets_answer
from services.store.connection import connect_async
from services.store.tracking import MeasuredQuery, read_sources
from tests.integration.query.asking import ask, count
from tests.integration.store.recording import empty, query
from tests.integration.tracking.tracked import changes, paper, state, step
from tests.oracle import AMSTERDAM

few_examples = settings(
    max_examples=8,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
SEVERITY = ["green", "amber", "red"]
NOTHING = "TRUNCATE evaluation, band_change, alert_state, told_change, message RESTART IDENTITY"
BEGINNING = "UPDATE tracker_cursor SET batch_no = 0, day = '2018-01-01', configuration = 0"


def forget(dsn):
    empty(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(NOTHING)
        connection.execute(BEGINNING)


@st.composite
def months(draw):
    """Revisions of months of 2026, some of them retractions, with the base year somewhere among them."""
    events = [paper(2018, range(1, 13), 100)]
    for number in range(1, 9):
        for revision in range(1, draw(st.integers(1, 3)) + 1):
            kilograms = draw(st.sampled_from([60, 69, 70, 71, 75, 90]))
            (event,) = paper(2026, [number], kilograms, revision=revision)
            if draw(st.integers(0, 9)) == 0:
                event = {name: event[name] for name in event if name != "data"} | {"retracted": True}
            events.append([event])
    return draw(st.permutations(events))


def live(dsn, day):
    rows = ask(dsn, targets_answer, on=day.isoformat())["rows"]
    return next(row for row in rows if row["id"] == "less-paper")


@few_examples
@given(data=st.data())
def test_what_is_stored_is_what_is_so_and_changes_follow_on_each_other(organisation, data):
    forget(organisation)
    day = date(2026, 1, 1)
    for batch in data.draw(months()):
        count(organisation, *batch)
        if data.draw(st.booleans()):
            day = max(day, data.draw(st.dates(date(2026, 1, 1), date(2026, 9, 20))))
            step(organisation, day)
    day = date(2026, 9, 20)
    step(organisation, day)

    rows = dict(query(organisation, "SELECT target, row FROM current_evaluation"))
    assert rows["less-paper"] == live(organisation, day)
    told = changes(organisation)
    bands = ["green", *(to_band for _, to_band, *_ in told)]
    assert [from_band for from_band, *_ in told] == bands[:-1]
    assert [worse for *_, worse in told] == [
        SEVERITY.index(later) > SEVERITY.index(earlier) for earlier, later in pairwise(bands)
    ]
    ((band, _),) = state(organisation)
    assert band == bands[-1]

    # The same measurements at once, seen by a tracker that begins now: told at most once, and nothing worse
    # than what those know who followed every correction.
    with psycopg.connect(organisation, autocommit=True) as connection:
        connection.execute(NOTHING)
        connection.execute(BEGINNING)
    step(organisation, day)
    step(organisation, day)
    ((fresh_band, _),) = state(organisation)
    assert SEVERITY.index(fresh_band) <= SEVERITY.index(band)
    assert len(changes(organisation)) == (fresh_band != "green")


def sources(dsn, as_of=None):
    async def read():
        async with await connect_async(dsn, "writer") as connection:
            wanted = MeasuredQuery(
                kind="waste", flow="use", start=date(2025, 12, 1), end=date(2026, 8, 1), as_of=as_of
            )
            return await read_sources(connection, wanted)

    return asyncio.run(read())


@st.composite
def readings(draw):
    """A moment or a period of any length of a few identities, in some revision."""
    start = datetime(2025, 12, 31, 23, 30, tzinfo=AMSTERDAM) + draw(
        st.timedeltas(timedelta(), timedelta(days=120))
    )
    length = draw(st.sampled_from([None, 900, 3600, 86_400, 90_001, 40 * 86_400]))
    period = (
        {"from": start.isoformat(), "to": (start + timedelta(seconds=length)).isoformat()} if length else {}
    )
    (event,) = paper(2026, [1], draw(st.integers(0, 9)), revision=draw(st.integers(1, 3)))
    data = {name: event["data"][name] for name in ("stream", "quantity", "unit")} | period
    return event | {"id": draw(st.sampled_from("abc")), "data": data, "time": start.isoformat()}


@few_examples
@given(batches=st.lists(st.lists(readings(), min_size=1, max_size=4), min_size=1, max_size=5))
def test_sources_can_be_read_as_they_were_after_any_batch(organisation, batches):
    forget(organisation)
    known = []
    for batch in batches:
        count(organisation, *batch)
        ((as_of,),) = query(organisation, "SELECT max(recorded_at) FROM batch_log")
        known.append((as_of, sources(organisation)))

    assert [sources(organisation, as_of) for as_of, _ in known] == [rows for _, rows in known]
