"""The official list of emission factors (CO2emissiefactoren.nl), as its export in a spreadsheet.

Every row of every sheet gets one outcome. What is not understood is reported with its sheet, row and reason,
never guessed: a heading, a unit or a cell that is not known, a total that is not the sum of its parts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Literal, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

from schemas.catalogue import UNITS, Certainty, base_units
from schemas.factor_versions import FactorVersion
from schemas.factors import FACTORS, Chain
from schemas.own_factors import MARKETS
from services.errors import UserError
from services.importing.tables import Cell

Outcome = Literal["heading", "factor", "withdrawn", "no-category", "not-understood"]

WITHDRAWN = "vervallen"
VARIABLE = "variabel"

_TITLE = re.compile(r"Factoren (20[0-9]{2}) dd ([0-9]{2})-([0-9]{2})-(20[0-9]{2})")
_PER_UNIT = "kg co"

# What the columns of its layouts mean. `apart`: other stories, which no total adds (biogenic, avoided, AR4).
_COLUMNS: Mapping[str, str] = {
    "totaal (wtw)": "wtw",
    "wtw": "wtw",
    "totaal": "wtw",
    "verbrandingsemissies (ttw)": "ttw",
    "ttw": "ttw",
    "productie-emissies energiecentrale": "ttw",
    "productie-emissies": "ttw",
    "ketenemissies (wtt)": "wtt",
    "wtt": "wtt",
    "ketenemissies productie energiedragers": "wtt",
    "ketenemissies": "wtt",
    "gwp100": "gwp",
    "ghg protocol (inzameling en verwerking)": "ghg",
    "ghg protocol (inzameling en verbranding)": "ghg",
    "biogene emissies": "apart",
    "infrastructuur (lca benadering)": "apart",
    "montreal protocol (ar4)": "apart",
    "transport naar recycling": "apart",
    "emissies van recycling": "apart",
    "emissies door verbranding": "apart",
    "vermeden emissies door recycling materialen": "apart",
    "vermeden emissies door energieterugwinning": "apart",
    "vermeden emissies": "apart",
    "co2": "apart",
    "methaan": "apart",
    "lachgas": "apart",
    "conversie mj": "apart",
    "eenheid": "unit",
    "-": "empty",
    "": "link",
}
_VALUES = ("wtw", "ttw", "wtt", "gwp", "ghg")
_UNITS = {
    "liter": "l",
    "nm3": "Nm3",
    "kwh": "kWh",
    "gj": "GJ",
    "kg": "kg",
    "ton": "t",
    "voertuigkilometer": "km",
    "reizigerskilometer": "km",
}

# The column of each chain: of energy and kilometres, of waste (without TTW), of gases (which only escape).
_CHAINS: Mapping[Chain, str] = {"wtw": "wtw", "ttw": "ttw"}
_GASES: Mapping[Chain, str] = {"wtw": "gwp", "ttw": "gwp"}
_WASTE: Mapping[Chain, str] = {"wtw": "ghg"}


class Meant(NamedTuple):
    """What a label of the list stands for in the catalogue."""

    kind: str
    category: str
    chain: Chain
    markets: tuple[str, ...]
    certainty: Certainty = "unknown"


@dataclass(frozen=True)
class ListedRow:
    """One row of a sheet, numbered as people see it, and what became of it.

    `versions`: the factors that it says, or with `withdrawn` those that it takes back (their value is 0).
    """

    sheet: str
    number: int
    section: str
    label: str
    outcome: Outcome
    reason: str = ""
    versions: tuple[FactorVersion, ...] = ()


@dataclass
class _Place:
    """Where in a sheet the reader is."""

    sheet: str
    title: str = ""
    year: int = 0
    published: date = date.min
    section: str = ""
    part: str = ""
    columns: list[str] = field(default_factory=list)
    unknown_column: str | None = None

    @property
    def heading(self) -> str:
        return " / ".join(filter(None, (self.section, self.part)))


def read_factor_list(path: Path) -> list[ListedRow]:
    """Every row of every sheet. Raises `UserError` for a file that is no such list."""
    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in workbook.sheet_names
        }
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except CalamineError as error:
        raise UserError(f"cannot read {path} as a spreadsheet: {error}") from None
    rows = [row for name, cells in sheets.items() for row in read_sheet(name, cells)]
    if not any(row.versions for row in rows):
        hint = (
            'it has a row like "Factoren 2026 dd 20-08-2026" and, behind it, tables with a column "Eenheid"'
        )
        raise UserError(f"{path} is not the list of CO2emissiefactoren.nl: {hint}")
    return rows


def read_sheet(name: str, rows: Iterable[Sequence[Cell]]) -> list[ListedRow]:
    """The rows of one sheet; a name of the catalogue that has several values in it is not understood."""
    place = _Place(name)
    read = [_row(place, number, cells) for number, cells in enumerate(rows, 1)]
    same: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(read):
        if row.versions:
            same[_plain(row.label)].append(index)
    for indexes in same.values():
        values = {tuple(version.kg_co2e for version in read[index].versions) for index in indexes}
        if len(values) > 1 or len({read[index].outcome for index in indexes}) > 1:
            numbers = " and ".join(str(read[index].number) for index in indexes)
            reason = f"rows {numbers} have the same name and different values"
            for index in indexes:
                read[index] = replace(read[index], outcome="not-understood", reason=reason, versions=())
    return read


def _row(place: _Place, number: int, cells: Sequence[Cell]) -> ListedRow:
    texts = [_text(cell) for cell in cells]
    label, rest = (texts[0], texts[1:]) if texts else ("", [])
    if _is_heading(place, label, rest):
        return ListedRow(place.sheet, number, place.heading, label, "heading")

    def outcome(outcome: Outcome, reason: str = "", versions: Sequence[FactorVersion] = ()) -> ListedRow:
        return ListedRow(place.sheet, number, place.heading, label, outcome, reason, tuple(versions))

    if not place.year:
        return outcome("not-understood", 'stands above the row with the year ("Factoren 2026 dd 20-08-2026")')
    if not place.columns:
        return outcome("not-understood", 'stands under no row of headings (with "Eenheid")')
    if not label:
        return outcome("not-understood", "has no name")
    meant = MEANT.get(_plain(label), ())
    try:
        values, unit = _values(place, cells)
        versions = list(_versions(place, number, label, meant, values, unit))
    except _Unclear as unclear:
        return outcome("not-understood", str(unclear))
    if values is None:
        return outcome("withdrawn", "the list takes it back", versions)
    lacking = "has no value for the whole chain, and none is made up" if values.keys() == {"ttw"} else ""
    if not meant:
        return outcome("no-category", lacking)
    return outcome("factor", lacking, versions)


def _is_heading(place: _Place, label: str, rest: Sequence[str]) -> bool:
    """Whether the row says what the rows below it are; the place is moved accordingly."""
    filled = [text for text in rest if text]
    if not filled:
        title = _TITLE.fullmatch(label)
        if title:
            year, day, month, published_year = (int(part) for part in title.groups())
            place.title, place.year = label, year
            place.published = _date(published_year, month, day)
        elif label:
            place.section, place.part = label.split("\n", 1)[0].strip(), ""
            place.columns = []
        return True
    if len(filled) == 1 and filled[0].casefold().startswith(_PER_UNIT):
        place.part = label
        place.columns = []
        return True
    headings = [_plain(text) for text in rest]
    if not label and "eenheid" in headings:
        place.columns = [_COLUMNS.get(heading, "unknown") for heading in headings]
        unknown = [text for text, meaning in zip(rest, place.columns, strict=True) if meaning == "unknown"]
        place.unknown_column = unknown[0] if unknown else None
        return True
    return False


class _Unclear(Exception):
    """Why a row is not understood."""


def _values(place: _Place, cells: Sequence[Cell]) -> tuple[Mapping[str, Decimal] | None, str]:
    """The values by the meaning of their column, None for a row that was withdrawn; and the unit."""
    if place.unknown_column is not None:
        raise _Unclear(f"the heading {place.unknown_column!r} of a column is not known")
    values: dict[str, Decimal] = {}
    withdrawn, unit = 0, ""
    for meaning, cell in zip(place.columns, cells[1:], strict=False):
        text = _text(cell)
        if meaning == "unit":
            unit = _UNITS.get(_plain(text), text)
        elif meaning == "empty" and text:
            raise _Unclear(f"{text!r} stands in a column without a heading")
        elif meaning in _VALUES and text:
            if text.casefold() == WITHDRAWN:
                withdrawn += 1
            elif text.casefold() == VARIABLE:
                raise _Unclear("varies by supplier: record yours with `groenmeter factors add`")
            elif isinstance(cell, bool) or not isinstance(cell, int | float) or not isfinite(cell):
                raise _Unclear(f"{text!r} is a text and not a number")
            elif cell < 0:
                raise _Unclear(f"{text} is negative")
            else:
                values[meaning] = Decimal(int(cell)) if cell == int(cell) else Decimal(repr(cell))
    if withdrawn and values:
        raise _Unclear("a part of it was withdrawn and a part has values")
    if not withdrawn and not values:
        raise _Unclear("has no value")
    if {"wtw", "ttw", "wtt"} <= values.keys():
        parts = values["ttw"] + values["wtt"]
        # Each of the three is rounded by itself.
        if abs(values["wtw"] - parts) > max(Decimal("0.002"), values["wtw"] / 1000):
            raise _Unclear(f"the whole chain is {values['wtw']}, but its parts are {parts} together")
    if "ttw" in values and values["ttw"] > values.get("wtw", values["ttw"]):
        raise _Unclear(f"direct emissions ({values['ttw']}) are more than the whole chain ({values['wtw']})")
    return (None if withdrawn else values), unit


def _versions(
    place: _Place,
    number: int,
    label: str,
    meant: Sequence[Meant],
    values: Mapping[str, Decimal] | None,
    unit: str,
) -> Iterator[FactorVersion]:
    for item in meant:
        if unit not in UNITS or UNITS[unit].base_unit not in base_units(item.kind, item.category):
            raise _Unclear(f"is per {unit!r}, in which {item.category} is not counted")
        columns = _WASTE if item.kind == "waste" else _GASES if unit in ("kg", "t") else _CHAINS
        if values is not None and values.keys().isdisjoint(columns.values()):
            raise _Unclear(f"has no value that is one for {item.kind}: its columns are of another sort")
        if item.chain not in columns or (values is not None and columns[item.chain] not in values):
            continue
        for market in item.markets:
            yield FactorVersion(
                kind=item.kind,
                category=item.category,
                unit=unit,
                kg_co2e=Decimal(0) if values is None else values[columns[item.chain]],
                chain=item.chain,
                market=market,
                valid_from=date(place.year, 1, 1),
                valid_to=date(place.year + 1, 1, 1),
                published=place.published,
                source=f'CO2emissiefactoren.nl, export "{place.title}"',
                certainty=item.certainty,
                withdrawn=values is None,
                note=f"row {number}: {label}",
            )


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise UserError(
            f"the list says it is of {day:02}-{month:02}-{year}, a day that does not exist"
        ) from None


def _text(cell: Cell) -> str:
    return str(cell).strip()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _meant() -> Mapping[str, Sequence[Meant]]:
    """What the labels of the list stand for: as the newest edition in the catalogue has it."""
    newest: dict[tuple[str, Meant], tuple[date, Certainty]] = {}
    for factor in FACTORS:
        if factor.purpose != "footprint" or not factor.row:
            continue
        markets = MARKETS["both"] if factor.market == "any" else MARKETS[factor.market]
        key = _plain(factor.row), Meant(factor.kind, factor.category, factor.chain, markets)
        if key not in newest or newest[key][0] < factor.valid_from:
            newest[key] = factor.valid_from, factor.certainty
    meant: defaultdict[str, list[Meant]] = defaultdict(list)
    for (label, item), (_, certainty) in newest.items():
        meant[label].append(item._replace(certainty=certainty))
    return dict(meant)


MEANT: Mapping[str, Sequence[Meant]] = _meant()
