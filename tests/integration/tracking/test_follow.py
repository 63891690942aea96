"""The tracker on a real database: what it stores, and of which changes people hear."""

import asyncio
from datetime import date

import psycopg
import pytest

from services.query.targets import targets_answer
from services.store.configuration import change
from services.store.connection import connect_async
from services.store.tracking import TrackerCursor, store_pass
from services.tracking.follow import Tracker
from tests.integration.query.asking import ask, count
from tests.integration.store.recording import query, value
from tests.integration.tracking.tracked import (
    changes,
    evaluations,
    month,
    paper,
    state,
    step,
    track,
)

JUNE = date(2026, 6, 10)
YEAR = range(1, 13)


def live(dsn, day, target="less-paper"):
    rows = ask(dsn, targets_answer, on=day.isoformat())["rows"]
    return next(row for row in rows if row["id"] == target)


def stored(dsn, target="less-paper"):
    rows = dict(query(dsn, "SELECT target, row FROM current_evaluation"))
    return rows[target]


def test_what_is_stored_is_the_row_of_the_call_and_only_once(organisation):
    # January to May: 5 x 75 = 375 kg where 5 x 70 = 350 kg are allowed; (375 - 350) / 350 = 0.071429.
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 75))
    step(organisation, JUNE)
    step(organisation, JUNE)

    assert evaluations(organisation) == [("red", "0.071429", "375")]
    assert stored(organisation) == live(organisation, JUNE)
    newest = "SELECT max(batch_no) FROM batch_log"
    assert query(organisation, "SELECT batch_no, day FROM tracker_cursor") == [
        (value(organisation, newest), JUNE)
    ]


def test_it_says_from_what_it_was_worked_out(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 75))

    inputs = value(organisation, "SELECT inputs FROM evaluation WHERE target = 'less-paper'")

    amounts = [(item["year"], item["base_quantity"]) for item in inputs["amounts"]]
    assert amounts == [(2018, "1200000000"), (2026, "375000000")]
    (source,) = inputs["sources"]
    assert (source["source"], source["readings"], source["first"], source["last"]) == (
        "/test",
        17,
        "2018-01-01",
        "2026-05-31",
    )
    assert inputs["target"]["slug"] == "less-paper"


def test_nothing_new_is_no_pass(organisation):
    async def steps():
        async with await connect_async(organisation, "writer") as connection:
            tracker = Tracker(connection)
            return [await tracker.step(JUNE), await tracker.step(JUNE), await tracker.step(date(2026, 6, 11))]

    assert asyncio.run(steps()) == [True, False, True]


def test_late_data_and_corrections_are_evaluated_again(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, (1, 2, 4, 5), 70))
    assert evaluations(organisation)[-1][0] == "unknown"  # March is missing

    track(organisation, JUNE, *paper(2026, [3], 70))
    assert evaluations(organisation)[-1] == ("green", "0", "350")

    track(organisation, JUNE, *paper(2026, [3], 105, revision=2))  # 385 / 350
    assert evaluations(organisation)[-1] == ("red", "0.1", "385")

    track(organisation, JUNE, *paper(2018, [12], 650, revision=2))  # 1,750 kg x 70 % x 500 / 1,750 = 350
    assert evaluations(organisation)[-1] == ("red", "0.1", "385")

    track(organisation, JUNE, *paper(2026, [3], 70, revision=3))
    assert evaluations(organisation)[-1] == ("green", "0", "350")
    assert stored(organisation) == live(organisation, JUNE)


def test_what_slips_is_told_once(organisation):
    """75 kg a month is 7 % too much: red from the second month end on, and once only."""
    track(organisation, date(2026, 1, 1), *paper(2018, YEAR, 100))
    told = []
    for number in range(1, 7):
        track(organisation, date(2026, number + 1, 2), *paper(2026, [number], 75))
        told.append(len(changes(organisation)))

    assert told == [0, 1, 1, 1, 1, 1]
    assert changes(organisation) == [("green", "red", date(2026, 2, 1), True)]
    assert state(organisation) == [("red", date(2026, 2, 1))]
    told_of = "SELECT row ->> 'band' FROM band_change JOIN evaluation USING (evaluation_no)"
    assert value(organisation, told_of) == "red"


