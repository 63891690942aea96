"""Which change is told to whom, under which id, and when it is tried again. Pure."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID, uuid5

from services.store.outbox import Change
from services.store.subscribers import Subscriber

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
SPREAD = 0.2
PATIENCE = timedelta(days=3)

_SEVERITY = {"amber": 1, "red": 2}


def wants(subscriber: Subscriber, change: Change) -> bool:
    """Whether a subscriber is told of a change: its team, its targets, and bad enough for it."""
    return (
        subscriber.disabled_why is None
        and (subscriber.team is None or change.row["scope"] == f"team/{subscriber.team}")
        and (subscriber.targets is None or change.target in subscriber.targets)
        and _SEVERITY.get(change.to_band, 0) >= _SEVERITY[subscriber.severity]
    )


def messages_of(
    installation: UUID, changes: Iterable[Change], subscribers: Iterable[Subscriber]
) -> list[tuple[UUID, int, int]]:
    """The messages of changes: id, change number and subscriber number."""
    everyone = list(subscribers)
    return [
        (
            message_id(installation, change, subscriber.subscriber_no),
            change.change_no,
            subscriber.subscriber_no,
        )
        for change in changes
        for subscriber in everyone
        if wants(subscriber, change)
    ]


def message_id(installation: UUID, change: Change, subscriber_no: int) -> UUID:
    """The id of a message, which never changes.

    It holds what is told beside the change's number: a database that was put back from a backup gives
    numbers out again, and a receiver would take another change for a repeat.
    """
    told = f"{change.change_no}/{change.target}/{change.to_band}/{change.since}/{subscriber_no}"
    return uuid5(installation, told)


def wait_after(attempts: int, chance: float) -> timedelta:
    """How long to wait after one more attempt than `attempts`: twice as long each time, up to an hour.

    `chance` in [0, 1) spreads it by a fifth either way: not all that failed together returns together.
    """
    doubled = min(FIRST_WAIT * (1 << min(attempts, 20)), LONGEST_WAIT)
    return doubled * (1 - SPREAD + 2 * SPREAD * chance)
