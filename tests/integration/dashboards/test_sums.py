"""The sums that panels add up are those of the days, wherever months, factors and the chosen range begin."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.local.postgres import Cluster
from services.store.connection import connect
from services.store.factors import record_factors
from tests.integration.store.recording import query, supplier_factor, value

RANGES = [
    ("2024-01-01", "2026-03-01"),
    ("2024-01-02", "2026-02-28"),
    ("2024-01-31", "2025-12-31"),
    ("2024-03-05", "2024-03-20"),
    ("2024-03-05", "2024-04-01"),
    ("2024-03-01", "2024-04-02"),
    ("2024-03-01", "2024-03-01"),
    ("2024-04-01", "2024-03-01"),
]
LEAF = "team, site, kind, category, flow, method, detail, base_unit, unit, nl, en"


@pytest.fixture(scope="module")
def with_factors(sample: str, postgres: Cluster) -> Iterator[str]:
    """The sample with a factor that begins within a month, and one of a meter that ends within another."""
    name = "dashboards_factors"
    postgres.create_database(name, "dashboards_sample")
    dsn = postgres.dsn(name)
    (meter,) = query(
        dsn,
        "SELECT category, meter FROM measurement"
        " WHERE meter IS NOT NULL AND category = 'electricity' LIMIT 1",
    )
    with connect(dsn) as connection:
        record_factors(
            connection,
            [
                supplier_factor("electricity", None, "0.3", date(2024, 3, 11), date(2024, 9, 1)),
                supplier_factor(meter[0], meter[1], "0.1", date(2024, 1, 1), date(2024, 5, 20)),
            ],
            "test",
        )
    assert value(dsn, "SELECT count(*) FROM meter_day")
    yield dsn
    postgres.drop_database(name)


def _by_bucket(dsn: str, source: str, start: str, columns: str) -> list[Any]:
    return query(
        dsn,
        f"SELECT {start}, {LEAF}, {columns} FROM {source} GROUP BY 1, {LEAF} ORDER BY {LEAF}, 1",  # noqa: S608
    )


@pytest.mark.parametrize("per", ["day", "week", "month", "year"])
@pytest.mark.parametrize(("first", "end"), RANGES)
def test_amounts(sample: str, per: str, first: str, end: str) -> None:
    sums = f"dashboard_sums('{per}', '{first}', '{end}')"
    columns = "sum(quantity), sum(readings), sum(amount)"
    found = _by_bucket(sample, sums, "start", f"{columns}, max(newest)")

    start = f"greatest(date_trunc('{per}', day::timestamp)::date, '{first}')"
    days = f"dashboard_day WHERE day >= '{first}' AND day < '{end}'"
    expected = _by_bucket(sample, days, start, f"{columns}, max(day)")
    assert bool(expected) is (first < end)
    assert [row[:-1] for row in found] == [row[:-1] for row in expected]
    newest: dict[Any, date] = {}
    for row in expected:
        newest[row[1:12]] = max(row[-1], newest.get(row[1:12], row[-1]))
    assert [row[-1] for row in found] == [newest[row[1:12]] for row in expected]


@pytest.mark.parametrize("per", ["day", "week", "month", "year"])
@pytest.mark.parametrize(("first", "end"), RANGES)
def test_co2e(with_factors: str, per: str, first: str, end: str) -> None:
    """The old view reads day by day; both may say of a bucket that a part of it has no factor."""
    columns = "sum(quantity), sum(readings), sum(current), sum(constant)"
    sums = f"dashboard_co2e_sums('energy', 'wtw', 'location', '{per}', '{first}', '{end}')"
    found = _by_bucket(with_factors, sums, "start", columns)

    start = f"greatest(date_trunc('{per}', day::timestamp)::date, '{first}')"
    days = (
        "dashboard_co2e WHERE kind = 'energy' AND chain = 'wtw' AND market = 'location'"
        f" AND day >= '{first}' AND day < '{end}'"
    )
    expected = _by_bucket(with_factors, days, start, columns)
    assert bool(expected) is (first < end)
    assert [row[:-2] for row in found] == [row[:-2] for row in expected]
    for mine, theirs in zip(found, expected, strict=True):
        for place in (-2, -1):
            assert (mine[place] is None) is (theirs[place] is None)
            # A quotient of each part is rounded at the sixteenth digit behind the point or later.
            assert mine[place] is None or abs(mine[place] - theirs[place]) < Decimal("1e-9")
