"""Lists in pages: which moment's state an answer shows, and where the next page begins."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import psycopg

from schemas.calendar import from_microseconds, to_microseconds
from services.query.parameters import Pairs, Reader
from services.store.snapshot import Snapshot, batch_at

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000

Position = list[Any]


@dataclass(frozen=True)
class Page:
    """`as_of`: when the newest batch that is shown was recorded. `position`: where the page begins.

    `limit` None: all rows.
    """

    as_of: datetime
    position: Position | None
    limit: int | None
    query: bytes

    @property
    def one_more(self) -> int | None:
        """A row more than fits, which tells that there is a next page."""
        return None if self.limit is None else self.limit + 1

    def next_cursor(self, position: Position) -> str:
        """The opaque text that continues the same query, as of the same batch."""
        content = json.dumps([self.query.hex(), to_microseconds(self.as_of), position], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


async def read_page(
    connection: psycopg.AsyncConnection, reader: Reader, pairs: Pairs, snapshot: Snapshot, unlimited: bool
) -> Page:
    """The page that `limit`, `cursor` and `as_of` ask for; what is wrong with them goes to the reader."""
    limit = reader.whole("limit", 1, LARGEST_LIMIT, DEFAULT_LIMIT)
    query = _digest(pairs)
    cursor = reader.text("cursor")
    as_of, position = snapshot.newest, None
    if cursor is not None:
        as_of, position = _continue(reader, cursor, query, snapshot)
    elif (moment := reader.moment("as_of")) is not None:
        as_of = await _batch_at(connection, reader, moment, snapshot)
    return Page(as_of, position, None if unlimited else limit, query)


def read_offset(reader: Reader, page: Page) -> int:
    """The rows before the page, of a list that is counted off; a wrong cursor goes to the reader."""
    if page.position is None:
        return 0
    match page.position:
        case [int(offset)] if 0 <= offset < 2**63:
            return offset
    reader.refuse("cursor", "is not a cursor of this call")
    return 0


async def _batch_at(
    connection: psycopg.AsyncConnection, reader: Reader, moment: datetime, snapshot: Snapshot
) -> datetime:
    # The newest batch may be later than now: the clock was ahead, and moments only ascend.
    if moment > max(snapshot.now, snapshot.newest):
        reader.refuse("as_of", "is in the future", "a moment up to now", "leave it out for the newest state")
    elif moment < snapshot.first:
        reader.refuse("as_of", "is before there was anything", f"from {as_text(snapshot.first)}")
    else:
        return await batch_at(connection, moment) or snapshot.first
    return snapshot.newest


def _continue(
    reader: Reader, cursor: str, query: bytes, snapshot: Snapshot
) -> tuple[datetime, Position | None]:
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        digest, instant, position = json.loads(content)
        as_of = from_microseconds(instant)
        if not snapshot.first <= as_of <= snapshot.newest or not isinstance(position, list):
            raise ValueError(cursor)
    except (ValueError, TypeError, OverflowError, RecursionError):
        reader.refuse("cursor", "is not a cursor", "the `cursor` of an earlier answer, unchanged")
        return snapshot.newest, None
    if digest != query.hex():
        hint = "send it with all the parameters of the query that it came from; only `limit` may differ"
        reader.refuse("cursor", "belongs to another query", hint=hint)
    return as_of, position


def _digest(pairs: Pairs) -> bytes:
    content = sorted(pair for pair in pairs if pair[0] not in ("cursor", "limit"))
    return blake2b(json.dumps(content).encode(), digest_size=8).digest()


def as_text(moment: datetime) -> str:
    """A moment in UTC as RFC 3339, to the microsecond, ending in Z: it needs no escaping in an address."""
    return moment.isoformat().replace("+00:00", "Z")


def answer(snapshot: Snapshot, page: Page, rows: Sequence[Any], cursor: str | None) -> dict[str, Any]:
    """The object that every list answers."""
    return {
        "as_of": as_text(page.as_of),
        "time_zone": snapshot.time_zone,
        "rows": rows,
        "cursor": cursor,
    }
