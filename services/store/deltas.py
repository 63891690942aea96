"""What a batch adds to and takes from the rollups. Pure."""

from collections import defaultdict
from collections.abc import Set
from datetime import date
from typing import NamedTuple, TypeVar

from schemas.calendar import DAY, HOUR, Calendar, day_parts, hour_parts, split
from schemas.measurement import Measurement

WITHOUT_HOURS = "medication-waste"

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


Summed = TypeVar("Summed", Leaf, MeterPart)


class Delta:
    """A change of one rollup row: base units and readings, either may be negative."""

    __slots__ = ("quantity", "readings")

    def __init__(self) -> None:
        self.quantity = 0
        self.readings = 0

    def __bool__(self) -> bool:
        return self.quantity != 0 or self.readings != 0


class Cover:
    """A change of one day of a series: readings that begin on it, microseconds of it that they cover."""

    __slots__ = ("microseconds", "readings")

    def __init__(self) -> None:
        self.microseconds = 0
        self.readings = 0

    def __bool__(self) -> bool:
        return self.microseconds != 0 or self.readings != 0


class Deltas:
    """The changes that a batch makes.

    By leaf and local day, by leaf and hour (its first instant), and by series and local day; of `own_meters`
    (pairs of carrier and meter) also apart, by the meter's part of the leaf.
    """

    def __init__(self, calendar: Calendar, own_meters: Set[tuple[str, str]] = frozenset()) -> None:
        self._calendar = calendar
        self._own_meters = own_meters
        self._by_day_number: defaultdict[tuple[Leaf, int], Delta] = defaultdict(Delta)
        self._cover_by_day_number: defaultdict[tuple[Series, int], Cover] = defaultdict(Cover)
        self._meters_by_day_number: defaultdict[tuple[MeterPart, int], Delta] = defaultdict(Delta)
        self.hours: defaultdict[tuple[Leaf, int], Delta] = defaultdict(Delta)
        self.meter_hours: defaultdict[tuple[MeterPart, int], Delta] = defaultdict(Delta)

    def add(self, measurement: Measurement, sign: int) -> None:
        """Count a measurement (sign 1), or take it out again (sign -1). A retraction changes nothing."""
        start = measurement.start
        if start is None:
            return
        days = day_parts(self._calendar, start, measurement.end)
        hours = (
            [] if measurement.kind == WITHOUT_HOURS else hour_parts(self._calendar, start, measurement.end)
        )
        length = None if measurement.end is None else measurement.end - start
        span = _span(length)
        own_meter = self._own_meter(measurement)
        for unit, amount in measurement.amounts():
            leaf = _leaf(measurement, unit)
            _spread(self._by_day_number, leaf, days, amount, sign)
            _spread(self.hours, leaf, hours, amount, sign)
            if own_meter is not None:
                part = MeterPart(leaf, own_meter)
                _spread(self._meters_by_day_number, part, days, amount, sign)
                _spread(self.meter_hours, part, hours, amount, sign)
            self._cover(Series(leaf, measurement.source, span), days, length, sign)

    @property
    def days(self) -> dict[tuple[Leaf, date], Delta]:
        """The changes by leaf and local day."""
        return {
            (leaf, self._calendar.day(number)): delta for (leaf, number), delta in self._by_day_number.items()
        }

    @property
    def meter_days(self) -> dict[tuple[MeterPart, date], Delta]:
        """The changes by the part of a meter with a factor of its own and local day."""
        return {
            (part, self._calendar.day(number)): delta
            for (part, number), delta in self._meters_by_day_number.items()
        }

    @property
    def covers(self) -> dict[tuple[Series, date], Cover]:
        """The changes by series and local day."""
        return {
            (series, self._calendar.day(number)): cover
            for (series, number), cover in self._cover_by_day_number.items()
        }

    def leaves(self) -> set[Leaf]:
        """The leaves that change."""
        return {leaf for leaf, _ in self._by_day_number}

    def _own_meter(self, measurement: Measurement) -> str | None:
        if not self._own_meters or measurement.kind != "energy" or measurement.meter is None:
            return None
        own = (measurement.category or "", measurement.meter) in self._own_meters
        return measurement.meter if own else None

    def _cover(self, series: Series, days: list[tuple[int, int]], length: int | None, sign: int) -> None:
        for position, (day, weight) in enumerate(days):
            cover = self._cover_by_day_number[series, day]
            if length is not None:
                # The weight of a period within one day says nothing of its length.
                cover.microseconds += sign * (weight if len(days) > 1 else length)
            if position == 0:
                cover.readings += sign


def _spread(
    rows: defaultdict[tuple[Summed, int], Delta],
    summed: Summed,
    parts: list[tuple[int, int]],
    amount: int,
    sign: int,
) -> None:
    if not parts:
        return
    shares = split(amount, [weight for _, weight in parts])
    for position, ((bucket, _), share) in enumerate(zip(parts, shares, strict=True)):
        row = rows[summed, bucket]
        row.quantity += sign * share
        if position == 0:
            row.readings += sign


def _leaf(measurement: Measurement, unit: str) -> Leaf:
    return Leaf(
        measurement.team,
        measurement.site or "",
        measurement.kind,
        measurement.category or "",
        measurement.flow,
        measurement.method or "",
        measurement.detail,
        unit,
    )


def _span(length: int | None) -> str:
    """The step of a length in microseconds, None for a moment; a day and a month may have an hour more."""
    if length is None:
        return "moment"
    return next((name for name, longest in _SPANS.items() if length <= longest), "longer")
