from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracking.completeness import Check, check, ratio
from services.tracking.measured import Measured, Stream
from services.tracking.trajectory import Period
from tests.unit.tracking.book import Reading, Source, measured, moments, months, tiles

YEAR = Period.of_year(2026)
BEFORE = date(2025, 1, 1)
ALL = [[Stream("waste", category, "use") for category in ("residual", "paper")]]


def checked(*sources: Source, on: date = date(2026, 7, 1), period: Period = YEAR) -> Check:
    return check(measured(*sources).timelines, ALL, period, on, BEFORE)


def completeness(*readings: Reading, on: date = date(2026, 7, 1)) -> Fraction | None:
    return ratio(checked(Source("residual", readings), on=on).sources)


def daily(start: date, end: date) -> list[Reading]:
    return tiles(start, end, 1, 1)


# Examples


def test_a_daily_meter_with_ten_days_missing():
    # 1 January to 30 June is 181 days; 10 to 19 March are not there.
    readings = [
        reading
        for reading in daily(BEFORE, date(2026, 7, 1))
        if not date(2026, 3, 10) <= reading.start < date(2026, 3, 20)
    ]

    [source] = checked(Source("residual", readings)).sources

    assert (source.expected, source.missing, source.since) == (181, 10, date(2026, 3, 10))
    assert ratio([source]) == Fraction(171, 181)


def test_a_hole_of_most_of_the_time_is_no_rhythm():
    # Four weeks of January, then nothing until 20 June: 142 days.
    readings = daily(date(2026, 1, 1), date(2026, 1, 29)) + daily(date(2026, 6, 20), date(2026, 7, 1))

    [source] = checked(Source("residual", readings)).sources

    assert (source.expected, source.missing, source.since) == (181, 142, date(2026, 1, 29))


def test_half_a_day_of_quarter_hours_is_half_a_day_missing():
    full = measured(Source("residual", daily(BEFORE, date(2026, 7, 1))))
    [series] = full.sources
    halved = [
        row._replace(seconds=43_200, readings=48) if row.day == date(2026, 3, 10) else row
        for row in series.days
    ]
    known = replace(full, sources=[series._replace(days=tuple(halved))])

    [source] = check(known.timelines, ALL, YEAR, date(2026, 7, 1), BEFORE).sources

    assert source.missing == Fraction(1, 2)


def test_the_days_on_which_the_clock_changes_are_covered_by_23_and_25_hours():
    known = measured(Source("residual", daily(BEFORE, date(2027, 1, 1))))

    assert {row.seconds for row in known.sources[0].days} == {82_800, 86_400, 90_000}
    [source] = check(known.timelines, ALL, YEAR, date(2027, 1, 1), BEFORE).sources
    assert source.missing == 0


def test_a_monthly_invoice_still_to_come_is_not_missing_but_holds_the_verdict_back():
    # The invoice of May ends on 1 June; the next one is due two of its lengths later, on 1 August.
    invoices = Source("residual", months(2025, [1] * 12) + months(2026, [1] * 5))

    on_20_july = checked(invoices, on=date(2026, 7, 20))

    assert on_20_july.through == date(2026, 6, 1)
    assert on_20_july.sources[0].waits_from == date(2026, 6, 1)
    assert ratio(on_20_july.sources) == 1


def test_a_monthly_invoice_that_is_too_late_is_missing():
    invoices = Source("residual", months(2025, [1] * 12) + months(2026, [1] * 5))

    on_1_september = checked(invoices, on=date(2026, 9, 1))

    # 1 January to 31 August is 243 days; June, July and August are 92.
    [source] = on_1_september.sources
    assert on_1_september.through == date(2026, 9, 1)
    assert (source.silent, source.since) == (True, date(2026, 6, 1))
    assert (source.expected, source.missing) == (243, 92)


def test_a_daily_meter_that_fell_silent_waits_two_days():
    meter = Source("residual", daily(BEFORE, date(2026, 6, 1)))

    assert checked(meter, on=date(2026, 6, 3)).through == date(2026, 6, 1)
    late = checked(meter, on=date(2026, 6, 4))
    assert late.through == date(2026, 6, 4)
    assert (late.sources[0].silent, late.sources[0].since) == (True, date(2026, 6, 1))
    assert late.sources[0].missing == 3


