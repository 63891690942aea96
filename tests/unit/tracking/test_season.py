from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracking.measured import Measured, Stream
from services.tracking.season import season
from services.tracking.trajectory import Period
from tests.unit.tracking.book import Reading, Source, measured, months

STREAMS = {
    "paper": Stream("waste", "paper", "use"),
    "district-heat": Stream("energy", "district-heat", "use"),
}
amounts = st.lists(st.integers(0, 1000), min_size=12, max_size=12).filter(any)
years = st.sampled_from([2023, 2024, 2026])


@settings(max_examples=12)
@given(amounts, amounts, years, st.sampled_from(["paper", "district-heat"]))
def test_s_rises_from_0_to_1(first, second, year, category):
    known = measured(
        Source(category, months(2018, first)), Source(category, months(2020, second), source="/other")
    )

    assert_rises_from_0_to_1(known, STREAMS[category], year)


@given(years)
def test_s_of_degree_days_rises_from_0_to_1(year):
    of_a_year = Reading(date(2018, 1, 1), date(2019, 1, 1), 1000)

    assert_rises_from_0_to_1(measured(Source("district-heat", [of_a_year])), STREAMS["district-heat"], year)


def assert_rises_from_0_to_1(known: Measured, stream: Stream, year: int) -> None:
    period = Period.of_year(year)
    days = [period.start + timedelta(days=number) for number in range((period.end - period.start).days + 1)]
    found = [season(known, stream, (2018, 2020), period, day) for day in days]
    shares = [part.share for part in found if part is not None]

    assert len(shares) == len(days)
    assert (shares[0], shares[-1]) == (0, 1)
    assert shares == sorted(shares)


def test_only_readings_up_to_a_month_have_a_season():
    # 31 days is a month; 32 days are longer.
    long = [Reading(date(2018, 1, 1), date(2018, 2, 2), 10), *months(2018, [10] * 10, first=3)]
    known = measured(Source("paper", months(2019, [10] * 12)), Source("paper", long, source="/long"))
    period = Period.of_year(2026)

    assert season(known, STREAMS["paper"], (2018,), period, date(2026, 3, 1)) is None
    assert season(known, STREAMS["paper"], (2018, 2019), period, date(2026, 3, 1)).share == Fraction(2, 12)
    assert season(known, STREAMS["paper"], (2018,), period, date(2027, 1, 1)).share == 1
