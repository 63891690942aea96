"""Totals in pages, and as they were at a moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg

from tests.integration.query.asking import ask, count, event, pages, problems
from tests.waiting import wait_until

YEAR = {"from_": "2024-01-01", "to": "2025-01-01"}


def waste(id_, stream, quantity, **attributes):
    data = attributes.pop("data", {})
    time = attributes.pop("time", "2026-03-05T12:30:00+01:00")
    return event(
        "waste", id_, {"stream": stream, "quantity": quantity, "unit": "kg"} | data, time=time, **attributes
    )


def test_pages_follow_each_other_and_show_one_moment(organisation):
    count(
        organisation,
        *[waste(f"{day}", "paper", day, time=f"2026-03-{day:02}T12:00:00Z") for day in range(1, 8)],
    )
    query = {"kind": "waste", "from_": "2026-03-01", "to": "2026-04-01", "bucket": "day"}
    whole = ask(organisation, **query)
    first = ask(organisation, **query, limit="3")

    count(
        organisation,
        waste("1", "paper", 100, time="2026-03-06T12:00:00Z", revision=2),
        event("waste", "7", retracted=True, revision=2),
    )

    second = ask(organisation, **query, limit="3", cursor=first["cursor"])
    last = ask(organisation, **query, limit="9", cursor=second["cursor"])
    assert first["rows"] + second["rows"] + last["rows"] == whole["rows"]
    assert first["as_of"] == second["as_of"] == last["as_of"] == whole["as_of"]
    assert last["cursor"] is None
    assert ask(organisation, **query)["as_of"] > whole["as_of"]
    assert pages(organisation, **query, limit="7")[0]["cursor"] is None


def test_a_cursor_belongs_to_its_query(organisation):
    count(organisation, waste("1", "paper", 1), waste("2", "glass", 1))
    query = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01", "by": "category"}
    cursor = ask(organisation, **query, limit="1")["cursor"]

    other = query | {"by": "category,team"}
    assert problems(organisation, **other, cursor=cursor) == {"cursor": "belongs to another query"}
    for wrong in ("x", cursor[:-4], "WzEsMiwzXQ", "é"):
        assert problems(organisation, **query, cursor=wrong) == {"cursor": "is not a cursor"}


def test_as_of_gives_the_same_integers_for_ever(organisation):
    query = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01", "by": "category,team,method,site"}
    query |= {"bucket": "hour"}
    steps = [
        [waste("1", "paper", 1), waste("2", "glass", 2)],
        [waste("1", "residual", 3, revision=3, data={"site": "west"})],
        [waste("1", "paper", 5, revision=2)],  # late: it changes nothing
        [event("waste", "1", retracted=True, revision=4), waste("3", "paper", 7)],
        [waste("1", "paper", 8, revision=5, time="2026-07-01T00:00:00Z")],
    ]
    answers = []
    for step in steps:
        count(organisation, *step)
        answers.append(ask(organisation, **query))

    assert answers[1]["rows"] == answers[2]["rows"] != answers[0]["rows"]
    for answer in answers:
        assert ask(organisation, **query, as_of=answer["as_of"]) == answer
        later = datetime.fromisoformat(answer["as_of"]) + timedelta(microseconds=1)
        assert ask(organisation, **query, as_of=later.isoformat()) == answer


def test_as_of_of_an_answer_holds_after_the_clock_went_back(organisation):
    """The moments of batches only ascend: while the clock was an hour ahead, they went an hour ahead."""
    query = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01"}
    with psycopg.connect(organisation) as owner:
        owner.execute(
            "INSERT INTO batch_log SELECT nextval('batch_id'), max(batch_no) + 1, "
            "clock_timestamp() + interval '1 hour', 'test', 0, 0, 0, 0 FROM batch_log"
        )
    count(organisation, waste("1", "paper", 1))
    answer = ask(organisation, **query)
    assert datetime.fromisoformat(answer["as_of"]) > datetime.now(UTC) + timedelta(minutes=50)
    count(organisation, waste("2", "paper", 2))
    assert ask(organisation, **query, as_of=answer["as_of"]) == answer


def test_as_of_lies_between_the_first_batch_and_now(organisation):
    query = {"kind": "waste", **YEAR}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    before = datetime.now(UTC) - timedelta(days=1)

    assert problems(organisation, **query, as_of=tomorrow.isoformat()) == {"as_of": "is in the future"}
    assert problems(organisation, **query, as_of=before.isoformat()) == {
        "as_of": "is before there was anything"
    }
    assert ask(organisation, **query, as_of=datetime.now(UTC).isoformat())["rows"] == []


def test_as_of_now_waits_for_the_batch_that_is_being_committed(organisation):
    """A batch may have taken its moment already: an answer as of a later moment must not miss it."""
    query = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01"}
    with psycopg.connect(organisation) as worker, ThreadPoolExecutor() as pool:
        worker.execute("SELECT pg_advisory_xact_lock(hashtext('groenmeter batch'))")
        (recorded_at,) = worker.execute(
            "INSERT INTO batch_log VALUES (99, 99, clock_timestamp(), '', 0, 0, 0, 0) RETURNING recorded_at"
        ).fetchone()
        asked = pool.submit(ask, organisation, **query, as_of=datetime.now(UTC).isoformat())
        wait_until(lambda: _waits_for_a_lock(organisation), 10)
        before = ask(organisation, **query)  # who asks for the newest waits for nobody
        worker.commit()

        assert datetime.fromisoformat(asked.result(10)["as_of"]) == recorded_at
        assert datetime.fromisoformat(before["as_of"]) < recorded_at


def _waits_for_a_lock(dsn):
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND NOT granted"
        ).rowcount
