"""Follows a figure through what `GET /v1/explain` answers, and works it out again from that alone.

Shares no code with the product, nor with the oracle of the other tests: exact fractions, dates and time zones
of the standard library. Whatever does not follow is an AssertionError.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

Answer = dict[str, Any]

MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
REFERENCE = date(2023, 12, 31)


@dataclass
class Figure:
    """What a row of totals comes to: base units, readings, and kg CO2e in each view, None where not known."""

    base_quantity: int = 0
    readings: int = 0
    co2e: dict[str, str | None] = field(default_factory=dict)


def follow_total(pages: list[Answer]) -> list[tuple[Answer, Figure]]:
    """Each row that is explained, with what it comes to by its readings."""
    first = pages[0]
    zone = ZoneInfo(first["time_zone"])
    factors = {factor["factor"]: factor for factor in first["factors"]}
    readings = [row for page in pages for row in page["rows"]]
    identities = [(row["team"], row["source"], row["id"]) for row in readings]
    assert len(set(identities)) == len(identities), "a measurement counts twice"
    return [(total, _figure(total, readings, factors, zone)) for total in first["totals"]]


def _figure(total: Answer, readings: list[Answer], factors: dict[int, Answer], zone: ZoneInfo) -> Figure:
    figure = Figure()
    hour = datetime.fromisoformat(total["start"]) if "T" in total["start"] else None
    by_segment: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for reading in readings:
        if any(
            name in total and total[name] != reading[name]
            for name in ("category", "team", "site", "flow", "method")
        ):
            continue
        for amount in reading["amounts"]:
            if amount["base_unit"] != total["base_unit"]:
                continue
            counted = 0
            for day, share, begins in _counted(reading, amount, hour, zone):
                place = _segment(total["sums"], reading, day)
                by_segment[place][0] += share
                by_segment[place][1] += begins
                counted += share
            assert counted == int(amount["counted"]), "a reading counts for other than its shares"
    for place, segment in enumerate(total["sums"]):
        quantity, begun = by_segment.pop(place, [0, 0])
        assert (quantity, begun) == (int(segment["base_quantity"]), segment["readings"]), "a sum is another"
        figure.base_quantity += quantity
        figure.readings += begun
    assert not by_segment
    for view in ("current", "constant"):
        figure.co2e[view] = _co2e(total["sums"], view, factors)
    reported = total["reported"]
    figure.co2e["as_reported"] = None
    if reported is not None:
        assert sum(int(part["base_quantity"]) for part in reported["sums"]) == int(reported["base_quantity"])
        assert sum(part["readings"] for part in reported["sums"]) == reported["readings"]
        figure.co2e["as_reported"] = _co2e(reported["sums"], "as_reported", factors)
    return figure


def _counted(
    reading: Answer, amount: Answer, hour: datetime | None, zone: ZoneInfo
) -> Iterator[tuple[date, int, int]]:
    """The day, share and beginning of each part of a reading that counts, worked out from what was posted."""
    whole = int(amount["base_quantity"])
    conversion = amount["conversion"]
    exact = (
        Fraction(conversion["posted"])
        * int(conversion["base_units_per_unit"])
        * Fraction(conversion["correction"])
    )
    assert reading["posted"][conversion["field"]] == conversion["posted"]
    assert round(exact) == whole, (
        "an amount was rounded in another way"
    )  # `round` of a fraction is half to even
    assert Fraction(conversion["exact"]) == exact
    assert Fraction(conversion["rounding"]) == whole - exact
    parts = list((_hours if hour else _days)(reading, zone))
    shares = _split(whole, [length // MICROSECOND for _, length in parts])
    told = {share["hour" if hour else "day"]: share for share in amount["shares"]}
    assert reading["split_over"] == len(parts)
    for number, ((bucket, length), share) in enumerate(zip(parts, shares, strict=True)):
        if bucket.isoformat() not in told:
            continue
        said = told.pop(bucket.isoformat())
        assert int(said["base_quantity"]) == share, "a share is another"
        assert int(said["rounded_down"]) + said["extra"] == share
        if reading["end"] is not None:
            assert Fraction(said["seconds"]) == Fraction(length // MICROSECOND, 10**6)
        day = bucket.date() if isinstance(bucket, datetime) else bucket
        yield day, share, int(number == 0)
    assert not told, "a share of a day that the reading does not touch"


def _segment(sums: list[Answer], reading: Answer, day: date) -> int:
    """Which of the sums a share is in: that of its meter where the meter is apart."""
    apart = {(segment["category"], segment["meter"]) for segment in sums}
    meter = reading["meter"] if (reading["category"], reading["meter"]) in apart else None
    found = [
        place
        for place, segment in enumerate(sums)
        if (segment["category"], segment["flow"], segment["meter"])
        == (reading["category"], reading["flow"], meter)
        and segment["from"] <= day.isoformat() < segment["to"]
    ]
    assert len(found) == 1, f"a share is in {len(found)} sums"
    return found[0]


def _co2e(sums: list[Answer], view: str, factors: dict[int, Answer]) -> str | None:
    exact, known = Fraction(0), False
    for segment in sums:
        used = segment[view]
        if used is None:
            if int(segment["base_quantity"]):
                return None
            continue
        factor = factors[used["factor"]]
        assert (factor["category"], factor["base_unit"]) == (segment["category"], segment["base_unit"])
        assert factor["meter"] in (None, segment["meter"])
        days = (segment["from"], segment["to"]) if view != "constant" else (REFERENCE.isoformat(),) * 2
        assert factor["valid_from"] <= days[0] and days[1] <= factor["valid_to"], "a factor of other days"
        kilograms = (
            int(segment["base_quantity"]) * Fraction(factor["kg_co2e"]) / int(factor["base_units_per_unit"])
        )
        assert kilograms == Fraction(used["kg_co2e"])
        exact, known = exact + kilograms, True
    return decimal(exact, 3) if known else None


def decimal(value: Fraction, places: int) -> str:
    """A value rounded once, half to even."""
    scaled = round(value * 10**places)
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{places}}"


def _days(reading: Answer, zone: ZoneInfo) -> Iterator[tuple[date, timedelta]]:
    start, end = _instants(reading)
    day = start.astimezone(zone).date()
    while (lower := _midnight(day, zone)) < end:
        upper = _midnight(day + timedelta(days=1), zone)
        yield day, min(upper, end) - max(lower, start)
        day += timedelta(days=1)


def _hours(reading: Answer, zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    start, end = _instants(reading)
    midnight = _midnight(start.astimezone(zone).date(), zone)
    hour = midnight + (start - midnight) // HOUR * HOUR
    while hour < end:
        yield hour.astimezone(zone), min(hour + HOUR, end) - max(hour, start)
        hour += HOUR


def _instants(reading: Answer) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(reading["start"]).astimezone(UTC)
    if reading["end"] is None:
        return start, start + MICROSECOND
    return start, datetime.fromisoformat(reading["end"]).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _split(amount: int, lengths: list[int]) -> list[int]:
    exact = [Fraction(amount * length, sum(lengths)) for length in lengths]
    shares = [floor(part) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda index: (shares[index] - exact[index], index))
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares


Thing = tuple[str, str, str]


def follow_target(answer: Answer) -> dict[str, Fraction | None]:
    """Base, limit, budget to date, actual and drift of a target, from its amounts, path and definition."""
    target = answer["target"]
    definition, through = target["definition"], target["through"]
    amounts = {_key(row): _in_unit(row, target) for row in target["amounts"]}
    period = target["period"]
    parts, of = _streams(definition["parts"]), _streams(definition["of"])

    def measured(things: list[Thing], start: str, end: str) -> Fraction:
        return sum((amounts[*thing, start, end] for thing in things), Fraction(0))

    found: dict[str, Fraction | None] = dict.fromkeys(("base", "limit", "limit_now", "actual", "drift"))
    level = _level(definition["anchors"], int(period["from"][:4]))
    assert (None if target["level"] is None else Fraction(target["level"]["value"])) == level
    is_share = definition["kind"] in ("share_max", "share_min")
    if definition["kind"] == "reduction_vs_base":
        if target["exact"]["base"] is not None:
            year = definition["base_year"]
            given = definition["base_amount"]
            found["base"] = (
                Fraction(given)
                if given is not None
                else measured(parts, f"{year}-01-01", f"{year + 1}-01-01")
            )
            found["limit"] = None if level is None or not found["base"] else found["base"] * level / 100
    else:
        found["limit"] = level
    if through is None:
        return found
    if is_share:
        found["limit_now"] = level
        whole = measured(of, period["from"], through)
        found["actual"] = 100 * measured(parts, period["from"], through) / whole if whole else None
    else:
        found["actual"] = measured(parts, period["from"], through)
        found["limit_now"] = _budget(target, amounts, parts, found["limit"])
    if target["exact"]["drift"] is not None and found["limit_now"] and found["actual"] is not None:
        behind = found["actual"] - found["limit_now"]
        found["drift"] = (-behind if definition["kind"] == "share_min" else behind) / found["limit_now"]
    return found


def _budget(
    target: Answer, amounts: dict[Any, Fraction], parts: list[Thing], limit: Fraction | None
) -> Fraction | None:
    budget = target["budget"]
    if limit is None:
        return None
    if budget is None:
        return limit if target["through"] >= target["period"]["to"] else None
    sizes = {
        thing: sum(
            (amounts[*thing, f"{year}-01-01", f"{year + 1}-01-01"] for year in budget["sized_by"]),
            Fraction(0),
        )
        for thing in parts
    }
    allowed = Fraction(0)
    for stream in budget["streams"]:
        thing = stream["kind"], stream["category"], stream["flow"]
        part = sizes[thing] / sum(sizes.values())
        assert part == Fraction(stream["share_of_base"])
        season = _season(stream["season"], thing, amounts, target, budget["degree_days"])
        assert season == Fraction(stream["season"]["share"])
        assert limit * part * season == Fraction(stream["allowed"])
        allowed += limit * part * season
    return allowed


def _season(
    season: Answer,
    thing: Thing,
    amounts: dict[Any, Fraction],
    target: Answer,
    degree_days: dict[str, str] | None,
) -> Fraction:
    through = target["through"]
    if through >= target["period"]["to"]:
        return Fraction(1)
    if season["by_degree_days"]:
        assert degree_days is not None
        months = {int(month): Fraction(days) for month, days in degree_days.items()}
        day = date.fromisoformat(through)
        length = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - day.replace(day=1)).days
        before = sum((months[month] for month in range(1, day.month)), Fraction(0))
        return (before + months[day.month] * Fraction(day.day - 1, length)) / sum(months.values())
    shares = [
        amounts[*thing, f"{year['year']}-01-01", year["to"]]
        / amounts[*thing, f"{year['year']}-01-01", f"{year['year'] + 1}-01-01"]
        for year in season["years"]
    ]
    return sum(shares, Fraction(0)) / len(shares)


def _level(anchors: list[Answer], year: int) -> Fraction | None:
    points = [(anchor["year"], Fraction(anchor["value"])) for anchor in anchors]
    for (before, low), (after, high) in pairwise(points):
        if before <= year <= after:
            return low + (high - low) * Fraction(year - before, after - before)
    return next((value for point, value in points if point == year), None)


def _streams(parts: list[Answer]) -> list[Thing]:
    counted = [part for part in parts if not part["left_out"]]
    return list(
        dict.fromkeys(
            (part["kind"], category, part["flow"]) for part in counted for category in part["categories"]
        )
    )


def _key(row: Answer) -> tuple[str, ...]:
    return row["kind"], row["category"], row["flow"], row["from"], row["to"]


def _in_unit(row: Answer, target: Answer) -> Fraction:
    """An amount in the target's unit; of a share in base units."""
    quantity = Fraction(int(row["base_quantity"]))
    if target["definition"]["measure"] == "co2e":
        factors = {(factor["kind"], factor["category"]): factor for factor in target["factors"]}
        factor = factors.get((row["kind"], row["category"]))
        value = Fraction(0)
        if factor is not None:
            value = quantity * Fraction(factor["kg_co2e"]) / int(factor["base_units_per_unit"])
    else:
        value = quantity / int(target["base_units_per_unit"])
    assert value == Fraction(row["amount"])
    return value
