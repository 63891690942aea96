"""Dates, amounts and percentages as people write them, in Dutch and English."""

from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from schemas.amounts import divide_half_even


class Both(NamedTuple):
    """The same in Dutch and English."""

    nl: str
    en: str


_MONTHS = Both(
    "januari februari maart april mei juni juli augustus september oktober november december",
    "January February March April May June July August September October November December",
)
_UNITS = {"piece": Both("stuks", "pieces"), "EUR": Both("euro", "euros"), "1": Both("", "")}


def date_text(day: date) -> Both:
    """Like 31 oktober 2026."""
    nl, en = (months.split()[day.month - 1] for months in _MONTHS)
    return Both(f"{day.day} {nl} {day.year}", f"{day.day} {en} {day.year}")


def last_day_text(end: date) -> Both:
    """The day before, which is the last one of the days before `end`."""
    return date_text(end - timedelta(days=1))


def amount_text(value: Fraction, unit: str) -> Both:
    """A value from 0 in its unit: whole from 100 on, else with at most one or two decimals."""
    number = _number(value, 0 if value >= 100 else 1 if value >= 10 else 2)
    name = unit_text(unit)
    return Both(f"{number.nl} {name.nl}".rstrip(), f"{number.en} {name.en}".rstrip())


def precise_text(value: Fraction, unit: str, decimals: int) -> Both:
    """A value from 0 in its unit with at most so many decimals; `about` where that cuts any off."""
    number, name = _number(value, decimals), unit_text(unit)
    nl, en = f"{number.nl} {name.nl}".rstrip(), f"{number.en} {name.en}".rstrip()
    return Both(nl, en) if rounded(value, decimals) == value else Both(f"ongeveer {nl}", f"about {en}")


def rounded(value: Fraction, decimals: int) -> Fraction:
    """A value from 0 with at most so many decimals, half to even."""
    return Fraction(divide_half_even(value.numerator * 10**decimals, value.denominator), 10**decimals)


def unit_text(unit: str) -> Both:
    """The name of a unit, empty for a number of something."""
    return _UNITS.get(unit, Both(unit, unit))


def percent_text(ratio: Fraction, decimals: int = 1) -> Both:
    """A ratio from 0 in per cent, with at most so many decimals; never 0 % of what is more."""
    number = _number(100 * ratio, decimals)
    if ratio and number.en == "0":
        return Both("minder dan 0,1 %", "less than 0.1 %")
    return Both(f"{number.nl} %", f"{number.en} %")


def percent_texts(first: Fraction, second: Fraction) -> tuple[Both, Both]:
    """Two ratios in per cent, with as many decimals as tell them apart (at most 6)."""
    for decimals in range(1, 7):
        texts = percent_text(first, decimals), percent_text(second, decimals)
        if texts[0] != texts[1]:
            break
    return texts


def counted_text(count: int, one: str, more: str) -> str:
    """A whole number of something, like `1 dag` and `2 dagen`."""
    return f"{count} {one if count == 1 else more}"


def _number(value: Fraction, decimals: int) -> Both:
    whole, part = divmod(int(rounded(value, decimals) * 10**decimals), 10**decimals)
    digits = f"{part:0{decimals}}".rstrip("0") if part else ""
    grouped = f"{whole:,}"
    nl = grouped.replace(",", ".") + (f",{digits}" if digits else "")
    return Both(nl, grouped + (f".{digits}" if digits else ""))
