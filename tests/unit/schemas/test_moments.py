from datetime import UTC, datetime

import pytest

from schemas.calendar import from_microseconds, to_microseconds
from schemas.moments import read_moment
from schemas.problems import Refusal


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T13:30:00Z", (2026, 3, 1, 13, 30)),
        ("2026-03-01T14:30:00+01:00", (2026, 3, 1, 13, 30)),
        ("2026-03-01t13:30:00z", (2026, 3, 1, 13, 30)),
        ("2026-03-01T13:30:00-00:00", (2026, 3, 1, 13, 30)),
        ("2026-03-01T08:00:00-05:30", (2026, 3, 1, 13, 30)),
        ("2026-03-01T13:30:00.5Z", (2026, 3, 1, 13, 30, 0, 500_000)),
        ("2026-03-01T13:30:00.000001Z", (2026, 3, 1, 13, 30, 0, 1)),
        ("2026-03-01T13:30:00.123400Z", (2026, 3, 1, 13, 30, 0, 123_400)),
        ("2024-02-29T00:00:00Z", (2024, 2, 29)),
        ("2000-01-01T00:00:00+01:00", (1999, 12, 31, 23)),
    ],
)
def test_a_moment_is_read_to_the_microsecond(text, moment):
    expected = datetime(*moment, tzinfo=UTC)

    assert from_microseconds(read_moment(text)) == expected
    assert read_moment(text) == to_microseconds(expected)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("2026-03-01T14:30:00", "no offset"),
        ("2026-03-01T14:30:00.5", "no offset"),
        ("2026-03-01T14:30:00.1234567Z", "more than 6 fraction digits"),
        ("2026-03-01T14:30:00.000000000000000000000000Z", "more than 6 fraction digits"),
        ("2026-06-30T23:59:60Z", "leap second"),
        ("1999-12-31T23:59:59Z", "before the year 2000"),
        ("0000-01-01T00:00:00Z", "before the year 2000"),
        ("2026-02-29T00:00:00Z", "not a day and time that exist"),
        ("2026-13-01T00:00:00Z", "not a day and time that exist"),
        ("2026-03-01T24:00:00Z", "not a moment"),
        ("2026-03-01T12:60:00Z", "not a moment"),
        ("2026-03-01T12:00:61Z", "not a moment"),
        ("2026-03-01T12:00:00+24:00", "not a moment"),
        ("2026-03-01T12:00:00+01:60", "not a moment"),
        ("2026-03-01T12:00:00+0100", "not a moment"),
        ("2026-03-01T12:00:00+01", "not a moment"),
        ("2026-03-01T12:00:00 +01:00", "not a moment"),
        ("2026-03-01T12:00:00,5Z", "not a moment"),
        ("2026-03-01T12:00:00.Z", "not a moment"),
        ("2026-03-01T12:00Z", "not a moment"),
        ("2026-03-01 12:00:00Z", "not a moment"),
        ("2026-03-01", "not a moment"),
        ("01-03-2026 12:00", "not a moment"),
        ("20260301T120000Z", "not a moment"),
        ("2026-W10-1T12:00:00Z", "not a moment"),
        ("12026-03-01T12:00:00Z", "not a moment"),
        (" 2026-03-01T12:00:00Z", "not a moment"),
        ("2026-03-01T12:00:00Z\n", "not a moment"),
        ("\N{FULLWIDTH DIGIT TWO}026-03-01T12:00:00Z", "not a moment"),
        ("", "not a moment"),
        (1772368200, "1772368200 is not a moment"),
        (None, "not a moment"),
        (["2026-03-01T12:00:00Z"], "an array is not a moment"),
    ],
)
def test_what_is_no_moment_says_why(value, problem):
    with pytest.raises(Refusal) as refusal:
        read_moment(value)

    assert problem in refusal.value.problem
    assert "RFC 3339" in refusal.value.allowed


def test_a_missing_offset_is_written_out():
    with pytest.raises(Refusal) as refusal:
        read_moment("2026-03-01T14:30:00")

    assert "2026-03-01T14:30:00+01:00" in refusal.value.hint
    assert "2026-03-01T14:30:00Z" in refusal.value.hint


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"])
def test_the_end_of_time_is_still_a_moment(text):
    assert read_moment(text) > read_moment("2100-01-01T00:00:00Z")
