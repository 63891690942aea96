"""Reductions against a base, worked by hand."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from services.tracking.evaluation import evaluate
from services.tracking.result import Contribution, PathPoint, Projection
from tests.unit.tracking.book import (
    FACTORS,
    GJ,
    KG,
    KWH,
    NM3,
    Reading,
    Source,
    anchors,
    measured,
    months,
    part,
    target,
)

# Residual waste. Base year 2018, kg a month:
#   200 180 160 140 120 100 | 100 120 140 160 180 200, together 1,800 kg.
# The target of 2026 is 75 % of that: 1,350 kg.
BASE = [200, 180, 160, 140, 120, 100, 100, 120, 140, 160, 180, 200]
RESIDUAL = target("residual")


def waste(*amounts: int, of_2025: int = 120, base: list[int] = BASE) -> Source:
    """kg a month: of the base year, twelve equal ones of 2025, and those of 2026."""
    readings = months(2018, base) + months(2025, [of_2025] * 12) + months(2026, list(amounts))
    return Source("residual", [reading._replace(quantity=reading.quantity * KG) for reading in readings])


def codes(evaluation) -> list[str]:
    return [reason.code for reason in evaluation.reasons]


def test_a_third_of_the_year_by_the_base_years_own_season():
    # S to 1 May = (200 + 180 + 160 + 140) / 1,800 = 680 / 1,800; the budget is 1,350 x S = 510 kg.
    # Weighed: 150 + 140 + 130 + 100 = 520 kg. D = (520 - 510) / 510 = 1/51 = 2.0 %: amber.
    # Projected by season: 520 / S = 23,400 / 17 = 1,376 kg; the last twelve months: 8 x 120 + 520 = 1,480 kg.
    judged = evaluate(RESIDUAL, date(2026, 5, 1), measured(waste(150, 140, 130, 100)))

    assert judged.through == date(2026, 5, 1)
    assert (judged.base, judged.limit, judged.limit_now, judged.actual) == (1800, 1350, 510, 520)
    assert judged.drift == Fraction(1, 51)
    assert (judged.band, judged.outcome) == ("amber", "running")
    assert judged.projection == Projection(Fraction(23_400, 17), Fraction(1480))
    assert judged.completeness == 1
    assert [(item.part, item.state, item.why) for item in judged.coverage] == [("residual", "measured", None)]
    assert judged.contributions == (
        Contribution("waste", "residual", "use", Fraction(520), Fraction(510), Fraction(10)),
    )
    assert judged.path[0] == PathPoint(2018, Fraction(100), Fraction(1800))
    assert judged.path[-1] == PathPoint(2026, Fraction(75), Fraction(1350))
    assert codes(judged) == ["over-budget", "largest-cause"]
    assert judged.reasons[0].nl == (
        "Tot en met 30 april 2026 is het 520 kg; het budget tot die dag is 510 kg. Dat is 2 % te veel."
    )
    assert judged.reasons[0].en == (
        "Up to and including 30 April 2026 it is 520 kg; the budget up to that day is 510 kg. "
        "That is 2 % too much."
    )


@pytest.mark.parametrize(
    ("april", "band"),
    # The budget to 1 May is 510 kg; 420 kg + April are measured. Amber above 510, red above 535.5.
    [(89, "green"), (90, "green"), (91, "amber"), (115, "amber"), (116, "red")],
)
def test_the_bands(april, band):
    judged = evaluate(RESIDUAL, date(2026, 5, 1), measured(waste(150, 140, 130, april)))

    assert (judged.band, judged.drift) == (band, Fraction(420 + april - 510, 510))


def test_in_the_middle_of_a_month():
    # With 150 kg in April of the base year and 110 in May, S to 16 April is (540 + 75) / 1,800; the budget is
    # 1,350 x 615 / 1,800 = 461.25 kg. Measured: 420 kg and half of April's 90 kg.
    base = [200, 180, 160, 150, 110, *BASE[5:]]

    judged = evaluate(RESIDUAL, date(2026, 4, 16), measured(waste(150, 140, 130, 90, base=base)))

    assert (judged.limit_now, judged.actual) == (Fraction("461.25"), 465)


def test_a_month_that_is_still_to_come_does_not_make_the_next_one_look_good():
    # On 20 June the invoices up to April are in: actual and budget are both up to 1 May.
    judged = evaluate(RESIDUAL, date(2026, 6, 20), measured(waste(150, 140, 130, 100)))

    assert (judged.through, judged.actual, judged.limit_now) == (date(2026, 5, 1), 520, 510)
    assert judged.band == "amber"
    assert codes(judged) == ["over-budget", "largest-cause", "waiting"]
    assert judged.reasons[2].nl == (
        "Nog niet binnen vanaf 1 mei 2026: restafval (ongesorteerd), bron /meter/1 van team huisvesting."
    )


def test_a_source_that_is_too_late_leaves_no_verdict():
    # Of 1 January to 31 July (212 days) the 92 days of May, June and July lack.
    judged = evaluate(RESIDUAL, date(2026, 8, 1), measured(waste(150, 140, 130, 100)))

    assert judged.completeness == Fraction(120, 212)
    assert (judged.band, judged.drift, judged.projection) == ("unknown", None, None)
    assert codes(judged) == ["part-incomplete", "source-silent"]
    assert judged.reasons[0].nl == (
        "Van (residual) is over 2026 56,6 % van de metingen binnen; voor een oordeel is 95 % nodig."
    )
    assert judged.reasons[1].en == (
        "Nothing has come in since 1 May 2026: "
        "residual waste (unsorted), source /meter/1 of team huisvesting."
    )
    [source] = judged.incomplete_sources
    assert (source.source, source.missing_days, source.since) == ("/meter/1", 92, date(2026, 5, 1))


def test_on_new_years_day_nothing_is_complete():
    judged = evaluate(RESIDUAL, date(2026, 1, 1), measured(waste()))

    assert (judged.through, judged.actual, judged.limit_now, judged.band) == (None, None, None, "unknown")
    assert judged.limit == 1350
    assert codes(judged) == ["nothing-complete"]


def test_29_february_has_the_budget_of_the_base_years_28():
    # Base 2018: 28 kg in February, 31 in January and March: 1 kg a day. The limit of 2024 is the index of a
    # path from 100 in 2018 to 75 in 2026: 81.25, so 0.8125 kg a day of the base year.
    base = waste(base=[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    year = Source("residual", months(2024, [31 * KG, 29 * KG, 31 * KG]), source="/2024")
    known = measured(base, year)
    judged = {
        day: evaluate(RESIDUAL, date(2024, *day), known).limit_now for day in [(2, 28), (2, 29), (3, 1)]
    }

    assert judged == {
        (2, 28): Fraction("0.8125") * 58,
        (2, 29): Fraction("0.8125") * 59,
        (3, 1): Fraction("0.8125") * 59,
    }


def test_shape_years_share_the_season_but_not_the_base():
    # 2019 has all in January, 2018 a twelfth: the mean S to 1 February is (1 + 1/12) / 2 = 13/24.
    flat = target("residual", shape_years=[2018, 2019])
    of_2018 = Source("residual", months(2018, [100 * KG] * 12))
    of_2019 = Source("residual", months(2019, [600 * KG] + [0] * 11), source="/2019")
    of_2026 = Source("residual", months(2026, [50 * KG]), source="/2026")

    judged = evaluate(flat, date(2026, 2, 1), measured(of_2018, of_2019, of_2026))

    assert judged.base == 1200
    assert judged.limit_now == 900 * Fraction(13, 24)


def test_shape_years_do_not_decide_how_large_a_part_is():
    # Base 2018: 900 kg of residual waste, 300 kg of paper; the limit is 75 % of 1,200 = 900 kg. In 2019 all
    # the residual waste came in January, the paper evenly. To 1 February: 900 x (3/4 x 1 + 1/4 x 1/12).
    both = target("residual", "paper", shape_years=[2019])
    known = measured(
        Source("residual", months(2018, [75 * KG] * 12)),
        Source("paper", months(2018, [25 * KG] * 12)),
        Source("residual", months(2019, [10 * KG] + [0] * 11), source="/2019"),
        Source("paper", months(2019, [500 * KG] * 12), source="/2019"),
        Source("residual", months(2026, [50 * KG]), source="/2026"),
        Source("paper", months(2026, [50 * KG]), source="/2026"),
    )

    judged = evaluate(both, date(2026, 2, 1), known)

    assert judged.limit_now == 675 + Fraction("18.75")
    assert {item.category: item.budget for item in judged.contributions} == {
        "residual": 675,
        "paper": Fraction("18.75"),
    }


def test_without_the_year_before_there_is_no_projection_by_the_last_twelve_months():
    known = measured(
        Source("residual", months(2018, [100 * KG] * 12)),
        Source("residual", months(2026, [80 * KG] * 3), source="/2026"),
    )

    judged = evaluate(RESIDUAL, date(2026, 4, 1), known)

    # 240 kg in a quarter of the year
    assert judged.projection == Projection(Fraction(960), Fraction(960))


# CO2 of a building: fixed factors 0.337 kg/kWh and 2.079 kg/Nm3.
# Base 2018: 12 x 1,000 kWh = 4,044 kg; 1,500 Nm3 = 3,118.5 kg; together 7,162.5 kg. Index 70: 5,013.75 kg.
CO2 = target(
    "electricity",
    "natural-gas",
    theme="co2",
    measure="co2e",
    base_unit=None,
    unit="kg CO2e",
    anchors=anchors({2018: 100, 2026: 70}),
)
POWER = months(2018, [1000] * 12) + months(2025, [950] * 12) + months(2026, [900] * 3)
GAS = (
    months(2018, [300, 250, 200, 100, 50, 0, 0, 0, 50, 100, 200, 250])
    + months(2025, [100] * 12)
    + months(2026, [200, 160, 140])
)


def meter(category: str, unit: int, readings: list[Reading], **fields: str) -> Source:
    scaled = [reading._replace(quantity=reading.quantity * unit) for reading in readings]
    return Source(category, scaled, **{"source": f"/{category}", **fields})


def test_a_boundary_of_several_parts_with_fixed_factors():
    # To 1 April: electricity 3/12 of 4,044 = 1,011 kg; gas 750/1,500 of 3,118.5 = 1,559.25 kg; 70 % of both
    # is 1,799.175 kg. Measured: 2,700 kWh = 909.9 kg and 500 Nm3 = 1,039.5 kg, together 1,949.4 kg.
    # D = 150.225 / 1,799.175 = 8.3 %: red. Electricity is 909.9 - 707.7 = 202.2 kg over, gas 51.975 below.
    known = measured(meter("electricity", KWH, POWER), meter("natural-gas", NM3, GAS), factors=FACTORS)

    judged = evaluate(CO2, date(2026, 4, 1), known)

    assert (judged.base, judged.limit) == (Fraction("7162.5"), Fraction("5013.75"))
    assert (judged.limit_now, judged.actual) == (Fraction("1799.175"), Fraction("1949.4"))
    assert judged.drift == Fraction("150.225") / Fraction("1799.175")
    assert judged.band == "red"
    assert [(item.category, item.difference) for item in judged.contributions] == [
        ("electricity", Fraction("202.2")),
        ("natural-gas", Fraction("-51.975")),
    ]
    assert sum(item.budget for item in judged.contributions) == judged.limit_now
    assert judged.reasons[1].nl == "De grootste oorzaak: elektriciteit, 202 kg CO2e boven het budget."
    assert set(judged.factors) == {("energy", "electricity"), ("energy", "natural-gas")}


def test_a_part_that_is_left_out_is_neither_counted_nor_missing():
    no_gas = CO2.model_copy(
        update={
            "parts": target(
                parts=[part("electricity"), part("natural-gas", left_out="geen gas / no gas connection")]
            ).parts
        }
    )
    known = measured(meter("electricity", KWH, POWER), factors=FACTORS)

    judged = evaluate(no_gas, date(2026, 4, 1), known)

    # 70 % of 1,011 kg
    assert (judged.base, judged.limit_now, judged.actual) == (4044, Fraction("707.7"), Fraction("909.9"))
    assert judged.band == "red"
    assert [(item.state, item.why and item.why.en) for item in judged.coverage] == [
        ("measured", None),
        ("left-out", "Not counted: no gas connection."),
    ]


@pytest.mark.parametrize(
    ("gas", "code"),
    [
        ([], "part-missing"),
        (GAS[:12], "part-missing"),
        (GAS[12:], "part-missing-in-base"),
        (GAS[2:], "base-incomplete"),
    ],
)
def test_with_a_part_missing_in_the_period_or_the_base_year_there_is_no_verdict(gas, code):
    known = measured(meter("electricity", KWH, POWER), meter("natural-gas", NM3, gas), factors=FACTORS)

    judged = evaluate(CO2, date(2026, 4, 1), known)

    assert (judged.band, judged.drift) == ("unknown", None)
    assert code in codes(judged)
    assert (judged.base is None) == (code != "part-missing" or not gas)
    assert judged.actual is not None


def test_what_has_no_factor_cannot_be_counted():
    only_power = {key: factor for key, factor in FACTORS.items() if "electricity" in key}
    known = measured(meter("electricity", KWH, POWER), meter("natural-gas", NM3, GAS), factors=only_power)

    judged = evaluate(CO2, date(2026, 4, 1), known)

    assert judged.band == "unknown"
    assert "no-factor" in codes(judged)
    assert [item.state for item in judged.coverage] == ["measured", "missing"]


def test_a_category_without_a_factor_does_no_harm_while_it_is_not_used():
    fuels = part("natural-gas") | {"categories": ["natural-gas", "green-gas"]}
    gas = CO2.model_copy(update={"parts": target(parts=[fuels]).parts})

    judged = evaluate(gas, date(2026, 4, 1), measured(meter("natural-gas", NM3, GAS), factors=FACTORS))

    assert judged.band == "green"
    assert [item.state for item in judged.coverage] == ["measured"]


def test_a_factor_of_a_later_list_is_said():
    heat = CO2.model_copy(update={"parts": target("district-heat").parts})
    readings = months(2018, [10] * 12) + months(2026, [5] * 3)

    judged = evaluate(heat, date(2026, 4, 1), measured(meter("district-heat", GJ, readings), factors=FACTORS))

    # 15 GJ x 40.45 kg
    assert judged.actual == Fraction("606.75")
    assert judged.reasons[-1].code == "later-factor"
    assert judged.reasons[-1].en == "No CO2 factor of 2023 is known for district heat; that of 2026 is used."


@pytest.mark.parametrize(
    ("measured_kwh", "state"), [(299, "estimated"), (300, "estimated"), (301, "measured")]
)
def test_half_or_more_estimated_is_said(measured_kwh, state):
    power = CO2.model_copy(update={"parts": target("electricity").parts})
    real = meter("electricity", KWH, months(2018, [1000] * 12) + months(2026, [measured_kwh]))
    guess = meter("electricity", KWH, months(2026, [300]), source="/guess", method="estimated")

    judged = evaluate(power, date(2026, 2, 1), measured(real, guess, factors=FACTORS))

    assert judged.coverage[0].state == state
    assert judged.band == "green"
    assert ("estimated" in codes(judged)) == (state == "estimated")


# A base year of which only one amount is known: 1,000 GJ of heat, 12,000 kWh of electricity.
YEAR_OF_HEAT = [Reading(date(2018, 1, 1), date(2019, 1, 1), 1000)]
YEAR_OF_POWER = [Reading(date(2018, 1, 1), date(2019, 1, 1), 12_000)]
HEAT = target("district-heat", base_unit="J", unit="GJ", anchors=anchors({2018: 100, 2026: 70}))
KILOWATT_HOURS = target("electricity", base_unit="J", unit="kWh", anchors=anchors({2018: 100, 2026: 70}))


def test_heat_without_a_season_of_its_own_follows_the_degree_days_of_a_normal_year():
    # Weighted degree days, (18 - mean temperature) x weight x days:
    #   Jan 14.4 x 1.1 x 31 = 491.04   Feb 14.1 x 1.1 x 28 = 434.28   Mar 11.5 x 1.0 x 31 = 356.50
    #   Apr  8.2 x 0.8 x 30 = 196.80   May  4.6 x 0.8 x 31 = 114.08   Jun  1.8 x 0.8 x 30 =  43.20
    #   Jul  0                         Aug  0.1 x 0.8 x 31 =   2.48   Sep  3.3 x 0.8 x 30 =  79.20
    #   Oct  7.1 x 1.0 x 31 = 220.10   Nov 11.0 x 1.1 x 30 = 363.00   Dec 13.8 x 1.1 x 31 = 470.58
    # together 2,771.26, of which 1,281.82 before 1 April. The limit is 700 GJ.
    readings = YEAR_OF_HEAT + months(2025, [60] * 12) + months(2026, [120, 100, 90])

    judged = evaluate(HEAT, date(2026, 4, 1), measured(meter("district-heat", GJ, readings)))

    assert judged.limit_now == 700 * Fraction("1281.82") / Fraction("2771.26")  # 323.8 GJ
    assert judged.actual == 310
    assert judged.band == "green"
    assert "degree-days" in codes(judged)


def test_heat_that_was_read_every_month_follows_itself():
    readings = months(2018, [100] * 10 + [0] * 2) + months(2026, [60])

    judged = evaluate(HEAT, date(2026, 2, 1), measured(meter("district-heat", GJ, readings)))

    assert judged.limit_now == 70
    assert "degree-days" not in codes(judged)


def test_electricity_without_a_season_gets_its_verdict_when_the_year_is_over():
    readings = YEAR_OF_POWER + months(2025, [800] * 12) + months(2026, [700] * 12)
    known = measured(meter("electricity", KWH, readings))

    in_november = evaluate(KILOWATT_HOURS, date(2026, 11, 1), known)
    afterwards = evaluate(KILOWATT_HOURS, date(2027, 1, 1), known)

    assert (in_november.band, in_november.limit, in_november.limit_now) == ("unknown", 8400, None)
    # Without a season only the last twelve months say something: 800 x 2 + 700 x 10.
    assert in_november.projection == Projection(Fraction(8600), Fraction(8600))
    assert codes(in_november) == ["no-season"]
    assert "na afloop van 2026" in in_november.reasons[0].nl
    assert (afterwards.limit_now, afterwards.actual, afterwards.band) == (8400, 8400, "green")
    assert afterwards.outcome == "met"


# A base that the organisation gives: 2,000 kg.


def test_a_given_base_follows_the_season_of_the_years_named():
    # The limit is 75 % of 2,000 = 1,500 kg; S to 1 May of 2018 is 680 / 1,800.
    given = target("residual", base_amount="2000", base_year=2018)

    judged = evaluate(given, date(2026, 5, 1), measured(waste(150, 140, 130, 100)))

    assert (judged.base, judged.limit) == (2000, 1500)
    assert judged.limit_now == Fraction(1500 * 680, 1800)


def test_a_given_base_without_a_measured_year_waits_for_the_years_end():
    given = target("residual", base_amount="2000", base_year=None)
    known = measured(Source("residual", months(2025, [100 * KG] * 12) + months(2026, [120 * KG] * 12)))

    in_may = evaluate(given, date(2026, 5, 1), known)
    afterwards = evaluate(given, date(2027, 1, 1), known)

    assert (in_may.limit, in_may.limit_now, in_may.band) == (1500, None, "unknown")
    assert codes(in_may) == ["no-season"]
    assert (afterwards.limit_now, afterwards.actual, afterwards.outcome) == (1500, 1440, "met")


# What is not laid down


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base_year": None}, "no-base"),
        ({"anchors": []}, "no-anchors"),
        ({"anchors": anchors({2027: 80, 2030: 60})}, "no-limit-yet"),
    ],
)
def test_without_a_base_or_a_path_a_target_is_listed_without_a_verdict(fields, code):
    judged = evaluate(target("residual", **fields), date(2026, 5, 1), measured(waste(150, 140, 130, 100)))

    assert (judged.band, judged.limit, judged.limit_now, judged.drift) == ("unknown", None, None, None)
    assert codes(judged) == [code]
    assert judged.actual == 520


def test_a_year_after_the_last_anchor_has_no_limit():
    judged = evaluate(RESIDUAL, date(2027, 5, 1), measured(waste()), year=2027)

    assert "no-limit-any-more" in codes(judged)
    assert judged.outcome == "running"


def test_a_base_year_of_nothing_is_no_base():
    judged = evaluate(RESIDUAL, date(2026, 5, 1), measured(waste(150, 140, 130, 100, base=[0] * 12)))

    assert (judged.band, codes(judged)) == ("unknown", ["no-base"])


def test_a_base_year_that_is_not_over_is_no_base():
    running = target("residual", base_year=2026, anchors=anchors({2026: 100, 2030: 60}))

    judged = evaluate(running, date(2026, 5, 1), measured(waste(150, 140, 130, 100)))

    assert (judged.band, judged.base) == ("unknown", None)
    assert "base-incomplete" in codes(judged)


def test_where_nothing_is_allowed_yet_there_is_no_verdict():
    late = [0] * 6 + [300] * 6

    judged = evaluate(RESIDUAL, date(2026, 5, 1), measured(waste(150, 140, 130, 100, base=late)))

    assert (judged.limit_now, judged.drift, judged.band) == (0, None, "unknown")
    assert codes(judged) == ["no-budget-yet"]


@pytest.mark.parametrize(("april", "band"), [(0, "green"), (1, "red")])
def test_where_nothing_may_be_used_at_all_anything_is_red(april, band):
    neutral = target("residual", anchors=anchors({2018: 100, 2026: 0}))

    judged = evaluate(neutral, date(2026, 5, 1), measured(waste(0, 0, 0, april)))

    assert (judged.band, judged.drift) == (band, None)


# When the final year is over


@pytest.mark.parametrize(
    ("december", "outcome", "band"),
    # 11 months of 112 kg are 1,232 kg; the limit is 1,350 kg, the budget to 1 December 1,350 x 1,600 / 1,800.
    [(118, "met", "green"), (119, "missed", "amber"), (300, "missed", "red"), (None, "cannot-tell", "amber")],
)
def test_the_outcome_of_the_final_year(december, outcome, band):
    amounts = [112] * 11 + ([] if december is None else [december])

    judged = evaluate(RESIDUAL, date(2027, 1, 20), measured(waste(*amounts)))

    assert judged.period.start == date(2026, 1, 1)
    assert (judged.outcome, judged.band) == (outcome, band)
    assert codes(judged)[0] == outcome


def test_the_outcome_stays_and_a_source_that_never_came_leaves_it_open():
    known = measured(waste(*[112] * 12))
    holed = measured(waste(*[112] * 8))

    assert evaluate(RESIDUAL, date(2031, 6, 1), known).outcome == "met"
    never = evaluate(RESIDUAL, date(2031, 6, 1), holed)
    assert (never.outcome, never.band) == ("cannot-tell", "unknown")


def test_a_year_before_the_final_one_has_no_outcome():
    assert evaluate(RESIDUAL, date(2026, 2, 1), measured(waste()), year=2025).outcome == "running"


def test_the_outcome_is_open_while_the_final_year_runs():
    assert evaluate(RESIDUAL, date(2026, 12, 31), measured(waste(*[112] * 12))).outcome == "running"


@pytest.mark.parametrize(
    ("kilograms", "days", "outcome", "band"),
    [
        # Base year 10 kg a day, 3,650 kg; the limit of 2026 is 75 %, 2,737.5 kg. Until 16 December are 350 of
        # 365 days: 350 x 7.6 = 2,660 kg is below it, but 365 x 7.6 = 2,774 kg would not be.
        ("7.6", 350, "cannot-tell", "unknown"),
        ("7.6", 365, "missed", "amber"),
        # 350 x 7 = 2,450 kg, and 365 x 7 = 2,555 kg would still be below; met is said of all of it.
        ("7", 350, "cannot-tell", "green"),
        ("7", 365, "met", "green"),
        # 350 x 9 = 3,150 kg is too much already.
        ("9", 350, "missed", "red"),
    ],
)
def test_what_lacks_is_not_counted_as_nothing(kilograms, days, outcome, band):
    base = [Reading(date(2018, 1, 1) + timedelta(day), None, 10 * KG) for day in range(365)]
    year = [
        Reading(date(2026, 1, 1) + timedelta(day), None, int(Fraction(kilograms) * KG)) for day in range(days)
    ]
    known = measured(Source("residual", base, source="/2018"), Source("residual", year, source="/2026"))

    judged = evaluate(RESIDUAL, date(2027, 6, 1), known)

    assert (judged.outcome, judged.band) == (outcome, band)
    assert ("too-close" in codes(judged)) == (band == "unknown")
