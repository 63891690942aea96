"""What the ledger and the totals must be, recomputed from the posted events by another way.

Nothing of the product is used here: the standard library, exact fractions and tables of its own. The rules
are those of the public contract: identity, revisions, repeats and conflicts, base units, splitting.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from importlib.resources import files
from math import floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

with (files("tzdata") / "zoneinfo" / "Europe" / "Amsterdam").open("rb") as _zone:
    AMSTERDAM = ZoneInfo.from_file(_zone, key="Europe/Amsterdam")

UNITS = {
    "Wh": ("J", 3600),
    "kWh": ("J", 3600 * 10**3),
    "MWh": ("J", 3600 * 10**6),
    "kJ": ("J", 10**3),
    "MJ": ("J", 10**6),
    "GJ": ("J", 10**9),
    "Nm3": ("ml_n", 10**6),
    "l": ("ml", 10**3),
    "mg": ("mg", 1),
    "g": ("mg", 10**3),
    "kg": ("mg", 10**6),
    "t": ("mg", 10**9),
    "1": ("1", 1),
    "m2": ("cm2", 10**4),
    "km": ("mm", 10**6),
}
MILLILITRES_IN_M3 = 10**6
KILOGRAMS: dict[tuple[str, str], int | Fraction] = {
    ("residual", "wheelie-240l"): 20,
    ("residual", "bag-60l"): 4,
    ("paper", "wheelie-240l"): 22,
    ("sza", "sza-drum-30l"): Fraction("4.5"),
}
CATEGORY = {
    "energy": "carrier",
    "waste": "stream",
    "food-waste": "stage",
    "medication-waste": "reason",
    "activity": "indicator",
}
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPANS = {"hour": HOUR, "day": DAY + HOUR, "month": 31 * DAY + HOUR}
AMOUNTS = {"quantity", "unit", "containers", "container", "pieces", "mass", "mass_unit", "cost_eur"}

Organisation = Mapping[str, Any]


class Identity(NamedTuple):
    """What a measurement is known by, for ever."""

    team: str
    kind: str
    source: str
    id: str


class Leaf(NamedTuple):
    """What is summed: one row for each of its days and hours."""

    team: str
    site: str
    kind: str
    category: str
    flow: str | None
    method: str
    detail: bool
    unit: str


class Row(NamedTuple):
    """One revision in the ledger. `amounts`: base units by unit."""

    retracted: bool
    start: datetime | None = None
    end: datetime | None = None
    leaf: Leaf | None = None
    amounts: tuple[tuple[str, int], ...] = ()
    meter: str | None = None


class Sum(NamedTuple):
    """A rollup row: base units, and the readings that begin in it."""

    quantity: int
    readings: int


class SourceDay(NamedTuple):
    """What a source told of a leaf on a day, by readings of one length."""

    source: str
    leaf: Leaf
    span: str
    day: date


class Cover(NamedTuple):
    """Readings that begin on a day, and the time of it that readings cover: nothing for moments."""

    readings: int
    time: timedelta


@dataclass
class Expected:
    """What there must be. `outcomes`: of each event, in order: added, repeat or conflict.

    `meters`: what each energy meter is of the days and hours.
    """

    outcomes: list[str] = field(default_factory=list)
    ledger: dict[tuple[Identity, int], Row] = field(default_factory=dict)
    days: dict[tuple[Leaf, date], Sum] = field(default_factory=dict)
    hours: dict[tuple[Leaf, datetime], Sum] = field(default_factory=dict)
    sources: dict[SourceDay, Cover] = field(default_factory=dict)
    meters: dict[tuple[Leaf, str, date | datetime], Sum] = field(default_factory=dict)


def expect(bodies: Iterable[str], organisation: Organisation) -> Expected:
    """What events, each a JSON text, come to when they arrive in this order.

    `organisation` has the shape of the organisation's file: teams, main_site, meters.
    """
    expected = Expected()
    contents: dict[tuple[Identity, int], Any] = {}
    for body in bodies:
        event = json.loads(body, parse_float=str, parse_int=str)
        kind = event["type"].removeprefix("nl.groenmeter.").removesuffix(".v1")
        identity = Identity(event["team"], kind, event["source"], event["id"])
        key = identity, int(event.get("revision", 1))
        content = _content(kind, event)
        if key not in contents:
            contents[key] = content
            expected.ledger[key] = _row(kind, event, organisation)
            expected.outcomes.append("added")
        else:
            expected.outcomes.append("repeat" if contents[key] == content else "conflict")
    _add_up(expected)
    return expected


def _content(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    """What makes two events of one revision the same."""
    if event.get("retracted"):
        return {"retracted": True}
    data = event["data"]
    content = {name: value for name, value in data.items() if name not in AMOUNTS | {"from", "to"}}
    start, end = _period(kind, event)
    content["when"] = start, end
    if data.get("unit") == "m3":
        content["quantity"] = _base(data["quantity"], MILLILITRES_IN_M3), "as read"
    elif "quantity" in data:
        unit, factor = UNITS[data["unit"]]
        content["quantity"] = _base(data["quantity"], factor), unit
    if "containers" in data:
        content["containers"] = Fraction(data["containers"]), data["container"]
    if "pieces" in data:
        content["pieces"] = Fraction(data["pieces"])
    if "mass" in data:
        content["mass"] = _base(data["mass"], UNITS[data["mass_unit"]][1])
    if "cost_eur" in data:
        content["cost"] = _base(data["cost_eur"], 100)
    return content


def _row(kind: str, event: dict[str, Any], organisation: Organisation) -> Row:
    if event.get("retracted"):
        return Row(retracted=True)
    data = event["data"]
    start, end = _period(kind, event)
    team = organisation["teams"][event["team"]]
    leaf = Leaf(
        team=event["team"],
        site=data.get("site", organisation["main_site"]),
        kind=kind,
        category=data[CATEGORY[kind]],
        flow=data.get("flow", "use") if kind == "energy" else None,
        method="estimated" if "containers" in data else data.get("method", "unstated"),
        detail=data.get("detail", team.get("detail", False)),
        unit="",
    )
    amounts = tuple(sorted(_amounts(data, organisation).items()))
    return Row(False, start, end, leaf, amounts, data.get("meter"))


def _amounts(data: dict[str, Any], organisation: Organisation) -> dict[str, int]:
    amounts = {}
    if data.get("unit") == "m3":
        correction = Fraction(organisation["meters"][data["meter"]]["correction"])
        amounts["ml_n"] = _base(data["quantity"], MILLILITRES_IN_M3 * correction)
    elif "quantity" in data:
        unit, factor = UNITS[data["unit"]]
        amounts[unit] = _base(data["quantity"], factor)
    if "containers" in data:
        weight = KILOGRAMS[data["stream"], data["container"]] * 10**6
        amounts["mg"] = _base(data["containers"], weight)
    if "mass" in data:
        amounts["mg"] = _base(data["mass"], UNITS[data["mass_unit"]][1])
    if "pieces" in data:
        amounts["piece"] = _base(data["pieces"], 1)
    if "cost_eur" in data:
        amounts["cent"] = _base(data["cost_eur"], 100)
    return amounts


def _base(number: str, factor: int | Fraction) -> int:
    return round(Fraction(number) * factor)  # `round` of a fraction is half to even


def _period(kind: str, event: dict[str, Any]) -> tuple[datetime, datetime | None]:
    data = event["data"]
    if "from" in data:
        return _instant(data["from"]), _instant(data["to"])
    moment = _instant(event["time"])
    if kind == "medication-waste":
        return _midnight(moment.astimezone(AMSTERDAM).date()), None
    return moment, None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), AMSTERDAM).astimezone(UTC)


def _add_up(expected: Expected) -> None:
    """Sum the highest revision of every identity over its days and hours."""
    highest: dict[Identity, int] = {}
    for identity, revision in expected.ledger:
        highest[identity] = max(revision, highest.get(identity, 0))
    days: defaultdict[tuple[Leaf, date], list[int]] = defaultdict(lambda: [0, 0])
    hours: defaultdict[tuple[Leaf, datetime], list[int]] = defaultdict(lambda: [0, 0])
    meters: defaultdict[tuple[Leaf, str, date | datetime], list[int]] = defaultdict(lambda: [0, 0])
    expected.sources = {}
    for key in highest.items():
        row = expected.ledger[key]
        if row.leaf is None or row.start is None:
            continue
        day_buckets = list(_days(row.start, row.end))
        hour_buckets = list(_hours(row.start, row.end)) if row.leaf.kind != "medication-waste" else []
        for unit, amount in row.amounts:
            leaf = row.leaf._replace(unit=unit)
            for day, share, begins in _shares(amount, day_buckets):
                days[leaf, day][0] += share
                days[leaf, day][1] += begins
            for hour, share, begins in _shares(amount, hour_buckets):
                hours[leaf, hour][0] += share
                hours[leaf, hour][1] += begins
            if row.meter is not None:
                for bucket, share, begins in [*_shares(amount, day_buckets), *_shares(amount, hour_buckets)]:
                    meters[leaf, row.meter, bucket][0] += share
                    meters[leaf, row.meter, bucket][1] += begins
            for index, (day, length) in enumerate(day_buckets):
                place = SourceDay(key[0].source, leaf, _span(row.start, row.end), day)
                before = expected.sources.get(place, Cover(0, timedelta()))
                covered = timedelta() if row.end is None else length
                expected.sources[place] = Cover(before.readings + (index == 0), before.time + covered)
    expected.days = {key: Sum(*values) for key, values in days.items()}
    expected.hours = {key: Sum(*values) for key, values in hours.items()}
    expected.meters = {key: Sum(*values) for key, values in meters.items()}


def _span(start: datetime, end: datetime | None) -> str:
    """How long a reading is; a day may have 25 hours, and a month an hour more than its days."""
    if end is None:
        return "moment"
    return next((name for name, longest in SPANS.items() if end - start <= longest), "longer")


def _days(start: datetime, end: datetime | None) -> Iterator[tuple[date, timedelta]]:
    """The local days that a reading touches, each with the time of it that falls there."""
    day = start.astimezone(AMSTERDAM).date()
    while (lower := _midnight(day)) < (end or start + MICROSECOND):
        upper = _midnight(day + timedelta(days=1))
        yield day, min(upper, end or start + MICROSECOND) - max(lower, start)
        day += timedelta(days=1)


def _hours(start: datetime, end: datetime | None) -> Iterator[tuple[datetime, timedelta]]:
    """The same for local hours, which in Amsterdam begin with those of UTC; none for a longer reading."""
    if end is not None and end - start > HOUR:
        return
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < (end or start + MICROSECOND):
        yield hour, min(hour + HOUR, end or start + MICROSECOND) - max(hour, start)
        hour += HOUR


def _shares(amount: int, buckets: list[tuple[Any, timedelta]]) -> Iterator[tuple[Any, int, int]]:
    """The share of each bucket, and 1 for the one that the reading begins in."""
    whole = sum(weight // MICROSECOND for _, weight in buckets)
    exact = [Fraction(amount * (weight // MICROSECOND), whole) for _, weight in buckets]
    shares = [floor(part) for part in exact]
    lacking = sorted(range(len(shares)), key=lambda index: (shares[index] - exact[index], index))
    for index in lacking[: amount - sum(shares)]:
        shares[index] += 1
    for index, (bucket, _) in enumerate(buckets):
        yield bucket, shares[index], int(index == 0)
