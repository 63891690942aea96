"""Versions of emission factors, and which of them counts. Pure.

A version is recorded once and never changed. What an organisation's file says of factors becomes versions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.catalogue import UNITS

if TYPE_CHECKING:
    from schemas.own_factors import OwnFactor

Layer = Literal["list", "own"]


class Thing(NamedTuple):
    """What a factor is of: on each day and in each layer one of its versions counts."""

    kind: str
    category: str
    base_unit: str
    chain: str
    market: str
    layer: Layer
    meter: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorVersion:
    """What is recorded of one factor: kg CO2e for one `unit` on the days in [`valid_from`, `valid_to`).

    `market`: location or market; a factor of both is two versions. `published`: when its source gave it out,
    None for the day it is recorded. `layer`: the list's, or the organisation's own, which goes before it;
    with a `meter` that meter's, which goes before both. `withdrawn`: this layer has none any more on those
    days. `repeats`: the number of the version that counts again in this one: its correction was withdrawn.
    """

    kind: str
    category: str
    unit: str
    kg_co2e: Decimal
    chain: str
    market: str
    valid_from: date
    valid_to: date
    source: str
    certainty: str
    published: date | None = None
    layer: Layer = "list"
    meter: str | None = None
    withdrawn: bool = False
    repeats: int | None = None
    note: str = ""

    @property
    def thing(self) -> Thing:
        """What it is a factor of."""
        base_unit = UNITS[self.unit].base_unit
        return Thing(self.kind, self.category, base_unit, self.chain, self.market, self.layer, self.meter)

    def says_the_same_as(self, other: "FactorVersion") -> bool:
        """Whether both give the same amount the same CO2e; of a day on which both hold."""
        return (
            self.thing == other.thing
            and self.withdrawn == other.withdrawn
            and self.kg_co2e * UNITS[other.unit].per_unit == other.kg_co2e * UNITS[self.unit].per_unit
        )


@dataclass(frozen=True, slots=True)
class RecordedFactor:
    """A version as it is in the database: its number, since when it is known, and who recorded it."""

    factor_no: int
    recorded_at: datetime
    recorded_by: str
    version: FactorVersion


class Period(NamedTuple):
    """Days in [`start`, `end`) and the version that counts on them: None where there is none."""

    start: date
    end: date
    recorded: RecordedFactor | None

    @property
    def version(self) -> FactorVersion | None:
        """What holds: nothing where the newest version is withdrawn."""
        if self.recorded is None or self.recorded.version.withdrawn:
            return None
        return self.recorded.version


def periods(recorded: Iterable[RecordedFactor], start: date, end: date) -> list[Period]:
    """Which version of one thing counts on the days in [`start`, `end`): the database's rule, for one layer.

    Of those that hold on a day the one published last, then the one recorded last.
    """
    touching = [item for item in recorded if item.version.valid_from < end and start < item.version.valid_to]
    edges = {start, end}
    for item in touching:
        edges |= {max(item.version.valid_from, start), min(item.version.valid_to, end)}
    days = sorted(edges)
    found: list[Period] = []
    for first, last in pairwise(days):
        holding = [item for item in touching if item.version.valid_from <= first < item.version.valid_to]
        newest = max(holding, key=_rank, default=None)
        if found and found[-1].recorded == newest:
            found[-1] = found[-1]._replace(end=last)
        else:
            found.append(Period(first, last, newest))
    return found


def withdrawal(
    recorded: Iterable[RecordedFactor], item: RecordedFactor, start: date, end: date
) -> list[FactorVersion]:
    """What has to be recorded so that `item`, of the same thing, never was on the days in [`start`, `end`).

    What it corrected is repeated; where that is nothing, its layer has none. What a repetition repeats is
    withdrawn with it, so that withdrawing again goes on to what was before that, and not back to a mistake.
    """
    same = {other.factor_no: other for other in recorded}
    gone = same[item.version.repeats or item.factor_no]
    before = [other for other in same.values() if _rank(other) < _rank(gone)]
    found = []
    for period in periods(before, start, end):
        if period.recorded is None or period.version is None:
            after = replace(item.version, withdrawn=True, repeats=None)
        else:
            after = replace(period.version, repeats=period.version.repeats or period.recorded.factor_no)
        found.append(replace(after, valid_from=period.start, valid_to=period.end))
    return found


def _rank(item: RecordedFactor) -> tuple[date, datetime, int]:
    return item.version.published or item.recorded_at.date(), item.recorded_at, item.factor_no


def file_changes(
    before: Mapping[str, "OwnFactor"], after: Mapping[str, "OwnFactor"]
) -> Sequence[FactorVersion]:
    """What has to be recorded when the factors of an organisation's file change.

    What no longer holds is withdrawn, then what is new is recorded; nothing for an entry that stays the same.
    """
    old = [version for entry in before.values() for version in entry.versions()]
    new = [version for entry in after.values() for version in entry.versions()]
    gone = [version for version in old if version not in new and not _is_replaced(version, new)]
    return [
        *(replace(version, withdrawn=True, published=None) for version in gone),
        *(version for version in new if version not in old),
    ]


def _is_replaced(version: FactorVersion, new: Sequence[FactorVersion]) -> bool:
    return any(
        (version.thing, version.valid_from, version.valid_to)
        == (other.thing, other.valid_from, other.valid_to)
        for other in new
    )
