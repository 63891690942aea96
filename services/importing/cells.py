"""What a cell says: text, an exact number, a moment. Nothing here goes through binary floating point."""

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from schemas.amounts import Amount, divide_half_even
from schemas.calendar import from_microseconds, to_microseconds
from schemas.problems import Refusal, excerpt
from services.importing.profile import AmountRule
from services.importing.tables import Cell

MOST_DECIMALS = 9
MOMENTS_REMEMBERED = 40_000  # the next meter of a file mostly has the same year of quarter-hours

_LONGEST_NUMBER = 60
_SPREADSHEET_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 (spreadsheets have no zones)
_SERIALS = (36_526, 73_051)  # the days of 2000 to 2099 as a spreadsheet numbers them
_HALF_SECOND = dt.timedelta(microseconds=500_000)
_INSTANT = dt.timedelta(microseconds=1)
_MIDNIGHT = dt.time()
_WORD = re.compile(r"[A-Za-z]+\.?")
_NEITHER = re.compile(r"(?:ma|di|wo|do|vr|za|zo|mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?", re.IGNORECASE)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january", "feb februari february", "mrt maart mar march", "apr april", "mei may",
            "jun juni june", "jul juli july", "aug augustus august", "sep sept september",
            "okt oktober oct october", "nov november", "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip


def text_of(cell: Cell) -> str:
    """A cell as text: spaces made single, a whole number without decimals, a date as ISO 8601."""
    if isinstance(cell, str):
        return " ".join(cell.split())
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    return str(cell)


def read_number(cell: Cell, rule: AmountRule) -> Fraction:
    """The exact number in a cell. Raises `Refusal`.

    A number of a spreadsheet is a double: it stands for the shortest decimal that is read back as it.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return Fraction(Decimal(repr(cell)))
    if not isinstance(cell, str):
        hint = "the cell is formatted as a date or a time: give it the format of a number"
        raise Refusal(f"{excerpt(text_of(cell))} is not a number", _number_example(rule), hint)
    text = text_of(cell).replace("\u2212", "-")
    if not _number_pattern(rule.decimal, rule.thousands).fullmatch(text):
        raise Refusal(f"{excerpt(text)} is not a number", _number_example(rule), _number_hint(text, rule))
    if len(text) > _LONGEST_NUMBER:
        raise Refusal(f"{excerpt(text)} has too many digits", _number_example(rule))
    if rule.thousands:
        text = text.replace(rule.thousands, "")
    return Fraction(Decimal(text.replace(rule.decimal, ".")))


def amount_text(number: Fraction) -> tuple[str, bool]:
    """A number from 0 as the contract writes amounts, and whether it was rounded to the 9 decimals it allows.

    Rounded once, half to even.
    """
    digits = divide_half_even(number.numerator * 10**MOST_DECIMALS, number.denominator)
    text = str(Amount(digits, MOST_DECIMALS)).rstrip("0").rstrip(".")
    return text, 10**MOST_DECIMALS % number.denominator != 0


@cache
def _number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    whole = "[0-9]+"
    if thousands:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+)"
    return re.compile(rf"-?{whole}(?:{re.escape(decimal)}[0-9]+)?(?:[eE][+-]?[0-9]{{1,2}})?")


def _number_example(rule: AmountRule) -> str:
    return f"a number like {f'1{rule.thousands}250{rule.decimal}5'}"


def _number_hint(text: str, rule: AmountRule) -> str | None:
    other = "," if rule.decimal == "." else "."
    if _number_pattern(other, rule.decimal if rule.decimal == "." else "").fullmatch(text):
        return f"this profile reads {rule.decimal!r} as the decimal sign: `amount.decimal` changes that"
    if re.match(r"-?[0-9]", text):
        return "only the number belongs in this column"
    return None


def read_local(cells: Sequence[Cell], formats: tuple[str, ...]) -> dt.datetime:
    """The moment in one cell, or in a cell with the date and one with the time of day. Raises `Refusal`.

    Without an offset it is a local time, to the second where a spreadsheet kept it as a number of days. A
    date alone is its midnight.
    """
    first = _spreadsheet_moment(cells[0])
    if len(cells) == 1:
        return first if isinstance(first, dt.datetime) else read_text(first, formats)
    date_text = first if isinstance(first, str) else first.date().isoformat()
    return read_text(f"{date_text} {_time_text(cells[1])}".strip(), formats)


@lru_cache(MOMENTS_REMEMBERED)
def read_text(text: str, formats: tuple[str, ...]) -> dt.datetime:
    """The moment in a text: ISO 8601, else the first of `formats` that fits. Raises `Refusal`."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        pass
    plain = " ".join(_WORD.sub(_month_number, text).split()).strip(" ,")
    for layout in formats:
        try:
            return dt.datetime.strptime(plain, layout)  # noqa: DTZ007 (the zone is the profile's)
        except ValueError:
            continue
    raise Refusal(
        f"{excerpt(text)} is not a date or time", "2026-03-31, or " + ", ".join(map(_shown, formats))
    )


