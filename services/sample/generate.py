"""The events of the sample organisation: made up, and the same on every machine for the same day.

A series spreads a year's amount over its days in whole steps; a posted figure is the sum of the days that it
covers. A day's figure never depends on when the sample is made, so that a later load only adds days.
"""

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from importlib import resources
from random import Random
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from schemas.calendar import pinned_zone, split
from schemas.organisation import Organisation

Event = dict[str, Any]

FIRST_YEAR = 2018
LABEL = "/made-up-sample/"
QUARTER = timedelta(minutes=15)

_PACKAGE = resources.files("services.sample")
_DAY = timedelta(days=1)
_LONGEST_MONTH = timedelta(days=31)
_PUBLIC_HOLIDAYS = {(1, 1), (4, 27), (12, 25), (12, 26)}
_SUNDAY = 6
_PICK_UP_WEEKDAY = 1


class Series(BaseModel):
    """One row of figures.toml; `amounts` is what 2023 came to, with the decimals that are posted.

    A day or a week is posted as a moment when `at` is given, else as a period; months and years are periods.
    `daily` and `variants` (one a day) add to `data` what only a figure since `daily_from` has. Since
    `quarters_from` days are posted in quarter-hours. `last`: posted after everything else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    team: str
    kind: str
    source: str
    data: dict[str, str | bool]
    daily: dict[str, str] = {}
    variants: tuple[dict[str, str], ...] = ()
    amounts: dict[str, str]
    trend: str
    week: str = "flat"
    season: str = "flat"
    noise: int = 50
    every: Literal["day", "week", "month", "year"] = "day"
    at: time | None = None
    first: date = date(FIRST_YEAR, 1, 1)
    hours: str | None = None
    quarters_from: date = date.max
    last: bool = False

    @property
    def decimals(self) -> dict[str, int]:
        """The number of decimals of each amount."""
        return {field: len(total.partition(".")[2]) for field, total in self.amounts.items()}


class Incident(BaseModel):
    """Something that goes wrong with one day of one series."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: str
    day: date
    wrong: str = ""