def test_a_weekly_scale_holds_nothing_back_and_is_silent_after_twice_its_usual_gap():
    # Every 7 days: 6 empty days between. 2026-05-26 was the last; 12 empty days are over on 2026-06-08.
    scale = Source("residual", moments(date(2025, 1, 7), date(2026, 5, 27), 7, 1))

    assert scale.readings[-1].start == date(2026, 5, 26)
    patient = checked(scale, on=date(2026, 6, 8))
    assert (patient.through, patient.sources[0].silent) == (date(2026, 6, 8), False)
    assert ratio(patient.sources) == 1
    late = checked(scale, on=date(2026, 6, 9))
    # 13 empty days, of which 6 are usual.
    assert (late.through, late.sources[0].silent, late.sources[0].missing) == (date(2026, 6, 9), True, 7)
    assert late.sources[0].since == date(2026, 5, 27)


def test_a_source_that_another_took_over_is_not_missing():
    old = Source("residual", daily(BEFORE, date(2026, 4, 1)), source="/meter/old")
    new = Source("residual", daily(date(2026, 4, 1), date(2026, 7, 1)), source="/meter/new")

    both = checked(old, new)

    assert both.through == date(2026, 7, 1)
    assert ratio(both.sources) == 1
    assert [source.expected for source in both.sources] == [91, 90]


def test_old_and_new_may_share_the_day_of_the_change():
    old = Source("residual", daily(BEFORE, date(2026, 4, 2)), source="/meter/old")
    new = Source("residual", daily(date(2026, 4, 1), date(2026, 7, 1)), source="/meter/new")

    assert ratio(checked(old, new).sources) == 1


def test_days_between_the_old_meter_and_the_new_one_are_missing():
    old = Source("residual", daily(BEFORE, date(2026, 4, 1)), source="/meter/old")
    new = Source("residual", daily(date(2026, 4, 11), date(2026, 7, 1)), source="/meter/new")

    both = checked(old, new)

    assert [source.missing for source in both.sources] == [0, 10]
    assert [source.series.source for source in both.sources] == ["/meter/new", "/meter/old"]


@pytest.mark.parametrize("other", [{"category": "paper"}, {"site": "west"}])
def test_a_source_of_something_else_replaces_nothing(other):
    old = Source("residual", daily(BEFORE, date(2026, 4, 1)), source="/meter/old")
    new = Source(
        **{"category": "residual", "source": "/new", **other},
        readings=daily(date(2026, 4, 1), date(2026, 7, 1)),
    )

    assert [
        source.silent for source in checked(old, new).sources if source.series.source == "/meter/old"
    ] == [True]


def test_a_source_without_a_reading_in_twelve_months_is_no_longer_expected():
    stopped = Source("residual", daily(BEFORE, date(2025, 6, 2)))
    live = Source("paper", daily(BEFORE, date(2026, 7, 1)))

    assert len(checked(stopped, live, on=date(2026, 6, 1)).sources) == 2
    assert len(checked(stopped, live, on=date(2026, 6, 2)).sources) == 1


def test_a_yearly_survey_is_waited_for_a_year_after_the_year_that_it_is_of():
    survey = Source("residual", [Reading(date(2025, 1, 1), date(2026, 1, 1), 1)])

    on_1_december_2027 = checked(survey, on=date(2027, 12, 1))

    assert on_1_december_2027.through == YEAR.start
    assert on_1_december_2027.sources[0].waits_from == date(2026, 1, 1)
    assert checked(survey, on=date(2028, 6, 1)).sources == ()


def test_a_part_that_was_first_measured_in_march_lacks_january_and_february():
    new = Source("residual", daily(date(2026, 3, 1), date(2026, 7, 1)))

    [source] = checked(new).sources

    assert (source.missing, source.since) == (59, date(2026, 1, 1))


def test_a_second_source_that_begins_in_march_lacks_nothing():
    first = Source("residual", daily(BEFORE, date(2026, 7, 1)))
    second = Source("paper", daily(date(2026, 3, 1), date(2026, 7, 1)))

    assert ratio(checked(first, second).sources) == 1


def test_each_source_weighs_the_same():
    # Half of 181 days of one source, all of the other.
    silent = Source("residual", daily(BEFORE, date(2026, 4, 1)))
    live = Source("paper", daily(BEFORE, date(2026, 7, 1)))

    assert ratio(checked(silent, live).sources) == (Fraction(90, 181) + 1) / 2


def test_a_meter_that_gives_months_first_and_moments_since():
    readings = months(2025, [1] * 12) + moments(date(2026, 1, 6), date(2026, 7, 1), 7, 1)

    assert completeness(*readings) == 1


