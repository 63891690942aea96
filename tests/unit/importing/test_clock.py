import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import from_microseconds
from schemas.problems import Refusal
from services.importing.clock import Clock, Period
from services.importing.profile import TimeRule

ZONE = ZoneInfo("Europe/Amsterdam")
QUARTER = dt.timedelta(minutes=15)
SPRING, AUTUMN = dt.date(2026, 3, 29), dt.date(2026, 10, 25)


def clock(**rule: object) -> Clock:
    return Clock(TimeRule.model_validate({"columns": ["x"], **rule}))


def starts(periods: list[Period]) -> list[dt.datetime]:
    return [from_microseconds(period.start) for period in periods]


def quarters(day: dt.date) -> list[dt.datetime]:
    """The quarter-hours of a local day, in UTC."""
    first, end = (
        dt.datetime.combine(date, dt.time(), ZONE).astimezone(dt.UTC)
        for date in (day, day + dt.timedelta(days=1))
    )
    return list(
        itertools.takewhile(lambda moment: moment < end, (first + n * QUARTER for n in itertools.count()))
    )


@pytest.mark.parametrize(("day", "rows"), [(SPRING, 92), (AUTUMN, 100), (dt.date(2026, 6, 1), 96)])
@pytest.mark.parametrize("stamp", ["start", "end"])
def test_local_stamps_are_read_back_over_a_clock_change(day: dt.date, rows: int, stamp: str) -> None:
    expected = quarters(day)
    lag = QUARTER if stamp == "end" else dt.timedelta(0)
    texts = [(moment + lag).astimezone(ZONE).strftime("%d-%m-%Y %H:%M") for moment in expected]
    reader = clock(length="15 minutes", stamp=stamp)

    periods = [reader.period([text], "", "meter") for text in texts]

    assert len(expected) == rows
    assert starts(periods) == expected
    assert {period.end - period.start for period in periods if period.end} == {900_000_000}
    assert {period.day for period in periods} == {day}


def test_an_end_may_be_named_by_the_clock_before_it_changes() -> None:
    """02:45 to 03:00 summer time ends at 03:00 by one clock, at 02:00 by another; both are read alike."""
    expected = quarters(AUTUMN)
    texts = [
        (moment.astimezone(ZONE).replace(tzinfo=None) + QUARTER).strftime("%Y-%m-%d %H:%M")
        for moment in expected
    ]
    reader = clock(length="15 minutes", stamp="end")

    assert starts([reader.period([text], "", "meter") for text in texts]) == expected


def test_each_meter_has_an_hour_that_comes_twice() -> None:
    reader = clock(length="15 minutes")
    texts = ["2026-10-25 02:00", "2026-10-25 02:00"]

    both = [[reader.period([text], "", meter) for meter in ("a", "b")] for text in texts]

    assert both[0][0].start == both[0][1].start
    assert both[1][0].start == both[1][1].start == both[0][0].start + 3_600_000_000
    assert both[0][0].twice


@pytest.mark.parametrize("length", ["moment", "15 minutes"])
def test_a_time_that_the_clock_skipped_is_refused(length: str) -> None:
    with pytest.raises(Refusal, match="does not exist") as refused:
        clock(length=length).period(["2026-03-29 02:30"], "", None)

    assert "time.zone" in str(refused.value.hint)


def test_in_utc_no_time_is_skipped() -> None:
    period = clock(length="15 minutes", zone="UTC").period(["2026-03-29 02:30"], "", None)

    assert from_microseconds(period.start) == dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.UTC)


@given(st.dates(dt.date(2000, 1, 2), dt.date(2099, 12, 30)))
def test_a_day_is_from_midnight_to_midnight(day: dt.date) -> None:
    period = clock(length="day").period([day], "", None)

    assert period.end is not None
    assert from_microseconds(period.start).astimezone(ZONE) == dt.datetime.combine(day, dt.time(), ZONE)
    assert from_microseconds(period.end).astimezone(ZONE).date() == day + dt.timedelta(days=1)


def test_the_last_day_of_a_period_is_in_it() -> None:
    reader = clock(length="day", until="y")

    period = reader.period(["01-02-2026"], "28-02-2026", None)

    assert period.end is not None
    assert from_microseconds(period.end).astimezone(ZONE) == dt.datetime(2026, 3, 1, tzinfo=ZONE)
    with pytest.raises(Refusal, match="before it begins"):
        reader.period(["01-02-2026"], "31-01-2026", None)


@pytest.mark.parametrize("text", ["02-2026", "2026-02", "februari 2026", "2026-02-14"])
def test_a_month_is_read_whole(text: str) -> None:
    period = clock(length="month").period([text], "", None)

    assert period.end is not None
    assert period.end - period.start == 28 * 86_400_000_000
