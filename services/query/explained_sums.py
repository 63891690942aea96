"""The sums of a total between the days on which a factor changes, with their CO2e: pure arithmetic."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from services.store.explain import KnownFactor, SumRow


class _Thing(NamedTuple):
    """What one factor is for, on a day."""

    category: str
    flow: str | None
    meter: str | None
    base_unit: str


class Segment(NamedTuple):
    """What was measured on the days [start, end), on which the same factors hold, one in each view."""

    start: date
    end: date
    category: str
    flow: str | None
    meter: str | None
    base_unit: str
    base_quantity: int
    readings: int
    factors: Mapping[str, KnownFactor | None]

    def exact(self, view: str) -> Fraction | None:
        """kg CO2e in a view; None without a factor."""
        factor = self.factors[view]
        return None if factor is None else self.base_quantity * factor.kg_per_base_unit

    def as_row(self) -> dict[str, Any]:
        """As it is answered; `kg_co2e` is a fraction."""
        return {
            "category": self.category,
            "flow": self.flow,
            "meter": self.meter,
            "from": str(self.start),
            "to": str(self.end),
            "base_unit": self.base_unit,
            "base_quantity": str(self.base_quantity),
            "readings": self.readings,
            **{
                view: None
                if factor is None
                else {
                    "factor": factor.factor_no,
                    "kg_co2e": str(self.base_quantity * factor.kg_per_base_unit),
                }
                for view, factor in self.factors.items()
            },
        }


def edges_of(versions: Iterable[KnownFactor], start: date, end: date) -> list[date]:
    """The first of the days [start, end), and every later one on which a factor begins or ends."""
    days = {day for version in versions for day in (version.holds_from, version.holds_to)}
    return [start, *sorted(day for day in days if start < day < end)]


def segments_of(
    rows: Iterable[SumRow],
    edges: Sequence[date],
    end: date,
    known: Iterable[KnownFactor],
    views: Mapping[str, date | None],
) -> list[Segment]:
    """The sums between the edges, by what a factor is for; edges that change nothing are left out.

    `views`: by name the day whose factor counts for all days, None for the factor of each day. Only what is
    used has CO2e: what is fed in or generated has none.
    """
    sums: dict[_Thing, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in rows:
        at = sums[_Thing(row.category, row.flow, row.meter, row.base_unit)][row.segment]
        at[0] += row.base_quantity
        at[1] += row.readings
    by_thing: dict[tuple[str, str | None, str], list[KnownFactor]] = defaultdict(list)
    for factor in known:
        by_thing[factor.category, factor.holds_for, factor.base_unit].append(factor)
    segments: list[Segment] = []
    for thing in sorted(sums, key=lambda thing: [value or "" for value in thing]):
        of_thing = by_thing[thing.category, thing.meter, thing.base_unit]
        usable = of_thing if thing.flow in (None, "use") else []
        segments += _of_thing(thing, sums[thing], [*edges, end], usable, views)
    return segments


def _of_thing(
    thing: _Thing,
    sums: Mapping[int, Sequence[int]],
    edges: Sequence[date],
    known: Sequence[KnownFactor],
    views: Mapping[str, date | None],
) -> Iterator[Segment]:
    factors = [{view: _on(known, fixed or edge) for view, fixed in views.items()} for edge in edges[:-1]]

    def versions(segment: int) -> list[int | None]:
        in_views = factors[segment - 1].values()
        return [None if factor is None else factor.factor_no for factor in in_views]

    for _, group in groupby(range(1, len(edges)), versions):
        segments = list(group)
        parts = [sums[segment] for segment in segments if segment in sums]
        if parts:
            quantity, readings = sum(part[0] for part in parts), sum(part[1] for part in parts)
            start, end = edges[segments[0] - 1], edges[segments[-1]]
            yield Segment(start, end, *thing, quantity, readings, factors[segments[0] - 1])


def _on(known: Iterable[KnownFactor], day: date) -> KnownFactor | None:
    return next((version for version in known if version.holds_from <= day < version.holds_to), None)
