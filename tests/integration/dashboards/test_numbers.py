"""The numbers of the panels are those of `groenmeter totals` for the same days."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import psycopg
import pytest

from schemas.calendar import pinned_zone
from services.store.connection import with_role
from services.store.totals import REFERENCE_DAY
from tests.integration.dashboards.panel_sql import ZONE, Range, answer, answers
from tests.integration.query.asking import ask, count, event
from tests.integration.store.recording import query, value

FIRST, END = date(2024, 3, 10), date(2026, 2, 15)  # in the middle of months, over changes of the clock
DAYS = Range(*(datetime(day.year, day.month, day.day, tzinfo=ZONE) for day in (FIRST, END)))
UP_TO_NOW = Range(DAYS.start, datetime.now(ZONE) + timedelta(days=1))
PER = {"J": 3_600_000, "ml_n": 10**6, "ml": 1000, "mg": 10**6, "cent": 100, "piece": 1, "1": 1}
JOULES_IN_GJ = 10**9
HALF_A_GRAM = Fraction(1, 2000)


def totals(dsn: str, **parameters: str) -> list[Any]:
    found = ask(dsn, from_=FIRST.isoformat(), to=END.isoformat(), limit="10000", **parameters)
    assert found["rows"]
    assert found["cursor"] is None
    return found["rows"]


def names(dsn: str, kind: str) -> dict[str, str]:
    return dict(query(dsn, f"SELECT category, en FROM catalogue_name WHERE kind = '{kind}'"))  # noqa: S608


def over_time(dsn: str, file: str, title: str, **variables: str) -> dict[tuple[str, str], Fraction]:
    """What a panel over time shows, by the first day of the bucket and the name of the series."""
    rows = answer(dsn, file, title, DAYS, **variables).rows
    found = {(str(moment.astimezone(ZONE).date()), name): Fraction(amount) for moment, name, amount in rows}
    assert len(found) == len(rows)
    return found


def table(dsn: str, file: str, title: str, **variables: str) -> list[dict[str, Any]]:
    found = answer(dsn, file, title, DAYS, **variables)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def shown(row: Any) -> Fraction:
    """The amount of a total in the unit that people see."""
    per = JOULES_IN_GJ if row.get("category") == "district-heat" else PER[row["base_unit"]]
    return Fraction(int(row["base_quantity"]), per)


@pytest.mark.parametrize("per", ["day", "month", "year"])
def test_the_energy_used(sample, per):
    found = {
        key: amount
        for title in ("Electricity", "Heat", "Gas", "Fuel")
        for key, amount in over_time(sample, "en/energy.json", title, per=per).items()
    }

    carriers = names(sample, "energy")
    assert found == {
        (row["start"], carriers[row["category"]]): shown(row)
        for row in totals(sample, kind="energy", bucket=per, by="category")
    }


def test_the_energy_of_a_site(sample):
    sites = {"Main building": "main", "Research building": "onderzoek"}
    found = {
        (sites[row["site"]], row["category"]): (Fraction(row["amount"]), row["readings"])
        for row in table(sample, "en/energy.json", "By site")
    }

    carriers = names(sample, "energy")
    assert found == {
        (row["site"], carriers[row["category"]]): (shown(row), row["readings"])
        for row in totals(sample, kind="energy", by="category,site")
    }


@pytest.mark.parametrize("basis", ["wtw,location", "wtw,market", "ttw,location"])
@pytest.mark.parametrize(
    ("view", "title"), [("current", "CO2e, today's factors"), ("constant", "CO2e, fixed factors (2023)")]
)
def test_the_co2e_of_energy(sample, view, title, basis):
    """To the gram, and no bar where the totals have no factor. The totals round, the panels do not."""
    chain, market = basis.split(",")
    found = over_time(sample, "en/energy.json", title, chain=chain, market=market)

    carriers = names(sample, "energy")
    expected = {
        (row["start"], carriers[row["category"]]): Fraction(row["co2e"][view])
        for row in totals(sample, kind="energy", bucket="month", by="category", basis=basis)
        if row["co2e"][view] is not None
    }
    assert set(found) == set(expected)
    assert all(abs(found[key] * 1000 - expected[key]) <= HALF_A_GRAM + Fraction(1, 10**9) for key in found)


def test_the_co2e_of_each_year(sample):
    found = {
        (row["year"], row["category"]): row
        for row in table(sample, "en/energy.json", "By year", market="market")
    }

    carriers = names(sample, "energy")
    expected = totals(sample, kind="energy", bucket="year", by="category", basis="wtw,market")
    assert len(found) == len(expected)
    for row in expected:
        mine = found[row["start"][:4], carriers[row["category"]]]
        assert Fraction(mine["amount"]) == shown(row)
        for view in ("current", "constant"):
            assert (mine[view] is None) is (row["co2e"][view] is None)
            if mine[view] is not None:
                assert round(mine[view] * 1000, 3) == Decimal(row["co2e"][view])


def test_what_was_reported(sample):
    """Of the publications that touch the chosen days, beside what is so: the three views of the totals."""
    found = {
        (row["publication"], row["category"]): row
        for row in table(sample, "en/energy.json", "As reported", market="market")
    }

    carriers = names(sample, "energy")
    days = {"from_": "2024-06-01", "to": "2026-03-01"}
    expected = ask(sample, kind="energy", by="category", basis="wtw,market", **days)["rows"]
    assert expected
    assert set(found) == {("Report of two years", carriers[row["category"]]) for row in expected}
    for row in expected:
        mine = found["Report of two years", carriers[row["category"]]]
        assert Fraction(mine["amount"]) == shown(row)
        for column, view in (
            ("reported", "as_reported"),
            ("current", "current"),
            ("constant", "constant"),
        ):
            assert (mine[column] is None) is (row["co2e"][view] is None)
            if mine[column] is not None:
                assert round(mine[column] * 1000, 3) == Decimal(row["co2e"][view])


def test_what_has_no_factor_is_told(sample):
    found = {
        (row["year"], row["category"]): (row["no_current"], row["no_constant"])
        for row in table(sample, "en/energy.json", "Not in CO2e yet")
    }

    carriers = names(sample, "energy")
    expected = {
        (row["start"][:4], carriers[row["category"]]): (
            row["co2e"]["current"] is None,
            row["co2e"]["constant"] is None,
        )
        for row in totals(sample, kind="energy", bucket="year", by="category")
    }
    assert found == {key: missing for key, missing in expected.items() if any(missing)}


def test_generation_is_no_use(sample):
    found = over_time(sample, "en/energy.json", "Own generation and feed-in", per="year")

    assert found == {
        (row["start"], "generation"): shown(row)
        for row in totals(sample, kind="energy", bucket="year", by="category", flow="generation,feed-in")
    }


def test_the_reference_year_is_that_of_the_totals(database):
    definition = value(database, "SELECT pg_get_viewdef('dashboard_co2e')")

    assert definition.count(f"'{REFERENCE_DAY}'::date") == 2


def test_the_waste_streams(sample):
    found = table(sample, "en/waste.json", "Waste streams")

    streams = names(sample, "waste")
    expected = {streams[row["category"]]: row for row in totals(sample, kind="waste", by="category")}
    assert {row["stream"]: (Fraction(row["amount"]), row["readings"]) for row in found} == {
        name: (shown(row), row["readings"]) for name, row in expected.items()
    }
    assert sum(row["share"] for row in found) == pytest.approx(1)


def test_the_sorts_of_waste_are_all_of_the_waste(sample):
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    for (start, _), tonnes in over_time(sample, "en/waste.json", "Waste by sort").items():
        found[start] += tonnes * 1000

    assert found == {row["start"]: shown(row) for row in totals(sample, kind="waste", bucket="month")}


def test_the_unsorted_share_is_a_sum_over_a_sum(sample):
    found = over_time(sample, "en/waste.json", "Unsorted share", per="year")

    unsorted: defaultdict[str, Fraction] = defaultdict(Fraction)
    everything: defaultdict[str, Fraction] = defaultdict(Fraction)
    for row in totals(sample, kind="waste", bucket="year", by="category"):
        everything[row["start"]] += shown(row)
        if row["category"] in ("residual", "healthcare-residual", "bulky"):
            unsorted[row["start"]] += shown(row)
    shares = {start: amount for (start, name), amount in found.items() if name == "unsorted"}
    assert shares.keys() == everything.keys()
    for start, share in shares.items():
        assert share == pytest.approx(100 * unsorted[start] / everything[start])


@pytest.mark.parametrize(
    ("title", "kind", "base_unit"),
    [
        ("Food thrown away", "food-waste", "mg"),
        ("Medicines thrown away", "medication-waste", "piece"),
        ("Value of medicines thrown away", "medication-waste", "cent"),
    ],
)
def test_food_and_medication(sample, title, kind, base_unit):
    found = over_time(sample, "en/waste.json", title)

    categories = names(sample, kind)
    assert found == {
        (row["start"], categories[row["category"]]): shown(row)
        for row in totals(sample, kind=kind, bucket="month", by="category")
        if row["base_unit"] == base_unit
    }


@pytest.mark.parametrize("team", ["ok-centrum", "intensive-care", "centrale-keuken", "apotheek", "vastgoed"])
def test_what_a_team_measured(sample, team):
    """With what is already in the collector's weight."""
    found = {
        (row["kind"], row["category"], row["unit"]): (Fraction(row["amount"]), row["readings"])
        for row in table(sample, "en/team.json", "What this team measured", team=team)
        if row["unit"] not in ("m2", "km")  # the totals have these in base units
    }

    expected = {}
    dates = {"from_": FIRST.isoformat(), "to": END.isoformat()}
    for kind in ("energy", "waste", "food-waste", "medication-waste", "activity"):
        categories = names(sample, kind)
        for row in ask(sample, kind=kind, team=team, detail="all", by="category", **dates)["rows"]:
            if row["base_unit"] not in ("cm2", "mm"):
                key = kind, categories[row["category"]], row["unit"]
                expected[key] = shown(row), row["readings"]
    assert found == expected
    assert found


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "UTC", "America/New_York", "Asia/Tokyo"])
def test_the_days_of_a_range_are_the_same_wherever_the_browser_is(sample, zone):
    """Grafana rounds to midnights of the browser, and ends a range a millisecond before one."""
    midnight = time(tzinfo=pinned_zone(zone))
    chosen = Range(
        datetime.combine(FIRST, midnight), datetime.combine(END, midnight) - timedelta(milliseconds=1)
    )

    rows = answer(sample, "en/waste.json", "Food thrown away", chosen, per="day").rows

    days = sorted({moment.astimezone(ZONE).date() for moment, _, _ in rows})
    assert (days[0], days[-1]) == (FIRST, END - timedelta(days=1))


