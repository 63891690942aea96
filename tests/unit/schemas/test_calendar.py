from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import (
    DAY,
    HOUR,
    MICROSECONDS,
    Calendar,
    UnknownZone,
    day_parts,
    explained_split,
    from_microseconds,
    hour_parts,
    pinned_zone,
    split,
    to_microseconds,
)
from tests.unit.schemas.judging import AMSTERDAM

MINUTE = 60 * MICROSECONDS
moments = st.integers(0, 3_100_000_000_000_000).map(
    lambda microseconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


def at(text):
    return to_microseconds(datetime.fromisoformat(text))


def days(start, end=None, calendar=AMSTERDAM):
    return [(str(calendar.day(number)), weight) for number, weight in day_parts(calendar, start, end)]


def hours(start, end=None, calendar=AMSTERDAM):
    return [(from_microseconds(hour), weight) for hour, weight in hour_parts(calendar, start, end)]


def test_a_year_has_one_short_and_one_long_day():
    lengths = Counter(
        (AMSTERDAM.start_of(day + timedelta(days=1)) - AMSTERDAM.start_of(day)) // HOUR
        for day in (date(2026, 1, 1) + timedelta(days=number) for number in range(365))
    )

    assert lengths == {24: 363, 23: 1, 25: 1}


@pytest.mark.parametrize(
    ("day", "starts", "length"),
    [
        ("2026-01-15", "2026-01-14T23:00:00Z", 24),
        ("2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("2026-03-30", "2026-03-29T22:00:00Z", 24),
        ("2026-10-25", "2026-10-24T22:00:00Z", 25),
        ("2026-10-26", "2026-10-25T23:00:00Z", 24),
    ],
)
def test_days_around_the_clock_changes(day, starts, length):
    day = date.fromisoformat(day)
    start = AMSTERDAM.start_of(day)

    assert start == at(starts)
    assert AMSTERDAM.start_of(day + timedelta(days=1)) - start == length * HOUR
    assert AMSTERDAM.day(AMSTERDAM.index(start)) == day
    assert AMSTERDAM.day(AMSTERDAM.index(start - 1)) == day - timedelta(days=1)


@given(moments)
def test_the_day_of_a_moment_is_that_of_the_clock_on_the_wall(moment):
    assert AMSTERDAM.day(AMSTERDAM.index(to_microseconds(moment))) == (
        moment.astimezone(pinned_zone("Europe/Amsterdam")).date()
    )


@given(moments)
def test_microseconds_and_back(moment):
    assert from_microseconds(to_microseconds(moment)) == moment


def test_the_hours_of_the_long_night_are_told_apart():
    first = at("2026-10-25T02:30:00+02:00")
    second = at("2026-10-25T02:30:00+01:00")

    assert AMSTERDAM.hour_start(first) == at("2026-10-25T00:00:00Z")
    assert AMSTERDAM.hour_start(second) == at("2026-10-25T01:00:00Z")


def test_an_hour_of_a_half_hour_zone_begins_on_the_half_hour_of_utc():
    calendar = Calendar.of_zone("Asia/Kolkata", date(2026, 1, 1), date(2026, 1, 3))

    assert calendar.hour_start(at("2026-01-02T10:15:00Z")) == at("2026-01-02T09:30:00Z")


@pytest.mark.parametrize("instant", ["1999-12-29T22:59:59Z", "2100-01-01T23:00:00Z"])
def test_outside_the_calendar_is_an_error(instant):
    with pytest.raises(ValueError, match="outside the calendar"):
        AMSTERDAM.index(at(instant))


@pytest.mark.parametrize(
    "name", ["", "Amsterdam", "Europe/Nowhere", "Europe", "../tzdata.zi", "europe/amsterdam\0", "tzdata.zi"]
)
def test_what_is_no_zone(name):
    with pytest.raises(UnknownZone, match="not an IANA time zone"):
        Calendar.of_zone(name)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Australia/Lord_Howe", date(2026, 1, 1), date(2026, 12, 31)),
        ("Pacific/Apia", date(2011, 12, 1), date(2012, 1, 31)),
    ],
)
def test_zones_that_are_not_supported(name, first, last):
    with pytest.raises(UnknownZone, match="not supported"):
        Calendar.of_zone(name, first, last)


@pytest.mark.parametrize("name", ["America/Havana", "Asia/Beirut", "America/Sao_Paulo", "UTC"])
def test_days_follow_on_each_other_where_the_clock_changes_at_midnight(name):
    calendar = Calendar.of_zone(name, date(2000, 1, 1), date(2030, 12, 31))

    assert all(22 <= (later - earlier) / HOUR <= 25 for earlier, later in pairwise(calendar.starts))
    for start in calendar.starts[:-1]:
        local = from_microseconds(start).astimezone(pinned_zone(name))
        before = from_microseconds(start - 1).astimezone(pinned_zone(name))
        assert local.date() == calendar.day(calendar.index(start))
        assert before.date() < local.date() or before.fold < local.fold


# Splitting