class Figures(BaseModel):
    """The file figures.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    daily_from: date
    week: dict[str, tuple[int, ...]]
    season: dict[str, tuple[int, ...]]
    hours: dict[str, tuple[int, ...]]
    trend: dict[str, tuple[int, ...]]
    series: tuple[Series, ...]
    incident: dict[Literal["correction", "late", "retraction", "conflict"], Incident]

    @cached_property
    def by_name(self) -> dict[str, Series]:
        """The series by name."""
        return {series.name: series for series in self.series}


class Reading(NamedTuple):
    """One figure of a series over the days [first, end): amounts in steps of the last posted decimal."""

    series: Series
    first: date
    end: date
    amounts: dict[str, int]


class Delivery(NamedTuple):
    """Events to be counted before those of the next delivery are posted."""

    title: str
    events: list[Event]


FIGURES = Figures(**tomllib.loads((_PACKAGE / "figures.toml").read_text("utf-8")))
ORGANISATION_FILE = _PACKAGE / "organisation.toml"
ORGANISATION = Organisation().with_changes(tomllib.loads(ORGANISATION_FILE.read_text("utf-8")))
LAST_SERIES = next(series for series in FIGURES.series if series.last)

_ZONE = pinned_zone(ORGANISATION.time_zone)


def deliveries(today: date, since: date | None = None) -> Iterator[Delivery]:
    """Everything up to and including yesterday, in the order in which it is to be posted.

    `since`: only figures whose last day is that day or later, and what goes wrong only without it.
    """
    figures: list[tuple[date, list[Event]]] = []
    last: list[Event] = []
    for series in FIGURES.series:
        for reading in readings(series, today):
            if since is None or reading.end > since:
                events = list(_events(reading))
                if series.last:
                    last += events
                else:
                    figures.append((reading.end, events))
    figures.sort(key=lambda dated: dated[0])
    yield Delivery("figures", _with_mistakes([event for _, events in figures for event in events]))
    yield Delivery("corrections", [] if since else list(_corrections(today)))
    yield Delivery("completion", last)


def readings(series: Series, today: date) -> Iterator[Reading]:
    """The figures of a series of which every day is over."""
    for first, end in _spans(series, today):
        amounts = dict.fromkeys(series.amounts, 0)
        day = first
        while day < end:
            for field in amounts:
                amounts[field] += _shares(series.name, day.year)[field][day.timetuple().tm_yday - 1]
            day += _DAY
        amounts = {field: steps for field, steps in amounts.items() if steps}
        if amounts:
            yield Reading(series, first, end, amounts)


def _spans(series: Series, today: date) -> Iterator[tuple[date, date]]:
    """The days [first, end) of each figure: months up to the first daily figure, then as the series says."""
    first = series.first
    while True:
        every = "month" if series.every != "year" and first < FIGURES.daily_from else series.every
        if every == "day":
            end = first + _DAY
        elif every == "week":
            end = first + timedelta(days=(_PICK_UP_WEEKDAY - first.weekday()) % 7 + 1)
        elif every == "month":
            end = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        else:
            end = date(first.year + 1, 1, 1)
        if end > today:
            return
        yield first, end
        first = end


@cache
def _shares(name: str, year: int) -> dict[str, list[int]]:
    """What each day of a year has of each amount: shares that add up to the year's amount exactly."""
    series = FIGURES.by_name[name]
    # Only random() is promised to give the same sequence in every version of Python.
    random = Random(f"{FIGURES.seed} {name} {year}").random  # noqa: S311
    week, season = FIGURES.week[series.week], FIGURES.season[series.season]
    weights = []
    day = date(year, 1, 1)
    while day.year == year:
        weekday = _SUNDAY if (day.month, day.day) in _PUBLIC_HOLIDAYS else day.weekday()
        noise = 1000 + int((2 * random() - 1) * series.noise)
        weights.append(week[weekday] * season[day.month - 1] * noise)
        day += _DAY
    trend = FIGURES.trend[series.trend]
    permille = trend[min(year - FIRST_YEAR, len(trend) - 1)]
    return {
        field: split(int(total.replace(".", "")) * permille // 1000, weights)
        for field, total in series.amounts.items()
    }


def _events(reading: Reading) -> Iterator[Event]:
    series, first, end, _ = reading
    if series.hours and first >= series.quarters_from:
        yield from _quarter_hours(reading, FIGURES.hours[series.hours])
        return
    if series.at and first >= FIGURES.daily_from and series.every in ("day", "week"):
        day = end - _DAY
        moment = datetime.combine(day, series.at, _ZONE)
        yield _event(reading, f"{series.name}-{day}", _data(reading), time=moment.isoformat())
        return
    period = {"from": _midnight(first), "to": _midnight(end)}
    digits = 10 if end - first == _DAY else 7 if end - first <= _LONGEST_MONTH else 4
    yield _event(reading, f"{series.name}-{str(first)[:digits]}", {**_data(reading), **period})


def _quarter_hours(reading: Reading, hours: tuple[int, ...]) -> Iterator[Event]:
    """A day's amount over its 92, 96 or 100 quarter-hours."""
    series, first, end, amounts = reading
    start, stop = (datetime.combine(day, time(), _ZONE).astimezone(UTC) for day in (first, end))
    random = Random(f"{FIGURES.seed} {series.name} {first}").random  # noqa: S311
    starts = [start + QUARTER * number for number in range((stop - start) // QUARTER)]
    weights = [hours[moment.astimezone(_ZONE).hour] * (970 + int(60 * random())) for moment in starts]
    for moment, steps in zip(starts, split(amounts["quantity"], weights), strict=True):
        quarter = reading._replace(amounts={"quantity": steps})
        period = {"from": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "to": f"{moment + QUARTER:%Y-%m-%dT%H:%M:%SZ}"}
        yield _event(quarter, f"{series.name}-{moment:%Y%m%dT%H%MZ}", {**_data(quarter), **period})


def _event(reading: Reading, identity: str, data: dict[str, Any], **attributes: Any) -> Event:
    series = reading.series
    return {
        "specversion": "1.0",
        "type": f"nl.groenmeter.{series.kind}.v1",
        "source": LABEL + series.source,
        "id": identity,
        "team": series.team,
        **attributes,
        "data": data,
    }


def _data(reading: Reading) -> dict[str, Any]:
    series, first, _, amounts = reading
    data: dict[str, Any] = dict(series.data)
    if first >= FIGURES.daily_from:
        data |= series.daily
        if series.variants:
            data |= series.variants[first.toordinal() % len(series.variants)]
    return data | {field: _as_posted(steps, series.decimals[field]) for field, steps in amounts.items()}


def _as_posted(steps: int, decimals: int) -> int | str:
    """Whole amounts are JSON integers; others are strings, which no JSON library makes a double of."""
    if not decimals:
        return steps
    digits = str(steps).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), _ZONE).isoformat()


def _with_mistakes(events: list[Event]) -> list[Event]:
    """The events as they came in at first: one amount wrong, one too many, one missing."""
    correction, late, retraction = (_identity(name) for name in ("correction", "late", "retraction"))
    delivered = []
    for event in events:
        if event["id"] == correction:
            wrong = {"quantity": FIGURES.incident["correction"].wrong}
            delivered.append({**event, "data": event["data"] | wrong})
        elif event["id"] != late:
            delivered.append(event)
        if event["id"] == retraction:
            crate = {"quantity": FIGURES.incident["retraction"].wrong}
            delivered.append({**event, "id": f"{retraction}-crate", "data": event["data"] | crate})
    return delivered


def _corrections(today: date) -> Iterator[Event]:
    """What sets it right, and one event that cannot be counted."""
    for name, incident in FIGURES.incident.items():
        series = FIGURES.by_name[incident.series]
        found = [reading for reading in readings(series, today) if reading.first == incident.day]
        for event in (event for reading in found for event in _events(reading)):
            data = event["data"]
            if name == "correction":
                note = "decimal point was in the wrong place (made up)"
                yield {**event, "revision": 2, "data": data | {"note": note}}
            elif name == "late":
                yield {**event, "data": data | {"note": "the ticket came in long afterwards (made up)"}}
            elif name == "retraction":
                withdrawn = {key: value for key, value in event.items() if key not in ("data", "time")}
                yield {**withdrawn, "id": f"{event['id']}-crate", "revision": 2, "retracted": True}
            else:
                note = "other weight under the same revision: not counted (made up)"
                yield {**event, "data": data | {"quantity": incident.wrong, "note": note}}


def _identity(name: Literal["correction", "late", "retraction", "conflict"]) -> str:
    incident = FIGURES.incident[name]
    return f"{incident.series}-{incident.day}"
