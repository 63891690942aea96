"""Reading what targets are judged on, as one moment's state of the database."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple, cast

import psycopg

from schemas.catalogue import base_units
from schemas.targets import Target
from services.store.tracking import (
    AmountRow,
    MeasuredQuery,
    PublishedFactor,
    SourceRow,
    read_amounts,
    read_fixed_factors,
    read_sources,
)
from services.tracking.boundary import all_parts, streams_of
from services.tracking.measured import (
    DayAmount,
    FixedFactor,
    Measured,
    SourceDay,
    SourceSeries,
    Span,
    Stream,
    years_needed,
)

Factors = Mapping[tuple[str, str], PublishedFactor]
_SeriesKey = tuple[str, str, str, str, str, str]


class _Slice(NamedTuple):
    """What is read at once."""

    kind: str
    flow: str
    team: str | None
    site: str | None
    year: int


class Measurements:
    """What there is to judge targets on; what several targets need is read once.

    One snapshot's, so not to be kept. `as_of`: as it was after that batch, None for as it is. `known_at`: by
    the factors known then, None for those of now: whoever tells of changes judges both by the same factors.
    """

    def __init__(
        self,
        connection: psycopg.AsyncConnection,
        time_zone: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> None:
        self._connection = connection
        self._time_zone = time_zone
        self._as_of = as_of
        self._known_at = known_at
        self._amounts: dict[_Slice, list[AmountRow]] = {}
        self._sources: dict[_Slice, dict[str, list[SourceSeries]]] = {}
        self._factors: dict[tuple[str, str], Factors] = {}

    async def read_factors(self, target: Target) -> None:
        """Read the target's fixed factors: then `factors` has them."""
        basis = target.chain, target.market
        if target.measure == "co2e" and basis not in self._factors:
            self._factors[basis] = await read_fixed_factors(self._connection, *basis, self._known_at)

    async def read(self, target: Target, on: date) -> None:
        """Read what judging a target on a day, and its alert, takes: then `of` has it."""
        await self.read_factors(target)
        for part in _slices(target, on):
            if part not in self._amounts:
                wanted = self._query(part)
                self._amounts[part] = await read_amounts(self._connection, wanted)
                self._sources[part] = _by_unit(part, await read_sources(self._connection, wanted))

    def factors(self, target: Target) -> Factors:
        """The fixed factors on the target's basis of the categories that it counts, once read."""
        if target.measure != "co2e":
            return {}
        counted = {(stream.kind, stream.category) for stream in streams_of(all_parts(target))}
        factors = self._factors[target.chain, target.market]
        return {key: factor for key, factor in factors.items() if key in counted}

    def of(self, target: Target, on: date) -> Measured:
        """All that judging a target on a day, and its alert, takes, once read."""
        factors = self.factors(target)
        unit_of = {
            stream: base_unit_of_stream(target, stream, factors) for stream in streams_of(all_parts(target))
        }
        amounts: list[DayAmount] = []
        sources: dict[_SeriesKey, list[SourceSeries]] = defaultdict(list)
        for part in _slices(target, on):
            kind, flow = part.kind, part.flow
            units = {stream.category: unit for stream, unit in unit_of.items() if stream[::2] == (kind, flow)}
            amounts += [
                DayAmount(row.day, kind, row.category, row.method, row.quantity, flow)
                for row in self._amounts[part]
                if units.get(row.category) == row.base_unit
            ]
            for unit, years in self._sources[part].items():
                for series in years:
                    if units.get(series.category) == unit:
                        sources[_key(series)].append(series)
        fixed = {
            key: FixedFactor(factor.kg_per_base_unit, factor.year, factor.source, factor.certainty)
            for key, factor in factors.items()
        }
        joined = [_joined(years) for _, years in sorted(sources.items())]
        return Measured(amounts, joined, fixed, self._time_zone)

    def _query(self, part: _Slice) -> MeasuredQuery:
        return MeasuredQuery(
            kind=part.kind,
            flow=part.flow,
            start=date(part.year, 1, 1),
            end=date(part.year + 1, 1, 1),
            team=part.team,
            site=part.site,
            as_of=self._as_of,
        )


def _slices(target: Target, on: date) -> list[_Slice]:
    streams = streams_of(all_parts(target))
    return [
        _Slice(kind, flow, target.team, target.site, year)
        for kind, flow in dict.fromkeys((stream.kind, stream.flow) for stream in streams)
        for year in sorted(years_needed(target, on))
    ]


def base_unit_of_stream(target: Target, stream: Stream, factors: Factors) -> str:
    """The base unit in which a stream is counted: the target's, of CO2e that of the factor."""
    if target.base_unit is not None:
        return target.base_unit
    factor = factors.get((stream.kind, stream.category))
    return factor.base_unit if factor else base_units(stream.kind, stream.category)[0]


def _by_unit(part: _Slice, rows: list[SourceRow]) -> dict[str, list[SourceSeries]]:
    """The series of a year by their base unit: targets that count them share their days."""
    by_unit: dict[str, list[SourceRow]] = defaultdict(list)
    for row in rows:
        by_unit[row.base_unit].append(row)
    return {unit: list(series_of(part.kind, part.flow, days)) for unit, days in by_unit.items()}


def _key(series: SourceSeries) -> _SeriesKey:
    return series.kind, series.flow, series.team, series.source, series.category, series.site


def _joined(years: list[SourceSeries]) -> SourceSeries:
    """One series of those of ascending years."""
    return years[0]._replace(days=tuple(day for series in years for day in series.days))


def series_of(kind: str, flow: str, rows: list[SourceRow]) -> Iterator[SourceSeries]:
    """The days of each source, of rows in any order."""

    def key(row: SourceRow) -> tuple[str, str, str, str]:
        return row.team, row.source, row.category, row.site

    for (team, source, category, site), days in groupby(sorted(rows), key):
        yield SourceSeries(
            team=team,
            kind=kind,
            source=source,
            category=category,
            site=site,
            days=tuple(
                SourceDay(cast(Span, row.span), row.day, row.readings, row.seconds)
                for row in sorted(days, key=lambda row: (row.day, row.span))
            ),
            flow=flow,
        )
