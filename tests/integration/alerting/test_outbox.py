"""The outbox on a real database: what is told to whom, what fails, what dies in between."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from services.alerting.outcome import Outcome
from services.alerting.teller import Teller
from services.store.connection import connect
from services.store.subscribers import list_subscribers, remove_subscriber
from tests.integration.alerting.telling import (
    FAILED,
    Receiver,
    all_due,
    insert_change,
    messages,
    settle,
    subscribe,
)
from tests.waiting import wait_until


def test_one_message_for_each_subscriber_that_wants_it(database, owner, writer):
    subscribe(owner, "all")
    subscribe(owner, "red", severity="red")
    subscribe(owner, "team", team="a4")
    insert_change(owner, to_band="amber")
    insert_change(owner, to_band="green", worse=False)
    insert_change(owner, "other", to_band="red", scope="team/a4")
    receiver = Receiver()
    settle(Teller(receiver, {}), writer)
    told = Counter(name for _, _, name in receiver.got)
    assert told == {"all": 2, "red": 1, "team": 1}
    assert messages(database) == [("sent", 1, None)] * 4

    subscribe(owner, "late")
    settle(Teller(receiver, {}), writer)
    assert len(receiver.got) == 4, "nobody is told what was so before they asked"


def test_one_that_fails_waits_and_does_not_block_another(database, owner, writer):
    subscribe(owner, "broken")
    subscribe(owner, "nurse")
    insert_change(owner)
    insert_change(owner, "other")
    receiver = Receiver()

    def deliver(subscriber, attempt):
        return FAILED if subscriber.name == "broken" else receiver(subscriber, attempt)

    teller = Teller(deliver, {})
    settle(teller, writer)
    assert [name for *_, name in receiver.got] == ["nurse", "nurse"]
    failed = ("waiting", 1, FAILED.problem)
    assert sorted(messages(database)) == [("sent", 1, None)] * 2 + [failed] * 2
    all_due(owner)
    settle(teller, writer)
    assert sorted(messages(database))[2:] == [("waiting", 2, FAILED.problem)] * 2
    waits = messages(database, "state, next_attempt_at - clock_timestamp()")
    assert all(wait > timedelta(seconds=6) for state, wait in waits if state == "waiting"), "not 5 s"


def test_one_that_was_tried_while_the_clock_was_ahead_is_due(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    settle(Teller(lambda *_: FAILED, {}), writer)
    receiver = Receiver()
    teller = Teller(receiver, {})
    owner.execute("UPDATE message SET next_attempt_at = clock_timestamp() + interval '70 minutes'")
    settle(teller, writer)
    assert receiver.got == [], "as long as a wait can be"
    owner.execute("UPDATE message SET next_attempt_at = clock_timestamp() + interval '2 days'")
    settle(teller, writer)
    assert messages(database) == [("sent", 2, None)]


def test_a_slow_one_does_not_block_another(owner, writer):
    subscribe(owner, "slow")
    subscribe(owner, "nurse")
    insert_change(owner)
    insert_change(owner, "other")
    go_on = threading.Event()
    slow, quick = Receiver(), Receiver()

    def deliver(subscriber, attempt):
        if subscriber.name == "slow":
            assert go_on.wait(10)
            return slow(subscriber, attempt)
        return quick(subscriber, attempt)

    teller = Teller(deliver, {})

    def turned():
        all_due(owner)  # what is in hand is not handed over again, however long it takes
        teller.turn(writer)
        return len(quick.got) == 2

    wait_until(turned, 10)
    go_on.set()
    settle(teller, writer)
    assert [change for _, change, _ in slow.got] == [1, 2]


def test_given_up_after_some_days(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    teller = Teller(Receiver(FAILED, FAILED, FAILED), {})
    settle(teller, writer)
    owner.execute("UPDATE message SET first_attempt_at = first_attempt_at - interval '71 hours 59 minutes'")
    all_due(owner)
    settle(teller, writer)
    assert messages(database) == [("waiting", 2, FAILED.problem)]
    owner.execute("UPDATE message SET first_attempt_at = first_attempt_at - interval '1 minute'")
    all_due(owner)
    settle(teller, writer)
    assert messages(database) == [("given up", 3, FAILED.problem)]


def test_a_channel_that_cannot_be_used_waits_with_the_reason_and_is_never_given_up(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    settle(Teller(Receiver(), {"email": "no mail server"}), writer)
    assert messages(database) == [("waiting", 0, "no mail server")]
    owner.execute("UPDATE message SET created_at = created_at - interval '1 year'")
    receiver = Receiver(FAILED)
    settle(Teller(receiver, {}), writer)
    assert messages(database) == [("waiting", 1, FAILED.problem)]
    all_due(owner)
    settle(Teller(receiver, {}), writer)
    assert messages(database) == [("sent", 2, None)]


def test_one_that_is_gone_is_disabled(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    insert_change(owner, "other")
    receiver = Receiver(Outcome("gone", "it answers 410"))
    settle(Teller(receiver, {}), writer)
    insert_change(owner, "third")
    settle(Teller(receiver, {}), writer)
    assert messages(database, "state, problem") == [("given up", "it answers 410")] * 2
    assert [entry.disabled_why for entry in list_subscribers(owner)] == ["it answers 410"]
    assert receiver.got == []


def test_one_that_is_removed_is_forgotten(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    in_hand, go_on = threading.Event(), threading.Event()

    def deliver(subscriber, attempt):
        in_hand.set()
        assert go_on.wait(10)
        return FAILED

    teller = Teller(deliver, {})
    teller.turn(writer)
    assert in_hand.wait(10)
    assert remove_subscriber(owner, "nurse")
    go_on.set()
    settle(teller, writer)
    assert messages(database) == []


def test_a_change_that_commits_late_is_not_skipped(database, owner, writer):
    """Change numbers are given out before a transaction commits."""
    subscribe(owner)
    receiver = Receiver()
    with connect(database) as late, late.transaction():
        first = insert_change(late)
        second = insert_change(owner, "other")
        settle(Teller(receiver, {}), writer)
    assert first < second
    with connect(database, "writer") as again:
        writer.close()
        teller = Teller(receiver, {})

        def both_told():
            settle(teller, again)  # does nothing until the server noticed that the other is closed
            return len(receiver.got) >= 2

        wait_until(both_told, 10)
    assert [change for _, change, _ in receiver.got] == [second, first]


def test_two_tellers_at_once(database, owner):
    """Only one tells; the other takes over when its connection ends."""
    for number in range(5):
        subscribe(owner, f"s{number}")
    receiver = Receiver()

    def turns(connection):
        teller = Teller(receiver, {})
        for _ in range(10):
            teller.turn(connection)
            teller.wait(1)
        teller.finish(connection, 10)

    with connect(database, "writer") as one, connect(database, "writer") as other:
        for number in range(5):
            insert_change(owner, f"t{number}")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(turns, [one, other]))
        assert len(receiver.got) == len(set(receiver.got)) == 25

        insert_change(owner, "after")
        (telling,) = owner.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        ).fetchone()
        stands_by = other if one.info.backend_pid == telling else one
        Teller(receiver, {}).turn(stands_by)
        assert len(receiver.got) == 25
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", (telling,))
        settle(Teller(receiver, {}), stands_by)
    assert len(receiver.got) == len(set(receiver.got)) == 30


def test_what_was_handed_over_is_noted_on_the_next_connection(database, owner):
    subscribe(owner)
    insert_change(owner)
    receiver = Receiver()
    teller = Teller(receiver, {})
    with connect(database, "writer") as connection:
        teller.turn(connection)
        teller.wait(10)
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            teller.turn(connection)
    all_due(owner)
    with connect(database, "writer") as connection:
        settle(teller, connection)
    assert messages(database) == [("sent", 1, None)]
    assert len(receiver.got) == 1
