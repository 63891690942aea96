"""A profile: how the rows of one sort of file become events. One format for all kinds, a TOML file each.

The models below are its reference: every key, what it means and what it is without being named. Built-in
profiles are in `profiles/`; a hospital's own profile is a file anywhere. It may begin from a built-in one
with `extends = "waste-collector"` and name only what differs: tables are merged, the rest is replaced.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from schemas.calendar import UnknownZone, pinned_zone
from schemas.catalogue import CONTAINERS, UNITS, category_names
from schemas.events import DATA
from schemas.measurement import CATEGORY_FIELD
from services.errors import UserError

AMOUNT_FIELDS = frozenset({"quantity", "containers", "pieces", "mass", "cost_eur"})
BOOLEAN_FIELDS = frozenset({"detail"})
KEY_WORDS = frozenset({"start", "day"})
POWER_UNITS = {"W": 1, "kW": 1_000, "MW": 1_000_000}

_BUILT_IN = resources.files("services.importing") / "profiles"
_BRACES = re.compile(r"\{([a-z_]+)\}")
_NOT_OF_A_ROW = frozenset({"from", "to", "evidence"})


class ProfileError(UserError):
    """A profile that is not there or cannot be used; the text names every fault in it."""


def _zone(name: str) -> str:
    try:
        pinned_zone(name)
    except UnknownZone as error:
        raise ValueError(str(error)) from None
    return name


def _tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRule(_Part):
    """How the file is laid out; most of it is found out when not named.

    `sheet`: name or number (from 1) of the sheet of a spreadsheet. `delimiter` of a CSV: else the one of
    `; , tab` that makes the header row. `encoding`: else UTF-8, or cp1252 where the file is not UTF-8.
    `totals`: a row that begins so and has no date is a total of rows above it, and is left out.
    """

    sheet: int | str = 1
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    totals: tuple[str, ...] = (
        "totaal",
        "subtotaal",
        "eindtotaal",
        "total",
        "subtotal",
        "grand total",
        "som",
        "sum",
    )


class TimeRule(_Part):
    """When a row's measurement was.

    `columns`: the column with the moment, or those with date and time of day. `formats`: as for Python's
    strptime, tried in turn after ISO 8601 and the dates of a spreadsheet; a Dutch or English month name is
    read as `%m`, the name of a weekday is skipped. `zone`: of texts without an offset. `length`: `moment`;
    `day` or `month`, local ones; or for example `15 minutes`, stamped at `start` or `end`. `until`: the
    column with the last day of a period of days, itself included.
    """

    columns: Names
    formats: tuple[str, ...] = (
        "%d-%m-%Y", "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
        "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d %m %Y", "%d %m %Y %H:%M", "%d-%m-%y", "%m-%Y", "%m %Y", "%Y-%m",
    )  # fmt: skip
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Amsterdam"
    length: str = Field(default="moment", pattern=r"^(moment|day|month|[1-9][0-9]{0,3} minutes)$")
    stamp: Literal["start", "end"] = "start"
    until: str | None = None

    @property
    def minutes(self) -> int | None:
        """The length of an interval in minutes, None for a moment, day or month."""
        number, _, unit = self.length.partition(" ")
        return int(number) if unit else None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.stamp == "end" and self.minutes is None:
            raise ValueError('stamp = "end" needs a length in minutes')
        if self.until is not None and self.length != "day":
            raise ValueError('until needs length = "day"')
        return self


class AmountRule(_Part):
    """How amounts are written. Numbers of a spreadsheet have no sign to choose; texts have.

    `power`: the quantity is mean power over the interval in this unit; the energy in the event's `unit` is
    power x length, computed exactly and rounded once, half to even, to 9 decimals. `negative`: refuse a
    negative amount, or post it as `feed-in` (energy only), a positive amount under an identity of its own.
    `missing`: texts that stand for no amount; such a row is reported and nothing is made up for it.
    """

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    power: Literal["W", "kW", "MW"] | None = None
    negative: Literal["refuse", "feed-in"] = "refuse"
    missing: tuple[str, ...] = ("", "n.v.t.", "nvt", "n/a", "-", "--", "nan", "null", "onbekend")

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        return self


class Profile(_Part):
    """A whole profile.

    `source`: the CloudEvents source, part of every identity: once used it never changes, not in a copy of
    the profile either; `{meter}` stands for a field. `key`: what makes a row's identity, never an amount:
    fields, `start` (of the interval or moment, in UTC) or `day` (local); `numbered` adds a running number
    among rows with equal keys. `columns`: field = column header (or several that may be it); a name that is
    no field of the kind may only serve in `key` and `source`. `optional`: fields whose column may be absent.
    `constants`: fields with one value for every row, and for cells that are empty. `mapping`: for a field,
    text in the cell = value of the field; other texts stop the row. `by_name`: fields of a catalogue that
    are read by slug, Dutch or English name. A unit goes out only with its amount, a number of containers
    only without a weight. The evidence of every event is the name of the delivery.
    """

    kind: Literal["energy", "waste", "food-waste", "medication-waste", "activity"]
    nl: str
    en: str
    source: str
    key: Names
    numbered: bool = False
    constants: dict[str, str | bool] = {}
    columns: dict[str, Names]
    optional: tuple[str, ...] = ()
    mapping: dict[str, dict[str, str | bool]] = {}
    by_name: tuple[str, ...] = ()
    time: TimeRule
    amount: AmountRule = AmountRule()
    file: FileRule = FileRule()

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that a row may give to an event of this kind: those of `data`, and `team`."""
        names = {field.alias or name for name, field in DATA[self.kind].model_fields.items()}
        return frozenset(names - _NOT_OF_A_ROW | {"team"})

    @property
    def category(self) -> str:
        """The field that holds the category."""
        return CATEGORY_FIELD[self.kind]

    @property
    def source_fields(self) -> tuple[str, ...]:
        """The fields that `source` holds in braces."""
        return tuple(_BRACES.findall(self.source))

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """The amount fields that have a column."""
        return tuple(field for field in self.columns if field in AMOUNT_FIELDS & self.fields)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        faults = [
            f"{table} names {field!r}, which is not a field of {self.kind} ({', '.join(sorted(self.fields))})"
            for table in ("constants", "mapping", "by_name")
            for field in getattr(self, table)
            if field not in self.fields
        ]
        faults += [
            f"{table} names {field!r}, which has no column"
            for table in ("optional", "mapping", "by_name")
            for field in getattr(self, table)
            if field not in self.columns
        ]
        given = {*self.columns, *self.constants}
        faults += [
            f"key names {field!r}, which is neither start, day, a column nor a constant"
            for field in self.key
            if field not in KEY_WORDS | given
        ]
        faults += [
            f"source names {field!r}, which is neither a column nor a constant"
            for field in self.source_fields
            if field not in given
        ]
        faults += [
            f"key names {field!r}: an amount is no part of an identity"
            for field in self.key
            if field in AMOUNT_FIELDS
        ]
        faults += [
            f"{field!r} is an amount: it needs a column" for field in self.constants if field in AMOUNT_FIELDS
        ]
        if not self.amounts:
            faults.append(f"no column holds an amount ({', '.join(sorted(AMOUNT_FIELDS & self.fields))})")
        if self.amount.power and (
            self.time.minutes is None or self.constants.get("unit") not in _energy_units()
        ):
            faults.append(
                "amount.power needs a time.length in minutes and an energy unit as the constant `unit`"
            )
        if self.amount.negative == "feed-in" and self.kind != "energy":
            faults.append("amount.negative: only energy has feed-in")
        if faults:
            raise ValueError("; ".join(faults))
        return self


