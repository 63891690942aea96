"""How often each rule for odd values is wrong: `python -m tests.bench.odd_values FILE` writes the figures.

False alarms are counted on a real meter, as its quarter-hours, hours, days and months. Hits are counted on
errors that were put into the same readings by a fixed seed: they are made up, and labelled so.
"""

import csv
import json
import random
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.calendar import to_microseconds
from schemas.odd_values import EQUAL_DAYS, MOST_KEPT, RISING, Entry, Series, Usual, flags_of

FIGURES = Path(__file__).with_suffix(".json")
SEED = 20261122
TRIES = 40
QUARTER = 900_000_000
_LENGTH = {"quarter-hour": 13, "hour": 13, "day": 10, "month": 7}  # of the text of a moment that names it

Readings = list[Entry]


def readings_of_file(path: Path) -> dict[str, Readings]:
    """The real readings by their length, in J; without gaps and feed-in; the unit is taken as MW."""
    sums: dict[str, defaultdict[str, list[int]]] = {name: defaultdict(list) for name in _LENGTH}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["load"] or float(row["load"]) < 0:
                continue
            text = row["time_utc"]
            start = to_microseconds(datetime.fromisoformat(text))
            joules = round(float(row["load"]) * 1_000_000 * 900)
            for name, length in _LENGTH.items():
                sums[name][text if name == "quarter-hour" else text[:length]] += [start, joules]
    return {
        name: [
            Entry(found[0], found[-2] + QUARTER, sum(found[1::2]), key)
            for key, found in sorted(parts.items())
        ]
        for name, parts in sums.items()
    }


def flagged(name: str, readings: Readings) -> list[tuple[int, str]]:
    """The places of flags, each with its rule, when readings come one after another."""
    span = "hour" if name == "quarter-hour" else name
    series = Series("team", "/meter", "energy", "electricity", "use", "main", "J", span, "")
    usual, found = Usual(), []
    for place, entry in enumerate(readings):
        flag = flags_of(series, entry, "metered", usual, Usual())
        if flag is not None:
            found.append((place, flag.rule))
            entry = entry._replace(odd=flag.rule)
        usual.add(entry)
    return found


def measure(path: Path) -> dict[str, Any]:
    """False alarms by length and rule on the real readings; hits of each rule on seeded errors."""
    real = readings_of_file(path)
    choose = random.Random(SEED)  # noqa: S311 no secret
    return {
        "real readings": {
            name: {
                "readings": len(readings),
                "false alarms": dict(Counter(rule for _, rule in flagged(name, readings))),
            }
            for name, readings in real.items()
        },
        "seeded errors (made up)": {
            "one reading 1000 times too large": _hits(
                real, choose, {"unit", "far-above-usual"}, _times(1000)
            ),
            "one reading 1000 times too small": _hits(real, choose, {"unit"}, _times(0.001)),
            "one reading 100,000 times too large": _hits(real, choose, {"far-above-usual"}, _times(100_000)),
            "a counter's standings": _hits(real, choose, {"counter"}, _counter),
            "days that are all equal": _hits(real, choose, {"equal-days"}, _equal, ("day",)),
            "a month under a new id": _hits(real, choose, {"same-period"}, _again, ("month",)),
        },
    }


def _hits(
    real: dict[str, Readings],
    choose: random.Random,
    rules: set[str],
    seed: Any,
    names: tuple[str, ...] = ("quarter-hour", "hour", "day"),
) -> dict[str, str]:
    hits = {}
    for name in names:
        found = tries = 0
        for _ in range(TRIES):
            first = choose.randrange(len(real[name]))
            around = real[name][max(0, first - MOST_KEPT) : first + MOST_KEPT]
            wrong, places = seed(name, list(around), min(first, MOST_KEPT))
            if places:
                tries += 1
                found += any(place in places and rule in rules for place, rule in flagged(name, wrong))
        hits[name] = f"{found} of {tries}"
    return hits


def _times(factor: float) -> Any:
    def seed(_name: str, readings: Readings, place: int) -> tuple[Readings, range]:
        entry = readings[place]
        readings[place] = entry._replace(amount=round(entry.amount * factor))
        return readings, range(place, place + 1)

    return seed


def _counter(name: str, readings: Readings, place: int) -> tuple[Readings, range]:
    """From the first reading on the standing of a counter instead of what was used."""
    readings = readings[place:]
    length = RISING["hour" if name == "quarter-hour" else name]
    standing = 1000 * max(entry.amount for entry in readings)
    for number in range(len(readings)):
        standing += readings[number].amount
        readings[number] = readings[number]._replace(amount=standing)
    return readings, range(len(readings)) if len(readings) >= length else range(0)


def _equal(_name: str, readings: Readings, place: int) -> tuple[Readings, range]:
    last = place + EQUAL_DAYS
    for number in range(place, min(last, len(readings))):
        readings[number] = readings[number]._replace(amount=readings[place].amount)
    return readings, range(place, last) if last <= len(readings) else range(0)


def _again(_name: str, readings: Readings, place: int) -> tuple[Readings, range]:
    again = readings[place]._replace(id="again")
    return [*readings, again], range(len(readings), len(readings) + 1)


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(measure(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
