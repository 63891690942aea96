"""Totals from the sums of months are those from the days, wherever factors and the asked days begin."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from services.store.configuration import change
from services.store.connection import connect
from services.store.factors import record_factors
from services.store.totals import whole_months
from tests.integration.query.asking import ask, count, event
from tests.integration.store.recording import supplier_factor
from tests.strategies import ORGANISATION

POWER = {"carrier": "electricity", "unit": "kWh", "method": "metered"}


@pytest.fixture(scope="module")
def months(postgres, template) -> Iterator[str]:
    """Two meters with a reading a day, a factor that begins within a month, one of a meter that ends so."""
    postgres.create_database("totals_months", template)
    dsn = postgres.dsn("totals_months")
    change(dsn, ORGANISATION, "test")
    readings = []
    for number in range(120):
        day = date(2024, 1, 1) + timedelta(days=number)
        for meter in ("heat-1", "other"):
            data = POWER | {"quantity": number + 1, "meter": meter, "from": f"{day}T10:00:00Z"}
            data |= {"to": f"{day}T11:00:00Z"}
            readings.append(event("energy", f"{day} {meter}", data))
    count(dsn, *readings)
    count(dsn, event("energy", "2024-02-03 other", retracted=True, revision=2))
    with connect(dsn) as connection:
        versions = [
            supplier_factor("electricity", None, "0.3", date(2024, 2, 11), date(2024, 9, 1)),
            supplier_factor("electricity", "heat-1", "0.1", date(2023, 1, 1), date(2024, 3, 20)),
        ]
        record_factors(connection, versions, "test")
    yield dsn
    postgres.drop_database("totals_months")


@pytest.mark.parametrize("bucket", ["month", "year", "all"])
@pytest.mark.parametrize(
    ("first", "end"),
    [
        ("2023-01-01", "2025-01-01"),
        ("2024-01-05", "2024-04-20"),
        ("2024-02-05", "2024-02-25"),
        ("2024-02-01", "2024-03-02"),
        ("2024-01-31", "2024-03-01"),
    ],
)
def test_they_are_those_of_the_days(months, bucket, first, end):
    """An answer as of an earlier moment is made of the days."""
    asked = {"kind": "energy", "from_": first, "to": end, "bucket": bucket, "by": "category,method"}
    now = ask(months, **asked)
    waste = {"stream": "residual", "quantity": 1, "unit": "kg"}
    count(months, event("waste", f"{bucket} {first}", waste, time="2024-02-03T12:00:00Z"))

    then = ask(months, **asked, as_of=now["as_of"])

    assert now["rows"]
    assert then["rows"] == now["rows"]


@pytest.mark.parametrize(
    ("start", "end", "whole"),
    [
        ("2024-01-01", "2024-03-01", ("2024-01-01", "2024-03-01")),
        ("2024-01-02", "2024-03-31", ("2024-02-01", "2024-03-01")),
        ("2023-12-31", "2024-01-31", ("2024-01-01", "2024-01-01")),
        ("2024-01-02", "2024-01-31", ("2024-01-31", "2024-01-31")),
        ("2024-01-01", "2024-01-31", ("2024-01-01", "2024-01-01")),
    ],
)
def test_the_months_that_are_asked_for_as_a_whole(start, end, whole):
    found = whole_months(date.fromisoformat(start), date.fromisoformat(end))

    assert found == tuple(map(date.fromisoformat, whole))
