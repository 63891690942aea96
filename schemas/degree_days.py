"""The weighted degree days of a normal Dutch year: how heat and gas spread over it.

HDD = max(0, 18 - mean temperature) x weight x days, month by month, from
`schemas/catalogue/degree_days.toml`. Used only for the shape of a budget where a base year has no readings of
a month or shorter.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from schemas.catalogue import load

_FILE = load("degree_days")
_BASE_TEMPERATURE = Fraction(_FILE["base_temperature"])

NORMAL_MONTHS: Mapping[int, Fraction] = {
    month["number"]: max(Fraction(0), _BASE_TEMPERATURE - Fraction(month["temperature"]))
    * Fraction(month["weight"])
    * month["days"]
    for month in _FILE["month"]
}
NORMAL_YEAR = sum(NORMAL_MONTHS.values(), Fraction(0))


def degree_day_share(year: int, before: date) -> Fraction:
    """The share (0 to 1, exact) of a normal year's degree days that lies in `year` before the day `before`.

    0 up to 1 January of `year`, 1 from 1 January of the next. A month's degree days are spread evenly over
    its days; February has as many in a leap year, over 29 days.
    """
    if before.year != year:
        return Fraction(before.year > year)
    whole = sum((NORMAL_MONTHS[month] for month in range(1, before.month)), Fraction(0))
    elapsed = Fraction(before.day - 1, monthrange(year, before.month)[1])
    return (whole + NORMAL_MONTHS[before.month] * elapsed) / NORMAL_YEAR