def test_no_more_is_missing_than_was_expected():
    # A meter of Mondays only becomes a scale of every day, and falls silent: 170 empty days, 26 Mondays.
    mondays = [reading for reading in daily(BEFORE, date(2026, 1, 5)) if reading.start.weekday() == 0]
    readings = mondays + moments(date(2026, 1, 5), date(2026, 1, 12), 1, 1)

    assert completeness(*readings) == 0


def test_nothing_is_expected_where_nothing_was_ever_measured():
    assert checked(on=date(2026, 7, 1)) == Check(date(2026, 7, 1), ())
    assert ratio([]) is None


def test_before_the_period_nothing_is_complete():
    assert (
        checked(Source("residual", daily(BEFORE, date(2026, 1, 1))), on=date(2026, 1, 1)).through
        == YEAR.start
    )


# What always holds

DAYS = (date(2026, 7, 1) - BEFORE).days
weekdays = st.sets(st.integers(0, 6), min_size=1)
rhythms = st.one_of(
    st.tuples(st.just("moments"), st.integers(1, 60), st.integers(0, 59)),
    st.tuples(st.just("tiles"), st.integers(1, 62), st.integers(0, 30)),
    st.tuples(st.just("moments on weekdays"), weekdays),
    st.tuples(st.just("days on weekdays"), weekdays),
)


def regular(rhythm: tuple) -> list[Reading]:
    end = date(2026, 7, 1)
    match rhythm:
        case ("moments", every, offset):
            return moments(BEFORE + timedelta(days=offset % every), end, every, 1)
        case ("tiles", length, offset):
            return tiles(BEFORE - timedelta(days=offset), end, length, 1)
        case (shape, days):
            on_days = [reading for reading in daily(BEFORE, end) if reading.start.weekday() in days]
            return [reading._replace(end=None) for reading in on_days] if "moments" in shape else on_days
    raise AssertionError(rhythm)


@given(rhythms)
def test_a_regular_source_of_any_rhythm_is_complete(rhythm):
    result = checked(Source("residual", regular(rhythm)))

    assert ratio(result.sources) == 1
    assert not any(source.silent or source.missing for source in result.sources)


@given(st.lists(st.integers(1, 40), min_size=3, max_size=60), st.data())
def test_without_any_one_of_the_readings_in_the_middle_a_tiled_series_is_less_complete(lengths, data):
    readings = []
    start = date(2026, 1, 1)
    for length in lengths:
        readings.append(Reading(start, start + timedelta(days=length), 1))
        start = readings[-1].end
    on = min(start, date(2027, 1, 1))
    inside = [reading for reading in readings[1:-1] if reading.end < on]
    if not inside:
        return
    lost = data.draw(st.sampled_from(inside))
    rest = [reading for reading in readings if reading != lost]

    [whole] = checked(Source("residual", readings), on=on).sources
    [holed] = checked(Source("residual", rest), on=on).sources

    assert whole.missing == 0
    assert holed.missing == (lost.end - lost.start).days
    assert holed.since == lost.start


readings = st.lists(st.tuples(st.integers(0, DAYS), st.integers(0, 62)), max_size=10)


def made_up(start: int, length: int) -> Reading:
    first = BEFORE + timedelta(days=start)
    return Reading(first, first + timedelta(days=length) if length else None, 1)


@settings(max_examples=30)
@given(st.lists(readings, min_size=1, max_size=3), st.integers(0, DAYS), st.randoms(use_true_random=False))
def test_completeness_is_a_ratio_and_knows_no_order(lists, day, random: Random):
    on = max(YEAR.start, BEFORE + timedelta(days=day))
    sources = [
        Source("residual", [made_up(*row) for row in rows], source=f"/{number}")
        for number, rows in enumerate(lists)
    ]
    known = measured(*sources)

    result = check(known.timelines, ALL, YEAR, on, BEFORE)

    found = ratio(result.sources)
    assert found is None or 0 <= found <= 1
    assert YEAR.start <= result.through <= on
    shuffled = Measured(
        random.sample(known.amounts, len(known.amounts)),
        [
            series._replace(days=tuple(random.sample(series.days, len(series.days))))
            for series in random.sample(known.sources, len(known.sources))
        ],
    )
    again = check(shuffled.timelines, ALL, YEAR, on, BEFORE)
    assert [source._replace(series=None) for source in again.sources] == [
        source._replace(series=None) for source in result.sources
    ]
    assert again.through == result.through
