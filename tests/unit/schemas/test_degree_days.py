"""Worked by hand, in weighted degree days: January 31 x (18 - 3.6) x 1.1 = 491.04, February 28 x 14.1 x 1.1 =
434.28, March 31 x 11.5 = 356.5, April 30 x 8.2 x 0.8 = 196.8, May 31 x 4.6 x 0.8 = 114.08, June
30 x 1.8 x 0.8 = 43.2, July 0 (18.3 degrees), August 31 x 0.1 x 0.8 = 2.48, September 30 x 3.3 x 0.8 = 79.2,
October 31 x 7.1 = 220.1, November 30 x 11 x 1.1 = 363, December 31 x 13.8 x 1.1 = 470.58: 2,771.26 in all.
"""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.degree_days import NORMAL_MONTHS, NORMAL_YEAR, degree_day_share

YEARS = st.integers(2000, 2100)


def test_a_normal_year_is_worked_out_by_hand():
    assert Fraction("491.04") == NORMAL_MONTHS[1]
    assert NORMAL_MONTHS[7] == 0
    assert Fraction("2771.26") == NORMAL_YEAR


def test_a_normal_year_is_near_what_energy_managers_count():
    """About 2,800 weighted degree days a year in the Netherlands (mindergas.nl)."""
    assert abs(NORMAL_YEAR - 2800) < 50


@pytest.mark.parametrize(
    ("day", "degree_days"),
    [
        (date(2026, 1, 1), "0"),
        (date(2026, 1, 2), "15.84"),  # a 31st of January
        (date(2026, 2, 1), "491.04"),
        (date(2026, 3, 1), "925.32"),
        (date(2026, 2, 15), "708.18"),  # 491.04 + 434.28 x 14/28
        (date(2024, 1, 11), "158.4"),
        (date(2024, 3, 1), "925.32"),  # a leap day moves nothing
        (date(2026, 7, 1), "1635.9"),
        (date(2026, 8, 1), "1635.9"),
        (date(2026, 12, 31), "2756.08"),  # all but 15.18
        (date(2027, 1, 1), "2771.26"),
    ],
)
def test_the_share_before_a_day(day, degree_days):
    year = 2026 if day.year == 2027 else day.year

    assert degree_day_share(year, day) * NORMAL_YEAR == Fraction(degree_days)


def test_a_leap_february_is_spread_over_29_days():
    assert degree_day_share(2024, date(2024, 2, 15)) * NORMAL_YEAR == (
        Fraction("491.04") + Fraction("434.28") * Fraction(14, 29)
    )


@given(YEARS, st.dates(date(1999, 1, 1), date(2102, 1, 1)))
def test_it_is_a_share(year, day):
    share = degree_day_share(year, day)

    assert 0 <= share <= 1
    assert (share == 0) == (day <= date(year, 1, 1))
    assert (share == 1) == (day >= date(year + 1, 1, 1))


@given(YEARS, st.integers(0, 365), st.integers(0, 31))
def test_it_never_falls(year, start, days):
    day = date(year, 1, 1) + timedelta(days=start)

    assert degree_day_share(year, day) <= degree_day_share(year, day + timedelta(days=days))