def test_up_to_now_is_with_today(database):
    with psycopg.connect(with_role(database, "reader")) as connection:
        (row,) = connection.execute(
            "SELECT range_end_day(now()), (now() AT TIME ZONE 'Europe/Amsterdam')::date + 1"
        ).fetchall()

    assert row[0] == row[1]


def test_what_is_not_counted_corrected_and_late(sample):
    """The sample has one conflict, one correction and one retraction, and came in all at once."""
    found = answers(sample, "en/quality.json", UP_TO_NOW)

    assert [row[3] for row in found["Not counted"].rows] == ["waste"]
    corrected = {row[-1]: row[4:8] for row in found["Corrected or taken back"].rows}
    assert corrected == {
        "electricity-research-2024-03-12": (Decimal(476395), Decimal("47639.5"), "kWh", "false"),
        "food-serving-2024-05-14-crate": (Decimal("61.4"), None, "kg", "true"),
    }
    (received,) = found["Received in the chosen period"].rows
    assert received[1:] == (0, 1)


def test_what_came_late_is_what_the_ledger_says(sample):
    """The view before this one goes through the ledger, reading by reading."""
    found = answer(sample, "en/quality.json", "Received late", UP_TO_NOW).rows

    expected = query(
        sample,
        "SELECT dashboard_team.en, kind, catalogue_name.en, count(*), round(avg(days_late)), min(starts_at),"
        " max(received_at)"
        " FROM dashboard_late JOIN dashboard_team USING (team) JOIN catalogue_name USING (kind, category)"
        " GROUP BY 1, 2, 3",
    )
    assert sorted(found) == sorted(expected)
    assert sum(row[3] for row in found) == value(
        sample,
        "SELECT count(*) FROM measurement WHERE revision = 1"
        " AND extract(epoch FROM received_at - coalesce(ends_at, starts_at)) > 31 * 86400",
    )


