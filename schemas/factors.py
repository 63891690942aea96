"""Emission factors: kg CO2e per unit, each with its validity, basis, source and how sure it is.

A factor interprets a quantity when it is read; it is never stored with one. The data file groups factors in
yearly lists; a list is valid for its calendar year and is not stretched.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.catalogue import UNITS, Certainty, base_units, category_names, load

Chain = Literal["wtw", "ttw"]
Market = Literal["location", "market", "any"]
Purpose = Literal["footprint", "transport", "process", "avoided", "avoided-production", "ar4-gwp100", "gwp20"]

REFERENCE_YEAR = 2023

_GWP_OF_PURPOSE = {"ar4-gwp100": "AR4 GWP100", "gwp20": "GWP20, edition not named"}


class Factor(BaseModel):
    """kg CO2e for one `unit` of a category.

    `chain`: the whole chain (wtw) or direct emissions only (ttw). `market`: the basis on which it counts;
    `any` for all. `purpose`: totals use `footprint` only; the others stand apart, never added to it or to
    each other. Valid on days in [valid_from, valid_to), known since `recorded`. `gwp`: assessment report and
    horizon where the category is a gas. `biogenic`: kg CO2 from biomass per unit, reported apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    category: str
    unit: str
    kg_co2e: Decimal
    chain: Chain
    market: Market = "any"
    purpose: Purpose = "footprint"
    valid_from: date
    valid_to: date
    recorded: date
    gwp: str | None = None
    biogenic: Decimal | None = None
    source: str
    row: str = ""
    certainty: Certainty
    note: str = ""

    @property
    def base_unit(self) -> str:
        """The base unit of `unit`, in which quantities are kept."""
        return UNITS[self.unit].base_unit

    @property
    def per_unit(self) -> int:
        """Base units in one `unit`: kg CO2e of a quantity = base quantity x kg_co2e / per_unit."""
        return UNITS[self.unit].per_unit

    def overlaps(self, other: "Factor") -> bool:
        """Whether both claim to be the factor of the same thing on the same day."""
        return (
            (self.kind, self.category, self.chain, self.purpose)
            == (other.kind, other.category, other.chain, other.purpose)
            and (self.market == other.market or "any" in (self.market, other.market))
            and self.valid_from < other.valid_to
            and other.valid_from < self.valid_to
        )


class _Edition(BaseModel):
    """A yearly list in the data file: what its factors have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    certainty: Certainty
    valid_from: date
    valid_to: date
    recorded: date


class _Row(BaseModel):
    """A row of the data file: the factors of one or more categories, for each chain and purpose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edition: str
    row: str = ""
    kind: str
    categories: tuple[str, ...]
    unit: str
    market: Market = "any"
    kg_co2e: dict[Chain, Decimal] = Field(default_factory=dict)
    apart: dict[Purpose, Decimal] = Field(default_factory=dict)
    biogenic: Decimal | None = None
    gwp: str | None = None
    source: str | None = None
    certainty: Certainty | None = None
    note: str = ""

    def factors(self, edition: _Edition) -> Iterator[Factor]:
        """Every factor of this row."""
        common: dict[str, Any] = {
            **edition.model_dump(),
            **self.model_dump(include={"kind", "unit", "market", "row", "note"}),
            **self.model_dump(include={"source", "certainty"}, exclude_none=True),
        }
        for category in self.categories:
            common["category"] = category
            for chain, value in self.kg_co2e.items():
                yield Factor(**common, chain=chain, kg_co2e=value, gwp=self.gwp, biogenic=self.biogenic)
            for purpose, value in self.apart.items():
                gwp = _GWP_OF_PURPOSE.get(purpose)
                yield Factor(**common, chain="wtw", purpose=purpose, kg_co2e=value, gwp=gwp)


def checked(factors: Iterable[Factor]) -> tuple[Factor, ...]:
    """The factors; ValueError when one contradicts the catalogue or another one."""
    by_category: dict[tuple[str, str], list[Factor]] = {}
    for factor in factors:
        if factor.category not in category_names(factor.kind):
            raise ValueError(f"there is no {factor.kind} category {factor.category!r}")
        if UNITS[factor.unit].base_unit not in base_units(factor.kind, factor.category):
            raise ValueError(f"{factor.kind} {factor.category} is not counted in {factor.unit}")
        if factor.valid_from >= factor.valid_to:
            raise ValueError(f"the factor of {factor.kind} {factor.category} is valid on no day")
        by_category.setdefault((factor.kind, factor.category), []).append(factor)
    for same in by_category.values():
        for one, other in combinations(same, 2):
            if one.overlaps(other):
                raise ValueError(
                    f"two {one.purpose} factors of {one.kind} {one.category} ({one.chain}, {one.market} and "
                    f"{other.market}) are valid on {max(one.valid_from, other.valid_from)}"
                )
    return tuple(factor for same in by_category.values() for factor in same)


def factor_on(
    factors: Iterable[Factor], kind: str, category: str, day: date, chain: str, market: str
) -> Factor | None:
    """The footprint factor of a category on a local day, or None: a missing factor is never a guess."""
    for factor in factors:
        if (
            (factor.kind, factor.category, factor.chain) == (kind, category, chain)
            and factor.purpose == "footprint"
            and factor.market in (market, "any")
            and factor.valid_from <= day < factor.valid_to
        ):
            return factor
    return None


def _read(document: dict[str, Any]) -> Iterator[Factor]:
    editions = {name: _Edition(**entry) for name, entry in document["edition"].items()}
    for entry in document["factor"]:
        row = _Row(**entry)
        yield from row.factors(editions[row.edition])


FACTORS: Sequence[Factor] = checked(_read(load("factors")))
