"""Who is told of a target that slips: added, listed, removed, disabled."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row

from services.store.queries import query

Channel = Literal["email", "webhook", "apprise"]
Severity = Literal["amber", "red"]
Language = Literal["nl", "en"]


@dataclass(frozen=True, kw_only=True)
class NewSubscriber:
    """What a subscriber asks for. `targets` and `team` None: all; `severity`: the least band that is told.

    `address` and `secret` are never part of a text that this is turned into: both may be secrets.
    """

    name: str
    channel: Channel
    address: str = field(repr=False)
    secret: str | None = field(repr=False, default=None)
    targets: list[str] | None = None
    team: str | None = None
    severity: Severity = "amber"
    language: Language = "nl"


@dataclass(frozen=True, kw_only=True)
class Subscriber(NewSubscriber):
    """A subscriber there is. `disabled_why`: why nothing is sent any more, None when it is."""

    subscriber_no: int
    created_at: datetime
    disabled_why: str | None


def list_subscribers(connection: psycopg.Connection) -> list[Subscriber]:
    """Every subscriber, by name."""
    with connection.cursor(row_factory=class_row(Subscriber)) as cursor:
        return cursor.execute(query("subscribers")).fetchall()


def add_subscriber(connection: psycopg.Connection, new: NewSubscriber) -> bool:
    """Add a subscriber; False when there is one of that name."""
    return connection.execute(query("add_subscriber"), vars(new)).fetchone() is not None


def remove_subscriber(connection: psycopg.Connection, name: str) -> bool:
    """Forget a subscriber and what was sent to it; False when there is none of that name."""
    return connection.execute(query("remove_subscriber"), (name,)).rowcount == 1


def disable_subscriber(connection: psycopg.Connection, subscriber_no: int, why: str) -> None:
    """Send nothing more to a subscriber, also not what waits."""
    parameters = {"subscriber_no": subscriber_no, "why": why}
    with connection.transaction():
        connection.execute(query("disable_subscriber"), parameters)
        connection.execute(query("give_up_on_subscriber"), parameters)