def catalogue_of(kind: str, field: str) -> Mapping[str, Any] | None:
    """The catalogue that a field takes its values from, by slug; None for a field without one."""
    if field == CATEGORY_FIELD[kind]:
        return category_names(kind)
    return CONTAINERS if field == "container" else None


def built_in_names() -> list[str]:
    """The names of the built-in profiles; one that begins with _ is only there to be extended."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _BUILT_IN.iterdir()
        if entry.name.endswith(".toml") and not entry.name.startswith("_")
    )


def load_profile(name: str, constants: Mapping[str, str | bool] | None = None) -> Profile:
    """The profile of a built-in name or of the path of a TOML file, with `constants` for all rows.

    A constant given here goes before a column of the same field. Raises `ProfileError`.
    """
    document = _document(name)
    for field, value in (constants or {}).items():
        document.setdefault("constants", {})[field] = value
        for table in ("columns", "mapping"):
            document.get(table, {}).pop(field, None)
        for names in ("optional", "by_name"):
            document[names] = [other for other in document.get(names, ()) if other != field]
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        raise ProfileError("\n".join([f"the profile {name} is not right:", *_faults(error)])) from None


def _document(name: str) -> dict[str, Any]:
    """The document of a profile, merged with what it extends."""
    is_path = name.endswith(".toml") or "/" in name
    if not is_path and name not in built_in_names():
        raise ProfileError(
            f"there is no profile {name!r}: give the path of a .toml file, or one of "
            f"{', '.join(built_in_names())}"
        )
    document = _read(Path(name) if is_path else _BUILT_IN / f"{name}.toml", name)
    extended = set()
    while (base := document.pop("extends", None)) is not None:
        if base in extended or not (_BUILT_IN / f"{base}.toml").is_file():
            raise ProfileError(
                f"the profile {name} cannot extend {base!r}: only a built-in one can be extended"
            )
        extended.add(base)
        document = _merged(_read(_BUILT_IN / f"{base}.toml", base), document)
    return document


def _read(place: Traversable, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(place.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"the profile {name} cannot be read: {error}") from None


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` over `base`, the tables in both merged; what `changes` names comes first."""
    merged = dict(changes)
    for key, value in base.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(value, merged[key]) if both else merged.get(key, value)
    return merged


def _energy_units() -> frozenset[str]:
    return frozenset(symbol for symbol, unit in UNITS.items() if unit.base_unit == "J")


def _faults(error: ValidationError) -> list[str]:
    lines = []
    for detail in error.errors(include_url=False):
        where = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        lines.append(f"  {where}: {message}" if where else f"  {message}")
    return lines
