from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.measured import years_needed
from services.tracking.trajectory import anchored, anchored_years, in_force, period_year, same_date
from tests.unit.tracking.book import anchors, target

GREEN_DEAL = target("residual", anchors=anchors({2018: 100, 2026: 70, 2030: 45}))
END_OF_2029 = target("residual", anchors=anchors({2018: 100, 2026: 70, 2029: 45}))
STRAIGHT = target("residual", anchors=anchors({2018: 100, 2030: 45}))


@pytest.mark.parametrize(
    ("year", "index"),
    # 2018 to 2026: (100 - 70) / 8 = 3.75 points a year; 2026 to 2030: (70 - 45) / 4 = 6.25 points a year.
    [
        *[(2018, "100"), (2019, "96.25"), (2020, "92.5"), (2021, "88.75"), (2022, "85"), (2023, "81.25")],
        *[(2024, "77.5"), (2025, "73.75"), (2026, "70")],
        *[(2027, "63.75"), (2028, "57.5"), (2029, "51.25"), (2030, "45")],
    ],
)
def test_the_index_of_the_green_deal(year, index):
    assert anchored(GREEN_DEAL, year) == Fraction(index)


def test_a_hospital_that_wants_the_same_by_the_end_of_2029():
    # (70 - 45) / 3 = 8 1/3 points a year after 2026.
    assert [anchored(END_OF_2029, year) for year in (2026, 2027, 2028, 2029)] == [
        70,
        Fraction(185, 3),  # 61.67
        Fraction(160, 3),  # 53.33
        45,
    ]


def test_a_straight_line_asks_more_of_2026_than_the_green_deal():
    # (100 - 45) / 12 = 4 7/12 points a year; 2026: 100 - 8 x 4 7/12 = 63 1/3.
    assert anchored(STRAIGHT, 2026) == Fraction(190, 3)
    assert anchored(STRAIGHT, 2026) < anchored(GREEN_DEAL, 2026)


@pytest.mark.parametrize("year", [2017, 2031])
def test_there_is_no_path_outside_of_the_anchors(year):
    assert anchored(GREEN_DEAL, year) is None


def test_a_single_anchor_holds_in_its_own_year_only():
    share = target("residual", kind="share_max", unit="%", anchors=anchors({2030: 25}))

    assert [anchored(share, year) for year in (2029, 2030, 2031)] == [None, 25, None]


def test_without_anchors_there_is_no_path():
    nothing = target("residual", anchors=[])

    assert list(anchored_years(nothing)) == []
    assert anchored(nothing, 2026) is None


paths = st.lists(
    st.tuples(st.integers(2000, 2100), st.decimals(0, 200, places=2)),
    min_size=1,
    max_size=6,
    unique_by=lambda point: point[0],
).map(lambda points: dict(sorted(points)))


@given(paths)
def test_the_path_is_exact_at_anchors_and_monotone_between_them(points):
    path = target("residual", kind="absolute_max", base_year=None, anchors=anchors(points))

    for year, value in points.items():
        assert anchored(path, year) == Fraction(value)
    years = list(points)
    for start, end in pairwise(years):
        values = [anchored(path, year) for year in range(start, end + 1)]
        assert values in (sorted(values), sorted(values, reverse=True))
    assert [year for year in range(1999, 2102) if anchored(path, year) is not None] == list(
        anchored_years(path)
    )


def test_a_target_that_is_past_is_judged_in_its_final_year():
    assert period_year(GREEN_DEAL, date(2026, 5, 1)) == 2026
    assert period_year(GREEN_DEAL, date(2031, 2, 1)) == 2030
    assert period_year(target("residual", anchors=[]), date(2031, 2, 1)) == 2031


def test_in_force_from_its_first_day_or_its_first_anchor():
    assert [in_force(GREEN_DEAL, date(*day)) for day in [(2017, 12, 31), (2018, 1, 1), (2040, 1, 1)]] == [
        False,
        True,
        True,
    ]
    dated = target("residual", valid_from=date(2023, 1, 1), valid_to=date(2027, 1, 1))
    assert not in_force(dated, date(2022, 12, 31))
    assert in_force(dated, date(2026, 12, 31))
    assert not in_force(dated, date(2027, 1, 1))


def test_the_years_of_measurements_that_a_target_needs():
    assert years_needed(GREEN_DEAL, date(2026, 5, 1)) == {2018, 2024, 2025, 2026}
    capped = target("residual", shape_years=[2019, 2020], anchors=anchors({2018: 100, 2026: 70}))
    assert years_needed(capped, date(2029, 5, 1)) == {2018, 2019, 2020, 2024, 2025, 2026}


def test_the_same_date_of_a_year_without_29_february_is_1_march():
    assert same_date(date(2024, 2, 29), 2018) == date(2018, 3, 1)
    assert same_date(date(2024, 2, 29), 2020) == date(2020, 2, 29)
    assert same_date(date(2023, 3, 1), 2020) == date(2020, 3, 1)
