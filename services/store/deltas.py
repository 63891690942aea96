"""What a batch adds to and takes from the rollups. Pure."""

from collections import defaultdict
from datetime import date
from typing import NamedTuple

from schemas.calendar import Calendar, day_parts, hour_parts, split
from schemas.measurement import Measurement

WITHOUT_HOURS = "medication-waste"


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


class Delta:
    """A change of one rollup row: base units and readings, either may be negative."""

    __slots__ = ("quantity", "readings")

    def __init__(self) -> None:
        self.quantity = 0
        self.readings = 0

    def __bool__(self) -> bool:
        return self.quantity != 0 or self.readings != 0


class Deltas:
    """The changes that a batch makes, by leaf and local day, and by leaf and hour (its first instant)."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._by_day_number: defaultdict[tuple[Leaf, int], Delta] = defaultdict(Delta)
        self.hours: defaultdict[tuple[Leaf, int], Delta] = defaultdict(Delta)

    def add(self, measurement: Measurement, sign: int) -> None:
        """Count a measurement (sign 1), or take it out again (sign -1). A retraction changes nothing."""
        start = measurement.start
        if start is None:
            return
        days = day_parts(self._calendar, start, measurement.end)
        hours = (
            [] if measurement.kind == WITHOUT_HOURS else hour_parts(self._calendar, start, measurement.end)
        )
        for unit, amount in measurement.amounts():
            leaf = _leaf(measurement, unit)
            _spread(self._by_day_number, leaf, days, amount, sign)
            _spread(self.hours, leaf, hours, amount, sign)

    @property
    def days(self) -> dict[tuple[Leaf, date], Delta]:
        """The changes by leaf and local day."""
        return {
            (leaf, self._calendar.day(number)): delta for (leaf, number), delta in self._by_day_number.items()
        }

    def leaves(self) -> set[Leaf]:
        """The leaves that change."""
        return {leaf for leaf, _ in self._by_day_number}


def _spread(
    rows: defaultdict[tuple[Leaf, int], Delta],
    leaf: Leaf,
    parts: list[tuple[int, int]],
    amount: int,
    sign: int,
) -> None:
    if not parts:
        return
    shares = split(amount, [weight for _, weight in parts])
    for position, ((bucket, _), share) in enumerate(zip(parts, shares, strict=True)):
        row = rows[leaf, bucket]
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
