"""The fields of a row: texts through mapping tables, and exact amounts."""

import difflib
from collections.abc import Mapping
from fractions import Fraction

from schemas.catalogue import UNITS
from schemas.problems import Problem, Refusal, excerpt
from services.importing.cells import amount_text, read_number, text_of
from services.importing.header import Header
from services.importing.profile import BOOLEAN_FIELDS, POWER_UNITS, Profile, catalogue_of
from services.importing.tables import Line

Value = str | bool

FEED_IN = "feed-in"
FED_IN = "negative: posted as feed-in"
ROUNDED = "more than 9 decimals: rounded once, half to even"

_YES_NO: Mapping[str, Value] = {
    **dict.fromkeys(("ja", "yes", "true", "1"), True),
    **dict.fromkeys(("nee", "no", "false", "0"), False),
}
_GOES_WITH = (("quantity", "unit"), ("containers", "container"), ("mass", "mass_unit"))


class RowValues:
    """What a row gives to each field, what is wrong with it, and what to tell of how it was read."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []


class ValueReader:
    """Reads the fields of row after row by a profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._amounts = profile.amounts
        self._texts = tuple(field for field in profile.columns if field not in self._amounts)
        self._missing = frozenset(text.casefold() for text in profile.amount.missing) | {""}
        self._mappings = {field: _mapping(profile, field) for field in self._texts}
        self._known = {field: _known(profile, field) for field in self._texts}

    def has_amount(self, line: Line, header: Header) -> bool:
        """Whether any amount of the row is more than a word for `missing`."""
        return not all(self._is_missing(text_of(header.cell(line, field))) for field in self._amounts)

    def read(self, line: Line, header: Header) -> RowValues:
        """Every field of a row; constants stand in for cells that are empty."""
        row = RowValues()
        row.values.update(self._profile.constants)
        for field in self._texts:
            text = text_of(header.cell(line, field))
            if not self._is_missing(text):
                self._read_text(row, field, text, header)
        for field in self._amounts:
            if not self._is_missing(text_of(header.cell(line, field))):
                try:
                    self._read_amount(row, field, line, header)
                except Refusal as refusal:
                    row.problems.append(refusal.at(header.names[field]))
        self._leave_out_alone(row)
        return row

    def _is_missing(self, text: str) -> bool:
        return text.casefold() in self._missing

    def _read_text(self, row: RowValues, field: str, text: str, header: Header) -> None:
        mapping = self._mappings[field]
        if mapping is None:
            row.values[field] = text
        elif text.casefold() in mapping:
            row.values[field] = mapping[text.casefold()]
        else:
            row.values.pop(field, None)
            near = difflib.get_close_matches(text.casefold(), mapping, n=1)
            problem = f"{excerpt(text, 80)} is not known"
            hint = f"did you mean {near[0]}?" if near else None
            row.problems.append(Problem(header.names[field], problem, self._known[field], hint))

    def _read_amount(self, row: RowValues, field: str, line: Line, header: Header) -> None:
        merged = header.merged_rows(line, field)
        if merged:
            raise Refusal(
                f"one amount in a cell merged over the rows {merged[0]} to {merged[1]}",
                "an amount for each row",
                "split the cell: which part belongs to which row is not made up",
            )
        number = read_number(header.cell(line, field), self._profile.amount)
        if number < 0:
            if self._profile.amount.negative != FEED_IN or field != "quantity":
                raise Refusal("is negative", "an amount from 0", _negative_hint(self._profile.kind))
            number = -number
            row.values["flow"] = FEED_IN
            row.notes.append(FED_IN)
        if field == "quantity" and self._profile.amount.power:
            number = self._energy(number)
        row.values[field], rounded = amount_text(number)
        if rounded:
            row.notes.append(ROUNDED)

    def _energy(self, power: Fraction) -> Fraction:
        """Mean power over the interval as energy in the event's unit, exactly."""
        rule, minutes = self._profile.amount, self._profile.time.minutes
        assert rule.power is not None and minutes is not None  # noqa: S101 (the profile was checked)
        joules = power * POWER_UNITS[rule.power] * minutes * 60
        return joules / UNITS[str(self._profile.constants["unit"])].per_unit

    def _leave_out_alone(self, row: RowValues) -> None:
        """Leave out the unit of an amount that is not there, and the number of containers beside a weight."""
        if "quantity" in row.values:
            row.values.pop("containers", None)
        elif "containers" in row.values:
            row.values.pop("method", None)
        for amount, companion in _GOES_WITH:
            if amount in self._amounts and amount not in row.values:
                row.values.pop(companion, None)


def _mapping(profile: Profile, field: str) -> dict[str, Value] | None:
    """The texts (in small letters) that a column may hold, with their values; None where any text may be."""
    mapping: dict[str, Value] = {}
    if field in profile.by_name:
        for slug, entry in (catalogue_of(profile.kind, field) or {}).items():
            mapping |= dict.fromkeys((slug, entry.nl.casefold(), entry.en.casefold()), slug)
    if field in profile.mapping:
        mapping |= {text_of(text).casefold(): value for text, value in profile.mapping[field].items()}
    elif field in BOOLEAN_FIELDS:
        mapping |= _YES_NO
    return mapping or None


def _known(profile: Profile, field: str) -> str:
    """The texts that a column may hold, for people: those of the mapping, and the slugs of the catalogue."""
    slugs = catalogue_of(profile.kind, field) if field in profile.by_name else None
    texts = profile.mapping.get(field, _YES_NO if field in BOOLEAN_FIELDS else ())
    return ", ".join(dict.fromkeys((*texts, *(slugs or ()))))


def _negative_hint(kind: str) -> str | None:
    return "power fed in: set `amount.negative` of the profile to feed-in" if kind == "energy" else None
