"""The catalogues: units, energy carriers, waste streams, containers, reasons, indicators.

Every list is a data file in `schemas/catalogue/`, read once. Catalogues only grow: a slug is never renamed.
A `certainty` says how sure an entry is: `seen` in its source, `computed` from seen figures, `background`
knowledge that was not verified, `unknown`.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

KINDS = ("energy", "waste", "food-waste", "medication-waste", "activity")

Certainty = Literal["seen", "computed", "background", "unknown"]

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
SLUG_RULE = "1 to 63 lower-case letters, digits and hyphens, like verpleging-a4"

Slug = Annotated[str, Field(pattern=SLUG)]


class Origin(BaseModel):
    """Where a data file comes from: its head."""

    model_config = ConfigDict(frozen=True)

    source: str
    date: date
    terms: str
    note: str = ""


class Entry(BaseModel):
    """Something with a slug that never changes and the names that people see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: Slug
    nl: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Unit(BaseModel):
    """A unit that may be posted; one of it is `per_unit` whole base units.

    `as_read`: the amount is what the meter shows and needs that meter's correction before it counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    base_unit: str
    per_unit: int = Field(gt=0)
    as_read: bool = False
    nl: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Carrier(Entry):
    """A carrier of energy; `units` are the ones it may be posted in, the usual one first."""

    base_unit: str
    display_unit: str
    units: tuple[str, ...]
    source: str
    date: date


class Treatment(Entry):
    """What happens to a waste stream; `r_rung` is None where no rung of the R-ladder is claimed."""

    r_rung: str | None = Field(default=None, pattern=r"^R[0-9]$")
    certainty: Certainty
    note: str = ""


class Container(Entry):
    """A standard container."""


class Stream(Entry):
    """A waste stream.

    `ewc`: code of the European waste list ("18 01 03*", the asterisk for hazardous). `r_rung`: rung of the
    R-ladder `r_scheme` that its treatment is on. `unsorted`: counts as unsorted residual waste for the Green
    Deal target. `containers`: the containers it may be counted in, each with its standard net mass in mg.
    """

    ewc: str = Field(pattern=r"^[0-9]{2} [0-9]{2} [0-9]{2}\*?$")
    hazardous: bool
    treatment: str
    r_scheme: str
    r_rung: str | None
    unsorted: bool = False
    containers: Mapping[str, int] = Field(default_factory=dict)
    source: str
    date: date
    certainty: Certainty
    note: str = ""


class FoodReason(Entry):
    """A usual reason for wasting food, suggested at some stages; a posted reason is free text."""

    stages: tuple[str, ...]


class Indicator(Entry):
    """An activity or a quantity beside the four kinds of waste and energy; `whole`: no fractions."""

    unit: str
    base_unit: str
    whole: bool


_E = TypeVar("_E", bound=Entry)


def load(name: str) -> dict[str, Any]:
    """One data file of `schemas/catalogue/`, as parsed TOML."""
    return tomllib.loads((resources.files("schemas") / "catalogue" / f"{name}.toml").read_text("utf-8"))


def _keyed(entries: Iterable[_E]) -> dict[str, _E]:
    keyed: dict[str, _E] = {}
    for entry in entries:
        if entry.slug in keyed:
            raise ValueError(f"the catalogue has {entry.slug!r} twice")
        keyed[entry.slug] = entry
    return keyed


def _carriers(document: dict[str, Any]) -> dict[str, Carrier]:
    inherited = {"source": document["source"], "date": document["date"]}
    return _keyed(Carrier(**{**inherited, **entry}) for entry in document["carrier"])


def _streams(document: dict[str, Any]) -> dict[str, Stream]:
    def stream(entry: dict[str, Any]) -> Stream:
        kilograms = entry.pop("containers", {})
        return Stream(
            **{"date": document["date"], **entry},
            r_scheme=document["r_scheme"],
            r_rung=TREATMENTS[entry["treatment"]].r_rung,
            containers={CONTAINERS[slug].slug: _milligrams(mass) for slug, mass in kilograms.items()},
        )

    return _keyed(stream(entry) for entry in document["stream"])


def _milligrams(kilograms: str) -> int:
    mass = Decimal(kilograms) * UNITS["kg"].per_unit
    if mass <= 0 or mass != int(mass):
        raise ValueError(f"{kilograms} kg is not a whole, positive number of milligrams")
    return int(mass)


def _indicator(entry: dict[str, Any]) -> Indicator:
    base_unit = UNITS[entry["unit"]].base_unit
    return Indicator(**entry, base_unit=base_unit, whole=base_unit == "1")


_FILES = {
    name: load(name)
    for name in ("units", "carriers", "containers", "streams", "food", "medication", "indicators")
}

ORIGINS: Mapping[str, Origin] = {name: Origin(**document) for name, document in _FILES.items()}
UNITS: Mapping[str, Unit] = {entry["symbol"]: Unit(**entry) for entry in _FILES["units"]["unit"]}
CARRIERS: Mapping[str, Carrier] = _carriers(_FILES["carriers"])
TREATMENTS: Mapping[str, Treatment] = _keyed(Treatment(**entry) for entry in _FILES["streams"]["treatment"])
CONTAINERS: Mapping[str, Container] = _keyed(
    Container(**entry) for entry in _FILES["containers"]["container"]
)
STREAMS: Mapping[str, Stream] = _streams(_FILES["streams"])
FOOD_STAGES: Mapping[str, Entry] = _keyed(Entry(**entry) for entry in _FILES["food"]["stage"])
FOOD_REASONS: Mapping[str, FoodReason] = _keyed(FoodReason(**entry) for entry in _FILES["food"]["reason"])
MEDICATION_REASONS: Mapping[str, Entry] = _keyed(Entry(**entry) for entry in _FILES["medication"]["reason"])
INDICATORS: Mapping[str, Indicator] = _keyed(_indicator(entry) for entry in _FILES["indicators"]["indicator"])

_CATEGORIES: Mapping[str, Mapping[str, Entry]] = {
    "energy": CARRIERS,
    "waste": STREAMS,
    "food-waste": FOOD_STAGES,
    "medication-waste": MEDICATION_REASONS,
    "activity": INDICATORS,
}

# A spelling in small letters is only safe to recognise because no two symbols differ in case alone.
_SPELLINGS: Mapping[str, str] = {symbol.casefold(): symbol for symbol in UNITS} | _FILES["units"]["spellings"]
_MISTAKES: Mapping[str, str] = _FILES["units"]["mistakes"]


def category_names(kind: str) -> Mapping[str, Entry]:
    """The categories of a kind by slug, each with its names; KeyError for a kind that is none."""
    return _CATEGORIES[kind]


def base_units(kind: str, category: str) -> tuple[str, ...]:
    """The base units that a category is counted in, beside `cent`, which every kind may have."""
    if kind == "energy":
        return (CARRIERS[category].base_unit,)
    if kind == "activity":
        return (INDICATORS[category].base_unit,)
    return ("piece", "mg") if kind == "medication-waste" else ("mg",)


def unit_hint(text: str, allowed: Sequence[str]) -> str | None:
    """One sentence for somebody who wrote `text` where one of the `allowed` units belongs.

    None when nothing is known about what was written.
    """
    written = " ".join(text.casefold().split())
    if written in _MISTAKES:
        return _MISTAKES[written]
    meant = UNITS.get(text) or UNITS.get(_SPELLINGS.get(written, ""))
    if meant is None:
        return None
    if meant.symbol in allowed:
        return f'Write "{meant.symbol}" for {meant.en}.'
    return f'"{meant.symbol}" ({meant.en}) cannot be used here; write one of: {", ".join(allowed)}.'
