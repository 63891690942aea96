"""What a batch adds to and takes from the rollups. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from typing import Any, NamedTuple, TypeVar

from schemas.calendar import DAY, HOUR, Calendar, day_parts, from_microseconds, hour_parts, split
from schemas.measurement import Measurement

WITHOUT_HOURS = "medication-waste"

_MOST_PERIODS = 20_000  # more than a batch has; a meter's readings of years have all different ones
_SPANS = {"hour": HOUR, "day": DAY + HOUR, "month": 31 * DAY + HOUR}


class Leaf(NamedTuple):
    """The finest thing that is summed: one row of it for each local day (and hour)."""

    team: str
    site: str
    kind: str
    category: str
    flow: str | None
    method: str
    detail: bool
    unit: str


class MeterPart(NamedTuple):
    """What a meter with a factor of its own is of a leaf."""

    leaf: Leaf
    meter: str


class Series(NamedTuple):
    """What a source tells of a leaf by readings of one length: moment, hour, day, month or longer."""

    leaf: Leaf
    source: str
    span: str


class Change:
    """A change of one row: base units, readings that begin in it, microseconds of it that they cover.

    Any may be negative.
    """

    __slots__ = ("microseconds", "quantity", "readings")

    def __init__(self) -> None:
        self.quantity = 0
        self.readings = 0
        self.microseconds = 0

    def __bool__(self) -> bool:
        return self.quantity != 0 or self.readings != 0 or self.microseconds != 0

    def add(self, other: "Change") -> None:
        """Change by so much more."""
        self.quantity += other.quantity
        self.readings += other.readings
        self.microseconds += other.microseconds


class Sums(NamedTuple):
    """The changes of one series, and of a meter with a factor of its own apart: by day number and by hour.

    An hour is its first instant. What lies within one hour, as most readings of machines do, is added up
    once, `within` it and its day; of all else are the `days` and `hours`.
    """

    series: Series
    meter: str | None
    within: defaultdict[tuple[int, int], Change]
    days: defaultdict[int, Change]
    hours: defaultdict[int, Change]

    def by_day(self) -> Iterator[tuple[int, Change]]:
        """Changes by day number, more than one of a day."""
        yield from self.days.items()
        for (day, _), change in self.within.items():
            yield day, change

    def by_hour(self) -> Iterator[tuple[int, Change]]:
        """Changes by hour, more than one of an hour; none of a kind that is summed by days only."""
        if self.series.leaf.kind == WITHOUT_HOURS:
            return
        yield from self.hours.items()
        for (_, hour), change in self.within.items():
            yield hour, change


class Period(NamedTuple):
    """The parts of a period or moment: (day number or first instant of an hour, microseconds).

    `within`: the day and hour in which all of it lies; None where these are more than one. A moment has no
    `length`: it covers nothing.
    """

    days: list[tuple[int, int]]
    hours: list[tuple[int, int]]
    within: tuple[int, int] | None
    length: int
    span: str


Key = TypeVar("Key", Leaf, MeterPart, Series)

# The fields of a leaf, its source and span, and the meter with a factor of its own.
_SumsKey = tuple[str, str | None, str, str | None, str | None, str | None, bool, str, str, str, str | None]


class Deltas:
    """The changes that a batch makes.

    By leaf and local day, by leaf and hour (its first instant), and by series and local day; of `own_meters`
    (pairs of carrier and meter) also apart, by the meter's part of the leaf.
    """

    def __init__(self, calendar: Calendar, own_meters: Set[tuple[str, str]] = frozenset()) -> None:
        self._calendar = calendar
        self._own_meters = own_meters
        self._sums: dict[_SumsKey, Sums] = {}
        self._periods: dict[tuple[int, int | None], Period] = {}

    def add(self, measurement: Measurement, sign: int) -> None:
        """Count a measurement (sign 1), or take it out again (sign -1). A retraction changes nothing."""
        if measurement.start is None:
            return
        times = measurement.start, measurement.end
        period = self._periods.get(times) or self._period(*times)
        own_meter = self._own_meter(measurement) if self._own_meters else None
        for unit, amount in measurement.amounts():
            key = (
                measurement.team,
                measurement.site,
                measurement.kind,
                measurement.category,
                measurement.flow,
                measurement.method,
                measurement.detail,
                unit,
                measurement.source,
                period.span,
                own_meter,
            )
            sums = self._sums.get(key) or self._sums_of(key)
            if period.within:
                row = sums.within[period.within]
                row.quantity += sign * amount
                row.readings += sign
                row.microseconds += sign * period.length
                continue
            _spread(sums.days, period.days, amount, sign)
            _spread(sums.hours, period.hours, amount, sign)
            for day, weight in period.days:
                # The weight of a period within one day says nothing of its length.
                covered = weight if len(period.days) > 1 else period.length
                sums.days[day].microseconds += sign * covered

    @property
    def days(self) -> dict[tuple[Leaf, date], Change]:
        """The changes by leaf and local day."""
        return self._dated(_added_up((sums.series.leaf, sums.by_day()) for sums in self._sums.values()))

    @property
    def hours(self) -> dict[tuple[Leaf, int], Change]:
        """The changes by leaf and hour."""
        return _added_up((sums.series.leaf, sums.by_hour()) for sums in self._sums.values())

    @property
    def covers(self) -> dict[tuple[Series, date], Change]:
        """The changes by series and local day."""
        return self._dated(_added_up((sums.series, sums.by_day()) for sums in self._sums.values()))

    @property
    def meter_days(self) -> dict[tuple[MeterPart, date], Change]:
        """The changes by the part of a meter with a factor of its own and local day."""
        return self._dated(_added_up((part, sums.by_day()) for part, sums in self._meter_parts()))

    @property
    def meter_hours(self) -> dict[tuple[MeterPart, int], Change]:
        """The changes by the part of a meter with a factor of its own and hour."""
        return _added_up((part, sums.by_hour()) for part, sums in self._meter_parts())

    def leaves(self) -> set[Leaf]:
        """The leaves that change."""
        return {sums.series.leaf for sums in self._sums.values()}

    def _period(self, start: int, end: int | None) -> Period:
        if len(self._periods) == _MOST_PERIODS:
            self._periods.clear()
        days, hours = day_parts(self._calendar, start, end), hour_parts(self._calendar, start, end)
        within = (days[0][0], hours[0][0]) if len(hours) == 1 else None
        length = None if end is None else end - start
        period = self._periods[start, end] = Period(days, hours, within, length or 0, _span(length))
        return period

    def _sums_of(self, key: _SumsKey) -> Sums:
        team, site, kind, category, flow, method, detail, unit, source, span, own_meter = key
        leaf = Leaf(team, site or "", kind, category or "", flow, method or "", detail, unit)
        series = Series(leaf, source, span)
        sums = Sums(series, own_meter, defaultdict(Change), defaultdict(Change), defaultdict(Change))
        self._sums[key] = sums
        return sums

    def _own_meter(self, measurement: Measurement) -> str | None:
        if measurement.kind != "energy" or measurement.meter is None:
            return None
        own = (measurement.category or "", measurement.meter) in self._own_meters
        return measurement.meter if own else None

    def _meter_parts(self) -> Iterator[tuple[MeterPart, Sums]]:
        for sums in self._sums.values():
            if sums.meter is not None:
                yield MeterPart(sums.series.leaf, sums.meter), sums

    def _dated(self, rows: dict[tuple[Key, int], Change]) -> dict[tuple[Key, date], Change]:
        return {(key, self._calendar.day(number)): change for (key, number), change in rows.items()}


def meter_rows(deltas: Deltas, numbers: Mapping[Leaf, int]) -> dict[str, list[tuple[Any, ...]]]:
    """The sorted rows of `add_to_meter_days` and `add_to_meter_hours`; a statement without rows is left out.

    `numbers`: those of the leaves.
    """
    hours = (((part, from_microseconds(hour)), change) for (part, hour), change in deltas.meter_hours.items())
    rows = {
        name: sorted(
            (numbers[part.leaf], part.meter, bucket, change.quantity, change.readings)
            for (part, bucket), change in changes
            if change.quantity or change.readings
        )
        for name, changes in (("add_to_meter_days", deltas.meter_days.items()), ("add_to_meter_hours", hours))
    }
    return {name: sums for name, sums in rows.items() if sums}


def _spread(rows: defaultdict[int, Change], parts: list[tuple[int, int]], amount: int, sign: int) -> None:
    shares = split(amount, [weight for _, weight in parts])
    for position, ((bucket, _), share) in enumerate(zip(parts, shares, strict=True)):
        row = rows[bucket]
        row.quantity += sign * share
        if position == 0:
            row.readings += sign


def _added_up(changes: Iterable[tuple[Key, Iterable[tuple[int, Change]]]]) -> dict[tuple[Key, int], Change]:
    rows: defaultdict[tuple[Key, int], Change] = defaultdict(Change)
    for key, parts in changes:
        for bucket, change in parts:
            rows[key, bucket].add(change)
    return rows


def _span(length: int | None) -> str:
    """The step of a length in microseconds, None for a moment; a day and a month may have an hour more."""
    if length is None:
        return "moment"
    return next((name for name, longest in _SPANS.items() if length <= longest), "longer")