@lru_cache(MOMENTS_REMEMBERED)
def candidates(local: dt.datetime, zone: ZoneInfo, ends: bool = False) -> tuple[int, ...]:
    """The instants, in microseconds since 1970, that a moment may stand for, earliest first.

    One for nearly every local time; two in the hour that comes twice, none in the hour that is skipped. The
    end of an interval (`ends`) is also the instant right after the local time before it, so that the
    interval that ends at the clock change is found under either of the two names that clocks give its end.
    """
    if local.tzinfo is not None:
        return (to_microseconds(local),)
    instants = _instants(local, zone)
    if ends:
        instants |= {instant + 1 for instant in _instants(local - _INSTANT, zone)}
    return tuple(sorted(instants))


def _instants(local: dt.datetime, zone: ZoneInfo) -> set[int]:
    found = set()
    for fold in (0, 1):
        moment = local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            found.add(to_microseconds(moment))
    return found


@lru_cache(MOMENTS_REMEMBERED)
def instant_text(instant: int) -> str:
    """An instant, in microseconds since 1970, as RFC 3339 text in UTC."""
    return from_microseconds(instant).isoformat().replace("+00:00", "Z")


def _spreadsheet_moment(cell: Cell) -> dt.datetime | str:
    """A date of a spreadsheet, also one that lost its format; of any other cell the text."""
    if isinstance(cell, dt.datetime):
        moment = cell
    elif isinstance(cell, dt.date):
        return dt.datetime.combine(cell, _MIDNIGHT)
    elif isinstance(cell, float) and _SERIALS[0] <= cell < _SERIALS[1]:
        moment = _SPREADSHEET_EPOCH + dt.timedelta(days=cell)
    else:
        return text_of(cell)
    return (moment + _HALF_SECOND).replace(microsecond=0)


def _time_text(cell: Cell) -> str:
    """A time of day, to the second, also one that lost its format."""
    if isinstance(cell, float) and 0 <= cell < 1:
        cell = dt.timedelta(days=cell)
    elif isinstance(cell, dt.time):
        cell = dt.datetime.combine(_SPREADSHEET_EPOCH, cell) - _SPREADSHEET_EPOCH
    elif isinstance(cell, dt.datetime):
        cell = cell - dt.datetime.combine(cell, _MIDNIGHT)
    if isinstance(cell, dt.timedelta):
        time = (_SPREADSHEET_EPOCH + cell + _HALF_SECOND).time()
        return time.isoformat(timespec="seconds" if time.second else "minutes")
    return text_of(cell)


def _month_number(word: re.Match[str]) -> str:
    name = word.group().rstrip(".").lower()
    if name in _MONTHS:
        return str(_MONTHS[name])
    return "" if _NEITHER.fullmatch(name) else word.group()


def _shown(layout: str) -> str:
    """A strptime format as people know it: dd-mm-jjjj."""
    for code, letters in (
        ("%d", "dd"),
        ("%m", "mm"),
        ("%Y", "jjjj"),
        ("%y", "jj"),
        ("%H", "uu"),
        ("%M", "mm"),
        ("%S", "ss"),
    ):
        layout = layout.replace(code, letters)
    return layout
