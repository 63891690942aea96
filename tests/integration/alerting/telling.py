"""Band changes as the tracker writes them, and receivers of the messages that are made of them."""

from datetime import date

import psycopg
from psycopg.types.json import Jsonb

from services.alerting.outcome import SENT, Outcome
from services.store.subscribers import NewSubscriber, add_subscriber
from tests.unit.alerting.changes import CHANGED_AT, row

FAILED = Outcome("failed", "the receiver answers 500")

_EVALUATION = """
INSERT INTO evaluation (target, on_day, batch_no, configuration, factors, band, outcome, drift, row, inputs)
VALUES (%(target)s, '2026-10-02', 0, 1, '', %(band)s, 'running', 0.124, %(row)s, '{}')
RETURNING evaluation_no
"""
_CHANGE = """
INSERT INTO band_change (target, from_band, to_band, since, changed_at, evaluation_no, worse)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING change_no
"""


def insert_change(connection, target="residual-waste-2026", to_band="red", *, worse=True, **other):
    """A change and its evaluation, in one transaction; the number of the change."""
    evaluation = row(id=target, **other)
    from_band = "green" if worse else "unknown"
    with connection.transaction():
        parameters = {"target": target, "band": to_band, "row": Jsonb(evaluation)}
        (number,) = connection.execute(_EVALUATION, parameters).fetchone()
        values = (target, from_band, to_band, date(2026, 9, 1), CHANGED_AT, number, worse)
        (change_no,) = connection.execute(_CHANGE, values).fetchone()
    return change_no


def messages(dsn, columns="state, attempts, problem"):
    """The outbox."""
    statement = f"SELECT {columns} FROM message ORDER BY change_no, subscriber_no"  # noqa: S608
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement).fetchall()


def all_due(connection):
    """As if the waiting were over."""
    connection.execute("UPDATE message SET next_attempt_at = clock_timestamp() WHERE state = 'waiting'")


class Died(BaseException):
    """The teller's process ends here, as by kill -9."""


class Receiver:
    """Whom messages are handed to: `answers` says what becomes of the next ones, then all are taken."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.got = []

    def __call__(self, subscriber, attempt):
        answer = self.answers.pop(0) if self.answers else SENT
        if answer is SENT or answer is Died:
            self.got.append((attempt.message_id, attempt.change.change_no, subscriber.name))
        if answer is Died:
            raise Died
        return answer


def subscribe(connection, name="nurse", **wishes):
    new = NewSubscriber(name=name, channel="email", address="n@example.nl", **wishes)
    assert add_subscriber(connection, new)


def settle(teller, connection):
    """Turns until nothing is in hand and nothing is due."""
    while True:
        teller.turn(connection)
        if not teller.wait(10):
            return
