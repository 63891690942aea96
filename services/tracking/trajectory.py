"""The path of a target: what its anchors allow in a year, and which year a day is judged in.

Trajectory between anchors: straight, T(y) = v0 + (v1 - v0)(y - y0)/(y1 - y0), as the GHG Protocol's linear
path; outside them there is none, for a guess is no target.
"""

from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from schemas.targets import Target


class Period(NamedTuple):
    """The local days [start, end)."""

    start: date
    end: date

    @classmethod
    def of_year(cls, year: int) -> "Period":
        """A calendar year."""
        return cls(date(year, 1, 1), date(year + 1, 1, 1))


def anchored(target: Target, year: int) -> Fraction | None:
    """What the anchors give for a year: an index, a percentage or an amount; None outside of them."""
    for anchor in target.anchors:
        if anchor.year == year:
            return Fraction(anchor.value)
    for earlier, later in pairwise(target.anchors):
        if earlier.year < year < later.year:
            rise = Fraction(later.value) - Fraction(earlier.value)
            return Fraction(earlier.value) + rise * Fraction(year - earlier.year, later.year - earlier.year)
    return None


def anchored_years(target: Target) -> range:
    """The years from the first to the last anchor."""
    if not target.anchors:
        return range(0)
    return range(target.anchors[0].year, target.anchors[-1].year + 1)


def period_year(target: Target, on: date) -> int:
    """The calendar year that a target is judged in on a day; the final one for a target that is past."""
    return on.year if target.final_year is None else min(on.year, target.final_year)


def in_force(target: Target, on: date) -> bool:
    """Whether a target is listed on a day: from its first day, or else its first anchor, until its end."""
    if target.valid_to is not None and on >= target.valid_to:
        return False
    if target.valid_from is not None:
        return on >= target.valid_from
    return not target.anchors or on.year >= target.anchors[0].year


def same_date(day: date, year: int) -> date:
    """The same calendar date in another year; 29 February becomes 1 March, where the days before it end."""
    if (day.month, day.day) == (2, 29):
        try:
            return date(year, 2, 29)
        except ValueError:
            return date(year, 3, 1)
    return date(year, day.month, day.day)
