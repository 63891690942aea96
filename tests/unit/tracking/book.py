"""Measurements made up for the tests of the arithmetic, as short as they can be written down."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.calendar import split
from schemas.targets import Target
from services.tracking.measured import (
    DayAmount,
    FixedFactor,
    Measured,
    SourceDay,
    SourceSeries,
    Span,
    day_seconds,
)

KG = 10**6
KWH = 3_600_000
GJ = 10**9
NM3 = 10**6
ZONE = "Europe/Amsterdam"

KIND_OF = {
    "electricity": "energy",
    "district-heat": "energy",
    "natural-gas": "energy",
    "residual": "waste",
    "paper": "waste",
    "glass": "waste",
    "expired": "medication-waste",
}
FACTORS = {
    ("energy", "electricity"): FixedFactor(Fraction("0.337") / KWH, 2023, "list of 2023", "seen"),
    ("energy", "natural-gas"): FixedFactor(Fraction("2.079") / NM3, 2023, "list of 2023", "seen"),
    ("energy", "district-heat"): FixedFactor(Fraction("40.45") / GJ, 2026, "list of 2026", "seen"),
}


def part(category: str, left_out: str | None = None) -> dict[str, Any]:
    """A part of one category, with the category's name as its slug."""
    return {
        "slug": category,
        "nl": f"({category})",
        "en": f"[{category}]",
        "kind": KIND_OF[category],
        "categories": [category],
        "left_out": left_out,
    }


def target(*categories: str, **fields: Any) -> Target:
    """A reduction of waste in kg against 2018, -25 % in 2026; `fields` say what is different."""
    document = {
        "slug": "made-up",
        "nl": "verzonnen",
        "en": "made up",
        "theme": "circular",
        "kind": "reduction_vs_base",
        "measure": "quantity",
        "base_unit": "mg",
        "unit": "kg",
        "base_year": 2018,
        "anchors": anchors({2018: 100, 2026: 75}),
        "parts": [part(category) for category in categories],
        **fields,
    }
    return Target.model_validate(document)


def anchors(values: Mapping[int, object]) -> list[dict[str, Any]]:
    """Anchors by year."""
    return [{"year": year, "value": str(value)} for year, value in values.items()]


class Reading(NamedTuple):
    """An amount in base units on the days [start, end); None for the end: a moment on that day."""

    start: date
    end: date | None
    quantity: int


class Source(NamedTuple):
    """A source of one category and its readings."""

    category: str
    readings: Sequence[Reading]
    source: str = "/meter/1"
    method: str = "weighed"
    site: str = "main"
    team: str = "huisvesting"


def months(year: int, amounts: Sequence[int], first: int = 1) -> list[Reading]:
    """One reading a month, from the month `first` on."""
    edges = [
        date(year + month // 13, (month - 1) % 12 + 1, 1) for month in range(first, first + len(amounts) + 1)
    ]
    return [
        Reading(start, end, amount) for (start, end), amount in zip(pairwise(edges), amounts, strict=True)
    ]


def tiles(start: date, end: date, length: int, quantity: int) -> list[Reading]:
    """Readings of `length` days, one after the other, as many as are over before `end`."""
    step = timedelta(days=length)
    readings = []
    while start + step <= end:
        readings.append(Reading(start, start + step, quantity))
        start += step
    return readings


def moments(start: date, end: date, every: int, quantity: int) -> list[Reading]:
    """A moment every so many days before `end`."""
    return [
        Reading(start + timedelta(days=number), None, quantity)
        for number in range(0, (end - start).days, every)
    ]


def measured(*sources: Source, factors: Mapping[tuple[str, str], FixedFactor] | None = None) -> Measured:
    """What sources came to: each reading spread over its days by their length, as the ledger does it."""
    amounts: list[DayAmount] = []
    series = []
    for source in sources:
        kind = KIND_OF[source.category]
        rows: dict[tuple[Span, date], list[int]] = {}
        for reading in source.readings:
            days = _days(reading)
            seconds = [day_seconds(ZONE, day.toordinal()) for day in days]
            span: Span = "moment" if reading.end is None else _span(len(days))
            for day, length, share in zip(days, seconds, split(reading.quantity, seconds), strict=True):
                amounts.append(DayAmount(day, kind, source.category, source.method, share))
                row = rows.setdefault((span, day), [0, 0])
                row[0] += day == reading.start
                row[1] += 0 if span == "moment" else length
        days_of_source = tuple(
            SourceDay(span, day, *row) for (span, day), row in sorted(rows.items(), key=_day)
        )
        series.append(
            SourceSeries(source.team, kind, source.source, source.category, source.site, days_of_source)
        )
    return Measured(amounts, series, factors or {}, ZONE)


def _days(reading: Reading) -> list[date]:
    length = 1 if reading.end is None else (reading.end - reading.start).days
    return [reading.start + timedelta(days=number) for number in range(length)]


def _span(days: int) -> Span:
    return "day" if days == 1 else "month" if days <= 31 else "longer"


def _day(item: tuple[tuple[Span, date], list[int]]) -> date:
    return item[0][1]
