"""The outbox: which band changes became messages, and what became of each message.

The functions expect a connection in autocommit mode and make their own transactions, except where it says
that the caller does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from services.store.queries import query

State = Literal["waiting", "sent", "given up"]


@dataclass(frozen=True)
class Change:
    """A target whose status became worse. `row`: its evaluation, as `GET /v1/targets` shows it."""

    change_no: int
    target: str
    from_band: str
    to_band: str
    since: date
    changed_at: datetime
    row: dict[str, Any]


@dataclass(frozen=True)
class Attempt:
    """A message that is handed over now. `attempts`: how often that was tried before."""

    message_id: UUID
    subscriber_no: int
    attempts: int
    change: Change


@dataclass(frozen=True)
class MessageRow:
    """A message as `groenmeter messages` lists it; `problem` says why it was not handed over."""

    message_id: UUID
    subscriber: str
    channel: str
    target: str
    from_band: str
    to_band: str
    since: date
    created_at: datetime
    state: State
    attempts: int
    next_attempt_at: datetime | None
    ended_at: datetime | None
    problem: str | None


def become_the_teller(connection: psycopg.Connection) -> bool:
    """Whether this connection is the one that tells, until it is closed; only one is at any moment."""
    row = connection.execute(query("become_the_teller")).fetchone()
    return row is not None and bool(row[0])


def installation_id(connection: psycopg.Connection) -> UUID:
    """What tells this installation apart from every other."""
    row = connection.execute(query("installation_id")).fetchone()
    if row is None:
        raise RuntimeError("migrate makes the row of the installation")
    found: UUID = row[0]
    return found


def take_changes(connection: psycopg.Connection) -> list[Change]:
    """The changes for the worse that no message was made of yet, in order.

    The caller adds their messages in the same transaction: no change is ever taken again.
    """
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(query("take_changes")).fetchall()


def add_messages(connection: psycopg.Connection, messages: Iterable[tuple[UUID, int, int]]) -> None:
    """Put messages (id, change number, subscriber number) into the outbox, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(query("add_message"), messages)


def hold_back(connection: psycopg.Connection, channel: str, problem: str) -> None:
    """Note why the messages of a channel wait although they were never tried."""
    connection.execute(query("hold_back"), {"channel": channel, "problem": problem})


def begin_attempts(
    connection: psycopg.Connection,
    most: int,
    busy: Sequence[int],
    held_back: Sequence[str],
    wait: Callable[[int], timedelta],
    longest: timedelta,
) -> list[Attempt]:
    """At most `most` messages that are due, one for each subscriber that is not `busy`.

    Each is noted as tried before it is handed over, and due again after `wait(attempts before)`: one that
    ends this process is not the first to be tried again, and blocks no other. `longest`: no wait is longer;
    one that seems to be was noted by a clock that was ahead, and is due.
    """
    parameters = {"most": most, "busy": list(busy), "held_back": list(held_back), "longest": longest}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        attempts = [
            Attempt(row.pop("message_id"), row.pop("subscriber_no"), row.pop("attempts"), Change(**row))
            for row in cursor.execute(query("due_messages"), parameters)
        ]
        for attempt in attempts:
            again = {"message_id": attempt.message_id, "wait": wait(attempt.attempts)}
            cursor.execute(query("begin_attempt"), again)
        return attempts


def note_sent(connection: psycopg.Connection, message_id: UUID) -> None:
    """The message was handed over."""
    connection.execute(query("note_sent"), (message_id,))


def note_failed(
    connection: psycopg.Connection, message_id: UUID, problem: str, patience: timedelta
) -> State | None:
    """The message was not handed over: it waits, or is given up `patience` after the first attempt.

    None when it waits no more, or its subscriber is gone.
    """
    parameters = {"message_id": message_id, "problem": problem, "patience": patience}
    row = connection.execute(query("note_failed"), parameters).fetchone()
    return row[0] if row else None


def list_messages(connection: psycopg.Connection, most: int) -> list[MessageRow]:
    """The newest messages, newest first."""
    with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        return cursor.execute(query("list_messages"), (most,)).fetchall()
