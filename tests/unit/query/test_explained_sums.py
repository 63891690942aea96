"""Sums between the days on which a factor changes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from services.query.explained_sums import edges_of, segments_of
from services.query.explained_total import VIEWS
from services.store.explain import KnownFactor, SumRow

APRIL, MAY, JUNE, JULY = (date(2026, month, 1) for month in (4, 5, 6, 7))
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


def version(number, holds_from, holds_to, kilograms="0.5", meter=None):
    return KnownFactor(
        number, "energy", "electricity", meter, meter, "wtw", "location", "J", holds_from, holds_to,
        Decimal(kilograms), "kWh", 3_600_000, "a list", "seen", holds_from, holds_to, KNOWN,
    )  # fmt: skip


def row(segment, quantity, meter=None, flow="use", team="keuken"):
    return SumRow(team, "main", "electricity", flow, "metered", False, "J", meter, segment, quantity, 1)


def told(rows, versions, end=JULY):
    edges = edges_of(versions, APRIL, end)
    return [
        (part.start, part.end, part.meter, part.base_quantity, part.readings, part.exact("current"))
        for part in segments_of(rows, edges, end, versions, VIEWS)
    ]


def test_a_segment_for_each_factor_over_all_teams():
    versions = [version(1, date(2026, 1, 1), MAY), version(2, MAY, date(2027, 1, 1), "0.25")]

    assert told([row(1, 7_200_000), row(2, 3_600_000), row(2, 1, team="ok-centrum")], versions) == [
        (APRIL, MAY, None, 7_200_000, 1, Fraction(1)),
        (MAY, JULY, None, 3_600_001, 2, Fraction(3_600_001, 4 * 3_600_000)),
    ]


def test_days_of_one_version_are_one_segment_and_days_without_any_have_no_co2e():
    versions = [version(1, APRIL, MAY), version(1, MAY, JUNE)]

    assert told([row(1, 3_600_000), row(2, 3_600_000), row(3, 5)], versions) == [
        (APRIL, JUNE, None, 7_200_000, 2, Fraction(1)),
        (JUNE, JULY, None, 5, 1, None),
    ]


def test_a_meter_with_factors_of_its_own_is_apart():
    versions = [version(1, APRIL, JULY), version(2, APRIL, JULY, "0", meter="west")]

    assert told([row(1, 3_600_000), row(1, 7_200_000, meter="west")], versions) == [
        (APRIL, JULY, None, 3_600_000, 1, Fraction(1, 2)),
        (APRIL, JULY, "west", 7_200_000, 1, Fraction(0)),
    ]


def test_what_is_fed_in_has_no_co2e_and_segments_without_anything_are_left_out():
    versions = [version(1, APRIL, MAY), version(2, MAY, JULY)]

    assert told([row(2, 9, flow="feed-in")], versions) == [(APRIL, JULY, None, 9, 1, None)]
    assert told([row(2, 9)], versions)[0][:2] == (MAY, JULY)
