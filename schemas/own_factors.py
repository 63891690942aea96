"""An organisation's own emission factor: its supplier's of heat or power, for some meters or for all."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from schemas.amounts import read_amount
from schemas.catalogue import KINDS, UNITS, Certainty, base_units, category_names
from schemas.factor_versions import FactorVersion
from schemas.privacy import refuse_email
from schemas.problems import Problem, Refusal, did_you_mean, excerpt, unknown

OwnMarket = Literal["location", "market", "both"]

LONGEST_DAYS = 3660
MARKETS: Mapping[OwnMarket, tuple[str, ...]] = {
    "location": ("location",),
    "market": ("market",),
    "both": ("location", "market"),
}

_FIRST = date(2000, 1, 1)
_METER = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def read_kilograms(value: object) -> Decimal:
    """kg CO2e for one unit, exact; raises `Refusal`."""
    if isinstance(value, Decimal):
        return value
    try:
        return Decimal(str(read_amount(value)))
    except Refusal as refusal:
        # What a negative amount may mean instead is of measurements.
        negative = str(value).strip().startswith(("-", "\N{MINUS SIGN}"))
        hint = (
            "a factor is of what is emitted: avoided emissions are not taken off"
            if negative
            else refusal.hint
        )
        raise Refusal(refusal.problem, "kg CO2e for one unit, from 0, like 25.1", hint) from None


def read_day(value: object) -> date:
    """A day from 2000 on; raises `Refusal`."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = str(value)
    if type(value) is not date:
        raise Refusal(f"{excerpt(value)} is not a date", "a date like 2026-01-01")
    if value < _FIRST:
        raise Refusal(f"{value} is too early", f"from {_FIRST}")
    return value


def _meter(value: object) -> str:
    if not isinstance(value, str) or not _METER.fullmatch(value):
        raise Refusal(f"{excerpt(value)} is not a meter", "the `meter` of its readings, 1 to 128 characters")
    return value


def _text(value: str) -> str:
    refuse_email(value)
    return value


Kilograms = Annotated[Decimal, BeforeValidator(read_kilograms)]
Day = Annotated[date, BeforeValidator(read_day)]
MeterName = Annotated[str, PlainValidator(_meter), WithJsonSchema({"type": "string"})]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), AfterValidator(_text)]


class OwnFactor(BaseModel):
    """kg CO2e for one `unit` of a category over days in [`valid_from`, `valid_to`).

    `wtw`: of the whole chain, `ttw`: direct emissions only; at least one. `market`: the basis on which it
    counts; unset: both, and for electricity `market`, because a supplier's label plays no part in the grid
    mix. `meters`: only for readings of these, none: for all. `withdrawn`: a mistake, which holds no longer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = "energy"
    category: str
    unit: str
    wtw: Kilograms | None = None
    ttw: Kilograms | None = None
    market: OwnMarket | None = None
    valid_from: Day
    valid_to: Day
    meters: tuple[MeterName, ...] = ()
    source: Words = Field(min_length=1)
    certainty: Certainty = "seen"
    note: Words = ""
    withdrawn: bool = False

    @property
    def markets(self) -> tuple[str, ...]:
        """The bases on which it counts."""
        return MARKETS[self.market or ("market" if self.category == "electricity" else "both")]

    def problems(self) -> list[Problem]:
        """What does not go together, by field."""
        if self.kind not in KINDS:
            return [unknown("kind", self.kind, dict.fromkeys(KINDS))]
        found = []
        categories = category_names(self.kind)
        if self.category not in categories:
            found.append(unknown("category", self.category, categories, longest=60))
        elif self.unit not in (units := units_of(self.kind, self.category)):
            hint = did_you_mean(self.unit, units)
            found.append(Problem("unit", f"{self.unit!r} is no unit of it", ", ".join(units), hint))
        if self.wtw is None and self.ttw is None:
            found.append(Problem("wtw", "is missing", "wtw (whole chain), ttw (direct only) or both"))
        if self.wtw is not None and self.ttw is not None and self.ttw > self.wtw:
            hint = "are the two exchanged?"
            found.append(Problem("ttw", f"{self.ttw} is more than wtw, of which it is a part", None, hint))
        if self.valid_to <= self.valid_from:
            hint = "it is the first day without it: [valid_from, valid_to)"
            found.append(Problem("valid_to", "is not after valid_from", hint=hint))
        elif self.valid_to - self.valid_from > timedelta(days=LONGEST_DAYS):
            found.append(Problem("valid_to", "is more than ten years after valid_from"))
        if self.meters and self.kind != "energy":
            found.append(Problem("meters", f"{self.kind} has no meters", hint="leave it out"))
        if len(set(self.meters)) < len(self.meters):
            found.append(Problem("meters", "names one twice"))
        return found

    def versions(self) -> list[FactorVersion]:
        """What is recorded of it: nothing when it is withdrawn."""
        common: dict[str, Any] = self.model_dump(
            include={"kind", "category", "unit", "valid_from", "valid_to", "source", "certainty", "note"}
        )
        return [
            FactorVersion(**common, kg_co2e=value, chain=chain, market=market, layer="own", meter=meter)
            for chain, value in (("wtw", self.wtw), ("ttw", self.ttw))
            if value is not None and not self.withdrawn
            for market in self.markets
            for meter in self.meters or (None,)
        ]


def units_of(kind: str, category: str) -> list[str]:
    """The units that a factor of a category may be for."""
    bases = base_units(kind, category)
    return [symbol for symbol, unit in UNITS.items() if unit.base_unit in bases and not unit.as_read]


def factor_problems(factors: Mapping[str, OwnFactor]) -> list[Problem]:
    """What is wrong with an organisation's factors: each by itself, and two that hold on the same day."""
    found = []
    for slug, entry in factors.items():
        found += [
            Problem(f"factors.{slug}.{item.field}", item.problem, item.allowed, item.hint)
            for item in entry.problems()
        ]
    if found:
        return found
    seen: dict[object, list[tuple[str, FactorVersion]]] = {}
    for slug, entry in factors.items():
        for version in entry.versions():
            same = seen.setdefault(version.thing, [])
            twins = [
                other
                for other, there in same
                if there.valid_from < version.valid_to and version.valid_from < there.valid_to
            ]
            if twins and twins[0] != slug:
                problem = f"holds on days on which factors.{twins[0]} holds for the same"
                hint = "end that one where this one begins"
                item = Problem(f"factors.{slug}.valid_from", problem, hint=hint)
                found += [item] if item not in found else []
            same.append((slug, version))
    return found
