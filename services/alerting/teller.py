"""Turns band changes into messages and hands them over, each until it is noted as sent or given up."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import psycopg

from services.alerting.matching import LONGEST_WAIT, PATIENCE, SPREAD, messages_of, wait_after
from services.alerting.outcome import Outcome
from services.store.outbox import (
    Attempt,
    add_messages,
    become_the_teller,
    begin_attempts,
    hold_back,
    installation_id,
    note_failed,
    note_sent,
    take_changes,
)
from services.store.subscribers import Channel, Subscriber, disable_subscriber, list_subscribers

AT_ONCE = 8

log = logging.getLogger(__name__)

Deliver = Callable[[Subscriber, Attempt], Outcome]


class Teller:
    """Tells what changed. It outlives its connections: what is in hand is noted on the next one.

    `held_back`: channels that cannot be used now, each with the reason in words.
    """

    def __init__(self, deliver: Deliver, held_back: Mapping[Channel, str]) -> None:
        self._deliver = deliver
        self._held_back = held_back
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver")
        self._in_hand: dict[Future[Outcome], Attempt] = {}
        self._telling_on: psycopg.Connection | None = None

    def turn(self, connection: psycopg.Connection) -> None:
        """Note what was handed over, make messages of new changes, hand over what is due.

        While another teller is at work on this database only the first.
        """
        self._note_finished(connection)
        if self._telling_on is not connection:
            if not become_the_teller(connection):
                return
            self._telling_on = connection
        self._take_changes(connection)
        self._hand_over(connection)

    def wait(self, seconds: float) -> bool:
        """Wait until something in hand is finished, at most so long; False when nothing is in hand."""
        wait(self._in_hand, timeout=seconds, return_when=FIRST_COMPLETED)
        return bool(self._in_hand)

    def finish(self, connection: psycopg.Connection, seconds: float) -> None:
        """Hand over nothing new, and note what is in hand as far as it is finished in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.wait(left):
            self._note_finished(connection)

    def _take_changes(self, connection: psycopg.Connection) -> None:
        with connection.transaction():
            if changes := take_changes(connection):
                messages = messages_of(installation_id(connection), changes, list_subscribers(connection))
                add_messages(connection, messages)
                log.info("%d changes became %d messages", len(changes), len(messages))
        for channel, problem in self._held_back.items():
            hold_back(connection, channel, problem)

    def _hand_over(self, connection: psycopg.Connection) -> None:
        attempts = begin_attempts(
            connection,
            most=AT_ONCE - len(self._in_hand),
            busy=[attempt.subscriber_no for attempt in self._in_hand.values()],
            held_back=list(self._held_back),
            wait=lambda attempts: wait_after(attempts, random.random()),  # noqa: S311 no secret
            longest=LONGEST_WAIT * (1 + SPREAD),
        )
        if not attempts:
            return
        subscribers = {entry.subscriber_no: entry for entry in list_subscribers(connection)}
        for attempt in attempts:
            if subscriber := subscribers.get(attempt.subscriber_no):  # else just removed
                self._in_hand[self._threads.submit(self._deliver, subscriber, attempt)] = attempt

    def _note_finished(self, connection: psycopg.Connection) -> None:
        """Only what is noted leaves the hand: a connection that breaks here loses nothing."""
        for future in [future for future in self._in_hand if future.done()]:
            _note(connection, self._in_hand[future], future.result())
            del self._in_hand[future]


def _note(connection: psycopg.Connection, attempt: Attempt, outcome: Outcome) -> None:
    if outcome.state == "sent":
        note_sent(connection, attempt.message_id)
        log.info("message %s is sent", attempt.message_id)
    elif outcome.state == "gone":
        disable_subscriber(connection, attempt.subscriber_no, outcome.problem)
        log.error("subscriber %d gets no more messages: %s", attempt.subscriber_no, outcome.problem)
    else:
        state = note_failed(connection, attempt.message_id, outcome.problem, PATIENCE)
        level = logging.ERROR if state == "given up" else logging.WARNING
        log.log(level, "message %s %s: %s", attempt.message_id, state or "no longer waits", outcome.problem)
