"""When a row was: stamps in local time or with an offset, intervals, days and months."""

from collections.abc import Hashable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.calendar import MICROSECONDS, from_microseconds, pinned_zone, to_microseconds
from schemas.problems import Refusal, excerpt
from services.importing.cells import MOMENTS_REMEMBERED, candidates, read_local, text_of
from services.importing.profile import TimeRule
from services.importing.tables import Cell

_MINUTE = 60 * MICROSECONDS
_DAY = timedelta(days=1)
_YEARS = range(2000, 2100)


class Period(NamedTuple):
    """When a row was, in microseconds since 1970; a moment has no end.

    `day` is the local day on which it begins. `twice`: its local time came twice that day.
    """

    start: int
    end: int | None
    day: date
    twice: bool = False


class Clock:
    """Reads the time of row after row; rows in the hour that comes twice are told apart by their order."""

    def __init__(self, rule: TimeRule) -> None:
        self._rule = rule
        self._zone = pinned_zone(rule.zone)
        self._taken: set[tuple[Hashable, int]] = set()

    def period(self, cells: Sequence[Cell], until: Cell, series: Hashable) -> Period:
        """The period of a row; `series` is what tells its meter from others in the file. Raises `Refusal`.

        In the hour that comes twice the first row of a series with a stamp is in summer time, the second in
        winter time. A stamp in the hour that is skipped is refused: no clock showed it.
        """
        local = self._local(cells)
        if self._rule.length == "day":
            first = self._day(local)
            last = self._day(self._local([until])) if text_of(until) else first
            if last < first:
                raise Refusal(f"ends on {last}, before it begins on {first}")
            return self._days(first, last + _DAY)
        if self._rule.length == "month":
            first = self._day(local).replace(day=1)
            return self._days(first, (first + 31 * _DAY).replace(day=1))
        return self._stamped(local, series)

    def _days(self, first: date, end: date) -> Period:
        return Period(self._midnight(first), self._midnight(end), first)

    def _stamped(self, local: datetime, series: Hashable) -> Period:
        instants = candidates(local, self._zone, ends=self._rule.stamp == "end")
        if not instants:
            raise Refusal(
                f"{excerpt(text_of(local))} does not exist: the clock in {self._rule.zone} skipped that hour",
                "a time that the clock showed",
                "is the file in winter time or UTC all year? Set `time.zone` of the profile to that",
            )
        instant = instants[0]
        minutes = self._rule.minutes
        if len(instants) > 1 and minutes is not None:
            free = [candidate for candidate in instants if (series, candidate) not in self._taken]
            instant = free[0] if free else instants[-1]
            self._taken.add((series, instant))
        if minutes is None:
            return Period(instant, None, _local_day(instant, self._zone), len(instants) > 1)
        start = instant - minutes * _MINUTE if self._rule.stamp == "end" else instant
        return Period(start, start + minutes * _MINUTE, _local_day(start, self._zone), len(instants) > 1)

    def _local(self, cells: Sequence[Cell]) -> datetime:
        local = read_local(cells, self._rule.formats)
        if local.year not in _YEARS:
            raise Refusal(f"{local.year} is not a year that is counted", "2000 to 2099")
        return local

    def _day(self, local: datetime) -> date:
        """The day that a stamp of a whole day names."""
        return (local.astimezone(self._zone) if local.tzinfo else local).date()

    def _midnight(self, day: date) -> int:
        return to_microseconds(datetime.combine(day, time(), self._zone).astimezone(UTC))


@lru_cache(MOMENTS_REMEMBERED)
def _local_day(instant: int, zone: ZoneInfo) -> date:
    return from_microseconds(instant).astimezone(zone).date()
