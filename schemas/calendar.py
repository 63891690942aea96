"""The organisation's days and hours as instants, and the exact splitting of a period over them.

Instants are whole microseconds since 1970-01-01T00:00Z. The calendar is made from the pinned `tzdata`
package, never from the machine's own zone files, and stored in the database, where Python and SQL
read the same rows.
"""

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

FIRST_DAY = date(1999, 12, 30)
LAST_DAY = date(2100, 1, 1)
MICROSECONDS = 1_000_000
HOUR = 3600 * MICROSECONDS
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownZone(ValueError):
    """Not a time zone that an organisation can have; the message says why."""


@cache
def pinned_zone(name: str) -> ZoneInfo:
    """The zone from the pinned `tzdata` package. Raises `UnknownZone`."""
    try:
        with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as zone:
            return ZoneInfo.from_file(zone, key=name)
    except (OSError, ValueError):
        raise UnknownZone(f"{name!r} is not an IANA time zone, like Europe/Amsterdam") from None


def to_microseconds(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(instant: int) -> datetime:
    """Microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


class Calendar:
    """The local days of one time zone: `starts[i]` is the first instant of the i-th day from `first`.

    The last element of `starts` is the end of the last day. Every day is a whole number of hours.
    """

    def __init__(self, first: date, starts: Sequence[int]) -> None:
        self.first = first
        self.starts = tuple(starts)
        self._first_ordinal = first.toordinal()

    @classmethod
    def of_zone(cls, name: str, first: date = FIRST_DAY, last: date = LAST_DAY) -> "Calendar":
        """The calendar of an IANA zone, `first` to `last` inclusive.

        Raises `UnknownZone`, also for the few zones that skipped a day or whose days are not whole hours
        long.
        """
        zone = pinned_zone(name)
        midnights = (
            datetime.fromordinal(ordinal).replace(tzinfo=zone)
            for ordinal in range(first.toordinal(), last.toordinal() + 2)
        )
        starts = [to_microseconds(midnight.astimezone(UTC)) for midnight in midnights]
        if any(later == earlier or (later - earlier) % HOUR for earlier, later in itertools.pairwise(starts)):
            raise UnknownZone(
                f"{name!r} has days that are missing or not whole hours long; such a zone is not supported"
            )
        return cls(first, starts)

    def index(self, instant: int) -> int:
        """The number of the day that holds an instant. Raises `ValueError` outside the calendar."""
        index = bisect_right(self.starts, instant) - 1
        if not 0 <= index < len(self.starts) - 1:
            raise ValueError(f"{from_microseconds(instant)} is outside the calendar")
        return index

    def day(self, index: int) -> date:
        """The date of a day number."""
        return date.fromordinal(self._first_ordinal + index)

    def start_of(self, day: date) -> int:
        """The first instant of a date."""
        return self.starts[day.toordinal() - self._first_ordinal]

    def hour_start(self, instant: int) -> int:
        """The first instant of the local hour that holds an instant."""
        return instant - (instant - self.starts[self.index(instant)]) % HOUR


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount in whole units over parts in proportion to their weights (elapsed microseconds).

    Each share is rounded down; what is left is handed out one unit at a time by largest remainder,
    ties to the earliest. The shares always add up to `amount`.
    """
    if len(weights) == 1:
        return [amount]
    total = sum(weights)
    shares = [amount * weight // total for weight in weights]
    left = amount - sum(shares)
    if left:
        remainders = [amount * weight % total for weight in weights]
        for part in sorted(range(len(weights)), key=lambda part: -remainders[part])[:left]:
            shares[part] += 1
    return shares


class Share(NamedTuple):
    """A part's share of an amount: `floor` units, and `extra` (0 or 1) of what was left over.

    `remainder` / `of` of a unit is what rounding down took from it: those with the most are given one first.
    """

    floor: int
    remainder: int
    of: int
    extra: int

    @property
    def amount(self) -> int:
        """What `split` gives the part."""
        return self.floor + self.extra


def explained_split(amount: int, weights: Sequence[int]) -> list[Share]:
    """What `split` does, with what it rounded."""
    total = sum(weights)
    parts = [divmod(amount * weight, total) for weight in weights]
    return [
        Share(floor, remainder, total, share - floor)
        for (floor, remainder), share in zip(parts, split(amount, weights), strict=True)
    ]


def day_parts(calendar: Calendar, start: int, end: int | None) -> list[tuple[int, int]]:
    """The local days that a period [start, end) touches, or that of a moment: (day number, microseconds)."""
    first = calendar.index(start)
    if end is None or end <= calendar.starts[first + 1]:
        return [(first, 1)]
    last = calendar.index(end - 1)
    edges = [start, *calendar.starts[first + 1 : last + 1], end]
    return [(first + part, edges[part + 1] - edges[part]) for part in range(len(edges) - 1)]


def hour_parts(calendar: Calendar, start: int, end: int | None) -> list[tuple[int, int]]:
    """The local hours of a moment or a period of an hour or shorter: (hour's first instant, microseconds).

    Empty for a longer period: no hourly detail is made up.
    """
    first = calendar.hour_start(start)
    if end is None:
        return [(first, 1)]
    if end - start > HOUR:
        return []
    if end <= first + HOUR:
        return [(first, 1)]
    return [(first, first + HOUR - start), (first + HOUR, end - first - HOUR)]
