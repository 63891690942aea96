"""Odd but possible values: accepted and counted, and flagged so that whoever posted them looks again. Pure.

A reading is held against the newest readings of the same thing: of its source, or of its team where the
source has too few. Each rule answers the words of its flag, or None. How often each is wrong is measured in
`tests/bench`.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.calendar import DAY, HOUR
from schemas.measurement import Measurement

MOST_KEPT = 64
FEWEST = 5  # readings that make something usual
FAR = 1000
NEAR_FACTOR = 3  # a thousand times, give or take
RISING = {"moment": 16, "hour": 48, "day": 14, "month": 10, "longer": 10}
HARDLY = 10  # standings of a run differ by at most a tenth: a counter is far above what it counts in a run
EQUAL_DAYS = 7
FEW = 10  # of what is counted: so small numbers are often equal
_SPANS = {"hour": HOUR, "day": DAY + HOUR, "month": 31 * DAY + HOUR}
_LONG = ("month", "longer")
_COUNTED = frozenset({"piece", "1"})
_WITH_THOUSANDS = frozenset({"J", "mg"})
_MADE_UP = frozenset({"estimated", "calculated"})
_DAYS_APART = 20 * HOUR


class Series(NamedTuple):
    """What readings are compared within; `source` is empty for all of a team."""

    team: str
    source: str
    kind: str
    category: str
    flow: str
    site: str
    unit: str
    span: str
    meter: str


class Entry(NamedTuple):
    """A reading of a series: microseconds since 1970 (`end` equals `start` for a moment), base units.

    `odd`: the rule that flagged it, empty for none. `revision` of the measurement `id`.
    """

    start: int
    end: int
    amount: int
    id: str
    odd: str = ""


@dataclass
class Usual:
    """The newest readings of a series, by start."""

    entries: list[Entry] = field(default_factory=list)
    _amounts: list[int] | None = field(default=None, init=False, compare=False, repr=False)
    _seen: set[str] | None = field(default=None, init=False, compare=False, repr=False)

    def without(self, id_: str) -> "Usual":
        """The others, when a revision of a reading comes."""
        return Usual([entry for entry in self.entries if entry.id != id_])

    def add(self, entry: Entry) -> None:
        """Keep a reading among the newest."""
        amounts = self._amounts
        all_usual = amounts and len(amounts) == len(self.entries) and not self.entries[0].odd
        insort(self.entries, entry)
        dropped = self.entries[:-MOST_KEPT]
        del self.entries[:-MOST_KEPT]
        if amounts and all_usual and entry.amount and not entry.odd:  # no need to look at all of them again
            insort(amounts, entry.amount)
            for item in dropped:
                del amounts[bisect_left(amounts, item.amount)]
        else:
            self._amounts = None
        if self._seen is not None:
            self._seen.add(entry.id)

    def remove(self, id_: str) -> None:
        """Forget a reading that was corrected or taken back."""
        if self._seen is None:
            self._seen = {entry.id for entry in self.entries}
        if id_ in self._seen:  # mostly it is new
            self.entries = [entry for entry in self.entries if entry.id != id_]
            self._amounts = None

    @property
    def amounts(self) -> list[int]:
        """What counts as usual: without zeros and what is far from it, until most of the newest are so.

        In ascending order.
        """
        if self._amounts is None:  # several rules ask for the same
            usual = [entry.amount for entry in self.entries if entry.amount and entry.odd not in _FAR_RULES]
            if len(usual) < len(self.entries):
                odd = [entry.amount for entry in self.entries[-MOST_KEPT // 2 :] if entry.odd in _FAR_RULES]
                usual = odd if len(odd) > MOST_KEPT // 4 else usual
            self._amounts = sorted(usual)
        return self._amounts


@dataclass(frozen=True)
class Flag:
    """What is odd about a field of an event: by which rule, and the amount (base units) that is usual."""

    field: str
    rule: str
    nl: str
    en: str
    usual: int | None

    def as_dict(self) -> dict[str, Any]:
        """The object of the public contract."""
        what_to_do = {
            "nl": "Klopt het, bevestig het dan; klopt het niet, post dan de volgende revisie.",
            "en": "If it is right, confirm it; if not, post the next revision.",
        }
        return {
            "field": self.field,
            "rule": self.rule,
            "reason": {"nl": self.nl, "en": self.en},
            "usual": None if self.usual is None else str(self.usual),
            "what_to_do": what_to_do,
        }


Words = tuple[str, str]
Rule = Callable[[Series, Entry, str, Usual], Words | None]


def unit_of_another_size(series: Series, entry: Entry, _method: str, usual: Usual) -> Words | None:
    """About a thousand times more or less than usual, where units are a thousand apart: kg posted as t."""
    amounts = usual.amounts
    if series.unit not in _WITH_THOUSANDS or len(amounts) < FEWEST or not entry.amount:
        return None
    low, middle, high = amounts[0], _middle(amounts), amounts[-1]
    more = FAR * middle <= entry.amount * NEAR_FACTOR and entry.amount <= NEAR_FACTOR * FAR * middle
    less = middle <= entry.amount * FAR * NEAR_FACTOR and entry.amount * FAR <= NEAR_FACTOR * middle
    if more and entry.amount > NEAR_FACTOR * high:
        return (
            "ongeveer duizend keer wat gebruikelijk is: is het in kg of kWh gemeten, en als t of MWh gepost?",
            "about a thousand times what is usual: was it measured in kg or kWh, and posted as t or MWh?",
        )
    if less and entry.amount * NEAR_FACTOR < low:
        return (
            "ongeveer een duizendste van wat gebruikelijk is: gemeten in t of MWh, gepost als kg of kWh?",
            "about a thousandth of what is usual: was it measured in t or MWh, and posted as kg or kWh?",
        )
    return None


def far_above_usual(_series: Series, entry: Entry, _method: str, usual: Usual) -> Words | None:
    """At least a thousand times what is usual."""
    amounts = usual.amounts
    if len(amounts) < FEWEST:
        return None
    if entry.amount < FAR * _middle(amounts) or entry.amount <= NEAR_FACTOR * amounts[-1]:
        return None
    return "minstens duizend keer wat gebruikelijk is", "at least a thousand times what is usual"


def counter_as_amount(series: Series, entry: Entry, _method: str, usual: Usual) -> Words | None:
    """Reading after reading a little higher, as a counter is: its standing is not what was used.

    What grows steadily grows by more than a tenth in so many readings.
    """
    length = RISING[series.span]
    last = usual.entries[-(length - 1) :]
    if len(last) < length - 1 or last[-1].start >= entry.start:
        return None
    # Most readings are done with here, before all of the run is looked at.
    if last[-1].amount > entry.amount or (entry.amount - last[0].amount) * HARDLY > last[0].amount:
        return None
    run = [*last, entry]
    rises = sum(after.amount > before.amount for before, after in pairwise(run))
    falls = any(after.amount < before.amount for before, after in pairwise(run))
    if falls or rises < length // 2 or any(item.odd for item in last):
        return None
    return (
        f"{length} metingen op rij niet lager dan de vorige: is dit een tellerstand?",
        f"{length} readings in a row, none lower than the one before: is this a counter and not an amount?",
    )


def same_period_again(series: Series, entry: Entry, _method: str, usual: Usual) -> Words | None:
    """A month or longer that was posted before under another id, where one id for each is usual."""
    if series.span not in _LONG:
        return None
    # What was flagged itself says nothing of what is usual: else only the first of many would be flagged.
    periods = [(item.start, item.end) for item in usual.entries if item.odd != "same-period"]
    if (entry.start, entry.end) not in periods or len(set(periods)) < len(periods):
        return None
    return (
        "deze periode is al gepost onder een ander id: telt het nu dubbel?",
        "this period was posted before under another id: does it count twice now?",
    )


def every_day_equal(series: Series, entry: Entry, method: str, usual: Usual) -> Words | None:
    """The very same amount day after day, although it is said to be measured."""
    if series.span not in ("day", "moment") or method in _MADE_UP or not entry.amount:
        return None
    if series.unit == "cent" or (series.unit in _COUNTED and entry.amount < FEW):  # a price is not measured
        return None
    last = usual.entries[-(EQUAL_DAYS - 1) :]
    if len(last) < EQUAL_DAYS - 1 or any(item.odd or item.amount != entry.amount for item in last):
        return None
    if any(after.start - before.start < _DAYS_APART for before, after in pairwise([*last, entry])):
        return None
    return (
        f"{EQUAL_DAYS} dagen op rij precies hetzelfde: is het gemeten, of ingevuld?",
        f"exactly the same for {EQUAL_DAYS} days in a row: was it measured, or filled in?",
    )


RULES: dict[str, Rule] = {
    "unit": unit_of_another_size,
    "far-above-usual": far_above_usual,
    "counter": counter_as_amount,
    "same-period": same_period_again,
    "equal-days": every_day_equal,
}
_FAR_RULES = frozenset({"unit", "far-above-usual"})
_OF_A_TEAM = _FAR_RULES  # rules that hold for all sources of a team together


def readings_of(measurement: Measurement) -> list[tuple[Series, Entry]]:
    """Each amount of a measurement as a reading of its source's series; of a retraction none."""
    start, end = measurement.start, measurement.end
    if start is None:
        return []
    return [
        (
            Series(
                measurement.team,
                measurement.source,
                measurement.kind,
                measurement.category or "",
                measurement.flow or "",
                measurement.site or "",
                unit,
                _span(start, end),
                measurement.meter or "",
            ),
            Entry(start, start if end is None else end, amount, measurement.id),
        )
        for unit, amount in measurement.amounts()
    ]


def of_team(series: Series) -> Series:
    """The series of all sources of its team."""
    team, _, kind, category, flow, site, unit, span, _ = series
    return Series(team, "", kind, category, flow, site, unit, span, "")  # a fourth of the time of _replace


def flags_of(series: Series, entry: Entry, method: str, own: Usual, team: Usual) -> Flag | None:
    """What is odd about a reading, by the first rule that says so; `own` and `team` are without it."""
    for name, rule in RULES.items():
        usual = team if name in _OF_A_TEAM and len(own.amounts) < FEWEST else own
        if words := rule(series, entry, method, usual):
            return Flag(_field(series), name, *words, _middle(usual.amounts) if usual.amounts else None)
    return None


def _middle(amounts: Sequence[int]) -> int:
    """The median of amounts in ascending order; of two in the middle the lower."""
    return amounts[(len(amounts) - 1) // 2]


def _field(series: Series) -> str:
    if series.unit == "cent":
        return "data.cost_eur"
    if series.unit == "piece":
        return "data.pieces"
    return "data.mass" if series.kind == "medication-waste" else "data.quantity"


def _span(start: int, end: int | None) -> str:
    if end is None:
        return "moment"
    return next((name for name, longest in _SPANS.items() if end - start <= longest), "longer")