def test_a_day_alone_can_tell(organisation):
    """Both months are in, but the second month's end is seen only when that day comes."""
    early, later = paper(2026, [1], 75), paper(2026, [2], 75)
    track(organisation, date(2026, 2, 1), *paper(2018, YEAR, 100), *early, *later)
    assert changes(organisation) == []

    step(organisation, date(2026, 3, 1))

    assert changes(organisation) == [("green", "red", date(2026, 2, 1), True)]


def test_what_gets_better_is_noted_as_such(organisation):
    track(organisation, date(2026, 4, 2), *paper(2018, YEAR, 100), *paper(2026, (1, 2, 3), 75))
    assert [row[:2] for row in changes(organisation)] == [("green", "red")]

    track(organisation, date(2026, 4, 2), *paper(2026, (1, 2, 3), 60, revision=2))

    assert [(*row[:2], row[3]) for row in changes(organisation)] == [
        ("green", "red", True),
        ("red", "green", False),
    ]


def test_incomplete_data_tell_nothing(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, (1, 5), 300))

    assert evaluations(organisation)[-1][0] == "unknown"
    assert changes(organisation) == []


def test_another_definition_tells_nobody(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 70))
    assert state(organisation) == [("green", None)]

    anchors = [{"year": 2018, "value": 100}, {"year": 2026, "value": 67}]  # 350 / 335: 4.5 % behind
    change(organisation, {"targets": {"less-paper": {"anchors": anchors}}}, "test")
    step(organisation, JUNE)

    assert evaluations(organisation)[-1][0] == "amber"
    assert state(organisation) == [("amber", date(2026, 2, 1))]
    assert changes(organisation) == []

    track(organisation, JUNE, *paper(2026, range(1, 6), 71, revision=2))  # 355 / 335: 6 % behind
    assert changes(organisation) == [("amber", "red", date(2026, 2, 1), True)]


def test_what_comes_with_another_definition_is_told(organisation):
    """Data that came after the last pass are news, whatever else changed meanwhile."""
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 70))
    change(organisation, {"targets": {"less-paper": {"en": "Less and less paper"}}}, "test")

    track(organisation, JUNE, *paper(2026, range(1, 6), 75, revision=2))

    assert changes(organisation) == [("green", "red", date(2026, 2, 1), True)]


def carrier(name, unit, year, months, quantity, **attributes):
    data = {"carrier": name, "quantity": quantity, "unit": unit}
    return [month("energy", year, number, data, **attributes) for number in months]


CO2 = {
    "nl": "Minder CO2",
    "en": "Less CO2",
    "theme": "co2",
    "kind": "reduction_vs_base",
    "measure": "co2e",
    "unit": "kg CO2e",
    "parts": ["electricity", "natural-gas"],
    "base_year": 2018,
    "anchors": [{"year": 2018, "value": 100}, {"year": 2026, "value": 80}],
    "red_from": "0.3",
}


def test_a_factor_tells_nobody(organisation):
    """Each month 1,000 kWh (x 0.337 = 337 kg) and 100 Nm3 (x 2.079 = 207.9 kg) in 2018: 544.9 kg.

    In 2026 700 kWh and 95 Nm3: 235.9 + 197.505 = 433.405 kg, where 435.92 are allowed: green. With a factor
    of 4.158 for gas: 752.8 kg in 2018, 630.91 in 2026 where 602.24 are allowed: 4.76 % behind.
    """
    change(organisation, {"targets": {"less-co2": CO2}}, "test")
    track(
        organisation,
        JUNE,
        *carrier("electricity", "kWh", 2018, YEAR, 1000),
        *carrier("natural-gas", "Nm3", 2018, YEAR, 100),
        *carrier("electricity", "kWh", 2026, range(1, 6), 700),
        *carrier("natural-gas", "Nm3", 2026, range(1, 6), 95),
    )
    # 5 x 433.405 and 5 x 435.92.
    row = stored(organisation, "less-co2")
    assert (row["actual"], row["limit_now"], row["band"]) == ("2167.025", "2179.600", "green")

    with psycopg.connect(organisation) as connection:
        connection.execute(
            "INSERT INTO emission_factor SELECT kind, category, unit, base_unit, base_units_per_unit,"
            " 2 * kg_co2e, chain, market, valid_from, valid_to, recorded_on + 1, source, certainty"
            " FROM emission_factor WHERE category = 'natural-gas' AND valid_from = '2023-01-01'"
        )
    step(organisation, JUNE)

    row = stored(organisation, "less-co2")
    assert (row["actual"], row["limit_now"], row["band"]) == ("3154.550", "3011.200", "amber")
    assert row["basis"]["factors"][1]["kg_co2e"] == "4.158"
    assert [band for band, _ in state(organisation, "less-co2")] == ["amber"]
    assert changes(organisation, "less-co2") == []

    # 2,000 kWh: 674 + 395.01 = 1,069.01 kg a month, 78 % behind.
    track(organisation, JUNE, *carrier("electricity", "kWh", 2026, range(1, 6), 2000, revision=2))
    assert changes(organisation, "less-co2") == [("amber", "red", date(2026, 2, 1), True)]


