"""What the door needs of the way that accepted records go: into the spool, or straight to the broker."""

from collections.abc import Sequence
from typing import Protocol

from services.intake.records import Record


class NotDelivered(Exception):
    """Whether the records are durable is not known; sending the same events again is harmless."""


class Delivery(Protocol):
    """A way for records that makes 202 true."""

    @property
    def has_room(self) -> bool:
        """Whether records would be taken now."""

    @property
    def events(self) -> int:
        """How many events are held here and not counted yet."""

    async def deliver(self, records: Sequence[Record]) -> None:
        """Make records durable: all of them when it returns. Raises `NotDelivered`."""
