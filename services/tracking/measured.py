"""What a target is judged on: amounts by day, the readings behind them, fixed factors.

Whoever reads the store fills these; the arithmetic sees nothing else. A detail (an amount that another
measurement contains) is never in them.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache, cached_property
from itertools import accumulate
from typing import Literal, NamedTuple

from schemas.calendar import pinned_zone
from schemas.targets import Part, Target
from services.tracking.trajectory import period_year

Span = Literal["moment", "hour", "day", "month", "longer"]
"""How long a reading is: a moment; at most 1 hour; 25 hours; 31 days and 1 hour; longer."""

ESTIMATING = frozenset({"estimated", "calculated"})


class DayAmount(NamedTuple):
    """What was measured on one local day, in whole base units of the target (of CO2e: of the category)."""

    day: date
    kind: str
    category: str
    method: str
    quantity: int
    flow: str = "use"


class SourceDay(NamedTuple):
    """One local day of a source: `readings` that begin on it, `seconds` of it that readings cover.

    `seconds` is 0 for moments. A day with readings of several spans is given once for each.
    """

    span: Span
    day: date
    readings: int
    seconds: int


class SourceSeries(NamedTuple):
    """The days on which a source gave readings of one category."""

    team: str
    kind: str
    source: str
    category: str
    site: str
    days: tuple[SourceDay, ...]
    flow: str = "use"


class FixedFactor(NamedTuple):
    """kg CO2e of one base unit; `year`: of the list it is from, the reference year or the nearest later."""

    kg_per_base_unit: Fraction
    year: int
    source: str
    certainty: str


class Stream(NamedTuple):
    """What amounts and sources are told apart by; a part of a target is some of these."""

    kind: str
    category: str
    flow: str


class Timeline(NamedTuple):
    """The days of a source that have data, as ordinals, ascending.

    `shares`: how much of each local day is covered, 0 to 1; a moment stands for its whole day. `moments`:
    whether the day has moments only. `breaks`: the positions of days that are covered in part or are not
    followed by the next day. `long_years`: years with readings longer than a month.
    """

    series: SourceSeries
    days: tuple[int, ...]
    shares: tuple[Fraction | int, ...]
    moments: tuple[bool, ...]
    breaks: tuple[int, ...]
    long_years: frozenset[int]


@dataclass(frozen=True)
class Measured:
    """All that is known for a target in `years_needed`, in any order; more does not change the judgement.

    `factors` by (kind, category), for targets in CO2e: never the factor of a day, so that a new factor moves
    no target. `time_zone`: the organisation's, whose local days these are. What is looked up in it often is
    added up once: make one for a target and judge many days with it.
    """

    amounts: Sequence[DayAmount]
    sources: Sequence[SourceSeries]
    factors: Mapping[tuple[str, str], FixedFactor] = field(default_factory=dict)
    time_zone: str = "Europe/Amsterdam"

    def quantity(self, stream: Stream, start: date, end: date) -> int:
        """The base units of a stream on the days [start, end)."""
        return _between(self._sums, stream, start, end)

    def estimated(self, stream: Stream, start: date, end: date) -> int:
        """The part of `quantity` that was estimated or calculated."""
        return _between(self._estimated_sums, stream, start, end)

    @cached_property
    def timelines(self) -> Mapping[Stream, tuple["Timeline", ...]]:
        """The sources of each stream, in one order whatever the order they were given in."""
        by_stream: dict[Stream, list[Timeline]] = defaultdict(list)
        for series in sorted(self.sources, key=lambda series: (series.source, series.team, series.site)):
            by_stream[stream_of(series)].append(_timeline(series, self.time_zone))
        return {stream: tuple(timelines) for stream, timelines in by_stream.items()}

    @cached_property
    def _sums(self) -> "_Sums":
        return _running_sums(self.amounts)

    @cached_property
    def _estimated_sums(self) -> "_Sums":
        return _running_sums(amount for amount in self.amounts if amount.method in ESTIMATING)


_Sums = Mapping[Stream, tuple[list[date], list[int]]]
"""Of each stream the days with an amount, and what the days before each came to, the total at the end."""


def stream_of(series: SourceSeries) -> Stream:
    """The stream that a source measures."""
    return Stream(series.kind, series.category, series.flow)


def streams(part: Part) -> list[Stream]:
    """The streams that a part of a boundary counts."""
    return [Stream(part.kind, category, part.flow) for category in part.categories]


def years_needed(target: Target, on: date) -> frozenset[int]:
    """The calendar years of measurements that judging a target on a day, and its alert, takes.

    The base year and those of the seasonal shape, the year judged and the two before it: an alert begins in
    the January before, and is then judged beside the year before that.
    """
    judged = period_year(target, on)
    base = () if target.base_year is None else (target.base_year,)
    return frozenset({*base, *target.shape_years, judged - 2, judged - 1, judged})


def _timeline(series: SourceSeries, time_zone: str) -> Timeline:
    seconds: dict[int, int] = defaultdict(int)
    moments: set[int] = set()
    for row in series.days:
        ordinal = row.day.toordinal()
        seconds[ordinal] += row.seconds
        if row.span == "moment":
            moments.add(ordinal)
    days = sorted(ordinal for ordinal in seconds if seconds[ordinal] or ordinal in moments)
    shares = [1 if day in moments else _share(seconds[day], day_seconds(time_zone, day)) for day in days]
    breaks = [
        position
        for position, day in enumerate(days)
        if shares[position] < 1 or position + 1 == len(days) or days[position + 1] > day + 1
    ]
    only_moments = tuple(seconds[day] == 0 for day in days)
    long_years = frozenset(row.day.year for row in series.days if row.span == "longer")
    return Timeline(series, tuple(days), tuple(shares), only_moments, tuple(breaks), long_years)


def _share(seconds: int, of: int) -> Fraction | int:
    return Fraction(seconds, of) if seconds < of else 1


@cache
def day_seconds(time_zone: str, ordinal: int) -> int:
    """The length of a local day: 82,800 and 90,000 s where the clock changes. Raises `UnknownZone`."""
    zone = pinned_zone(time_zone)
    midnight, next_midnight = (
        datetime.fromordinal(day).replace(tzinfo=zone).astimezone(UTC) for day in (ordinal, ordinal + 1)
    )
    return (next_midnight - midnight) // timedelta(seconds=1)


def _running_sums(amounts: Iterable[DayAmount]) -> _Sums:
    by_day: dict[Stream, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for amount in amounts:
        by_day[Stream(amount.kind, amount.category, amount.flow)][amount.day] += amount.quantity
    return {
        stream: (sorted(days), list(accumulate((days[day] for day in sorted(days)), initial=0)))
        for stream, days in by_day.items()
    }


def _between(sums: _Sums, stream: Stream, start: date, end: date) -> int:
    if stream not in sums:
        return 0
    days, before = sums[stream]
    return before[bisect_left(days, end)] - before[bisect_left(days, start)]