def test_what_came_late_before_the_chosen_period_is_not_in_it(sample):
    assert answer(sample, "en/quality.json", "Received late", DAYS).rows == []


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (("electricity", 7, "kWh"), ("electricity", 5, "kWh"), (7, 5, "kWh")),
        (("electricity", 1, "kWh"), ("district-heat", 1, "GJ"), (Decimal("0.0036"), 1, "GJ")),
        (("electricity", 7, "kWh"), ("natural-gas", 5, "Nm3"), (None, 5, "Nm3")),
    ],
)
def test_a_correction_is_told_in_one_unit(database, before, after, shown):
    period = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:15:00Z"}
    for revision, (carrier, quantity, unit) in enumerate((before, after), 1):
        data = {"carrier": carrier, "quantity": quantity, "unit": unit} | period
        count(database, event("energy", "1", data, revision=revision))

    ((*_, was, became, unit, _, _),) = answer(
        database, "en/quality.json", "Corrected or taken back", UP_TO_NOW
    ).rows
    assert (was, became, unit) == shown


def test_corrections_are_of_one_team_and_the_newest_are_told(database):
    waste = {"stream": "residual", "unit": "kg"}
    for revision in (1, 2, 3):
        for team, id_ in (("ok-centrum", "a"), ("keuken", "b")):
            data = waste | {"quantity": revision}
            moment = "2026-03-01T12:00:00Z"
            count(database, event("waste", id_, data, team=team, revision=revision, time=moment))

    def told(team: str, most: int) -> list[Any]:
        columns = "id, amount_before, amount_after"
        called = f"dashboard_corrections('-infinity', 'infinity', {team}, {most})"
        return query(database, f"SELECT {columns} FROM {called} ORDER BY recorded_at DESC")  # noqa: S608

    assert told("NULL", 3) == [("b", 2, 3), ("a", 2, 3), ("b", 1, 2)]
    assert told("'keuken'", 3) == [("b", 2, 3), ("b", 1, 2)]
    assert told("'x'", 3) == []
