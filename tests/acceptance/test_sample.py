"""The sample organisation through the real stack, loaded until a day in 2024 to keep it short."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from services.client import Door, connect
from services.errors import UserError
from services.sample.commands import apply_organisation, load_until
from services.settings import Settings
from services.store.configuration import change
from tests.stacks import Stack

FIRST_LOAD = date(2024, 9, 10)


@pytest.fixture
def door(stack: Stack) -> Iterator[Door]:
    with connect(Settings(home=stack.home)) as door:
        yield door


def totals(door: Door, kind: str, first: str, last: str, **query: str) -> list[dict[str, Any]]:
    period = {"from": first, "to": last}
    return list(door.rows("/v1/totals", kind=kind, bucket="all", **period, **query))


def test_the_sample_is_loaded_once_and_then_day_by_day(
    stack: Stack, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = stack.state.owner_dsn
    assert dsn is not None
    apply_organisation(dsn)

    load_until(door, FIRST_LOAD)

    assert ", 0 were there already, 1 not counted" in capsys.readouterr().out
    (waste,) = totals(door, "waste", "2023-01-01", "2024-01-01")
    assert waste["base_quantity"] == str(1_720_000 * 10**6)
    (operations,) = totals(door, "activity", "2023-01-01", "2024-01-01", category="operations")
    assert operations["base_quantity"] == "15000"
    (day,) = totals(door, "energy", "2024-03-12", "2024-03-13", category="electricity", site="onderzoek")
    assert 40_000 < float(day["quantity"]) < 60_000, "the correction counts, not what was posted at first"
    assert [row["team"] for row in door.rows("/v1/rejects")] == ["inzameling"]

    load_until(door, FIRST_LOAD)

    assert "is loaded" in capsys.readouterr().out

    load_until(door, date(2024, 9, 12))

    assert ", 0 were there already, 0 not counted" in capsys.readouterr().out
    (admissions,) = totals(door, "activity", "2024-09-09", "2024-09-12", category="admissions")
    assert admissions["readings"] == 3

    tour = stack.run("sample", "tour")

    assert "door" in tour
    assert "groenmeter totals" in tour
    assert "CO2 of buildings and energy -30 % in 2026" in tour
    assert "groenmeter provision" in tour


def test_a_real_organisation_is_left_alone(database: str) -> None:
    change(database, {"name": "A real hospital"}, "test")

    with pytest.raises(UserError, match="A real hospital"):
        apply_organisation(database)