def test_a_new_factor_of_today_moves_nothing(organisation):
    change(organisation, {"targets": {"less-co2": CO2 | {"parts": ["natural-gas"]}}}, "test")
    gas = [
        *carrier("natural-gas", "Nm3", 2018, YEAR, 100),
        *carrier("natural-gas", "Nm3", 2026, range(1, 6), 95),
    ]
    track(organisation, JUNE, *gas)
    before = stored(organisation, "less-co2")

    with psycopg.connect(organisation) as connection:
        connection.execute(
            "INSERT INTO emission_factor SELECT kind, category, unit, base_unit, base_units_per_unit,"
            " 9 * kg_co2e, chain, market, '2026-01-01', '2027-01-01', recorded_on + 99, source, certainty"
            " FROM emission_factor WHERE category = 'natural-gas' AND valid_from = '2023-01-01'"
        )
    step(organisation, JUNE)

    assert stored(organisation, "less-co2") == before


def test_details_never_enter_a_target(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 70))
    before = stored(organisation)

    track(organisation, JUNE, *paper(2026, range(1, 6), 500, team="keuken", source="/kitchen"))

    assert stored(organisation) == before


def test_a_target_that_is_hidden_is_forgotten_and_begins_anew(organisation):
    track(organisation, JUNE, *paper(2018, YEAR, 100), *paper(2026, range(1, 6), 75))
    assert state(organisation) == [("red", date(2026, 2, 1))]

    change(organisation, {"targets": {"less-paper": {"enabled": False}}}, "test")
    step(organisation, JUNE)
    assert state(organisation) == []
    assert "less-paper" not in dict(query(organisation, "SELECT target, row FROM current_evaluation"))

    change(organisation, {"targets": {"less-paper": {"enabled": True}}}, "test")
    step(organisation, JUNE)
    assert state(organisation) == [("red", date(2026, 2, 1))]
    assert len(changes(organisation)) == 1


def test_an_overdue_milestone_is_told(organisation):
    plan = {"nl": "Plan", "en": "Plan", "theme": "knowledge", "kind": "milestone", "due": "2026-06-30"}
    change(organisation, {"targets": {"plan": plan}}, "test")
    step(organisation, date(2026, 6, 30))
    assert changes(organisation, "plan") == []

    step(organisation, date(2026, 7, 2))

    assert [row[:2] for row in changes(organisation, "plan")] == [("green", "red")]
    assert stored(organisation, "plan")["outcome"] == "missed"


@pytest.mark.parametrize("behind", ["batch_no = batch_no + 1", "day = day + 1"])
def test_of_two_trackers_one_stores(organisation, behind):
    count(organisation, *paper(2018, YEAR, 100))
    cursor = TrackerCursor(*query(organisation, "SELECT batch_no, day, configuration FROM tracker_cursor")[0])
    with psycopg.connect(organisation) as connection:
        connection.execute(f"UPDATE tracker_cursor SET {behind}")  # noqa: S608

    async def store():
        async with await connect_async(organisation, "writer") as connection:
            return await store_pass(connection, cursor, cursor._replace(batch_no=9), [], [], [], [])

    assert asyncio.run(store()) is False
    assert value(organisation, "SELECT batch_no FROM tracker_cursor") != 9