def by_fractions(amount, weights):
    """The rule of the contract, recomputed one unit at a time with exact fractions."""
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    shares = [floor(share) for share in exact]
    for _ in range(amount - sum(shares)):
        lacking = [share - given for share, given in zip(exact, shares, strict=True)]
        shares[lacking.index(max(lacking))] += 1
    return shares


@given(st.integers(0, 10**17), st.lists(st.integers(1, 25 * HOUR), min_size=1, max_size=60))
def test_a_split_equals_an_independent_computation(amount, weights):
    shares = split(amount, weights)

    assert shares == by_fractions(amount, weights)
    assert sum(shares) == amount


@given(st.integers(0, 10**17), st.lists(st.integers(1, 10**11), min_size=1, max_size=40))
def test_a_split_is_explained_by_what_it_rounded(amount, weights):
    shares = explained_split(amount, weights)

    assert [share.amount for share in shares] == split(amount, weights)
    for share, weight in zip(shares, weights, strict=True):
        exact = Fraction(amount * weight, sum(weights))
        assert share.floor == floor(exact)
        assert Fraction(share.remainder, share.of) == exact - share.floor
    given_one = [share.remainder for share in shares if share.extra]
    others = [share.remainder for share in shares if not share.extra]
    assert not given_one or max(others) <= min(given_one)


@given(st.integers(0, 100), st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_small_amounts_over_equal_parts_go_to_the_earliest(amount, weights):
    assert split(amount, weights) == by_fractions(amount, weights)


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (0, [1, 1], [0, 0]),
        (1, [1, 1], [1, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (10, [1, 1, 1, 1], [3, 3, 2, 2]),
        (1, [1, 2], [0, 1]),
        (100, [23, 24, 25], [32, 33, 35]),
        (7, [5], [7]),
        (10**17, [3, 3, 3], [33333333333333334, 33333333333333333, 33333333333333333]),
    ],
)
def test_known_splits(amount, weights, shares):
    assert split(amount, weights) == shares


# Days and hours that a reading touches


def test_a_moment_counts_on_its_day_and_hour():
    midnight = at("2026-03-01T00:00:00+01:00")

    assert days(midnight) == [("2026-03-01", 1)]
    assert days(midnight - 1) == [("2026-02-28", 1)]
    assert hours(midnight - 1) == [(datetime(2026, 2, 28, 22, tzinfo=UTC), 1)]


def test_a_period_that_ends_at_midnight_does_not_touch_the_next_day():
    start, end = at("2026-03-01T00:00:00+01:00"), at("2026-03-03T00:00:00+01:00")

    assert days(start, end) == [("2026-03-01", DAY), ("2026-03-02", DAY)]
    assert days(start, end + 1) == [("2026-03-01", DAY), ("2026-03-02", DAY), ("2026-03-03", 1)]


def test_days_weigh_by_elapsed_time_over_both_clock_changes():
    spring = days(at("2026-03-28T00:00:00+01:00"), at("2026-03-31T00:00:00+02:00"))
    autumn = days(at("2026-10-24T00:00:00+02:00"), at("2026-10-27T00:00:00+01:00"))

    assert [weight // HOUR for _, weight in spring] == [24, 23, 24]
    assert [weight // HOUR for _, weight in autumn] == [24, 25, 24]


def test_an_hour_has_hours_and_a_microsecond_more_has_none():
    start = at("2026-03-01T12:40:00+01:00")

    assert hours(start, start + HOUR) == [
        (datetime(2026, 3, 1, 11, tzinfo=UTC), 20 * MINUTE),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), 40 * MINUTE),
    ]
    assert hours(start, start + HOUR + 1) == []


def test_an_hour_that_is_an_hour_of_the_clock_is_one_hour():
    start = at("2026-03-01T12:00:00+01:00")

    assert hours(start, start + HOUR) == [(datetime(2026, 3, 1, 11, tzinfo=UTC), 1)]


@pytest.mark.parametrize("text", ["2026-03-29T01:30:00+01:00", "2026-10-25T02:30:00+02:00"])
def test_hours_over_a_clock_change_follow_on_each_other(text):
    start = at(text)

    assert [weight for _, weight in hours(start, start + HOUR)] == [30 * MINUTE, 30 * MINUTE]
    assert hours(start, start + HOUR)[1][0] - hours(start, start + HOUR)[0][0] == timedelta(hours=1)


@given(
    moments,
    st.integers(1, 400 * DAY),
)
def test_the_days_of_a_period_cover_it_exactly(moment, length):
    start = to_microseconds(moment)
    parts = day_parts(AMSTERDAM, start, start + length)

    assert [number for number, _ in parts] == list(range(parts[0][0], parts[0][0] + len(parts)))
    assert AMSTERDAM.starts[parts[0][0]] <= start
    assert AMSTERDAM.starts[parts[-1][0]] < start + length <= AMSTERDAM.starts[parts[-1][0] + 1]
    assert len(parts) == 1 or sum(weight for _, weight in parts) == length
