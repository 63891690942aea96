import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import pytest

from schemas.calendar import HOUR, Calendar, to_microseconds
from schemas.catalogue import INDICATORS, STREAMS
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, measure
from schemas.targets import targets_of
from services.sample.generate import LABEL, LAST_SERIES, ORGANISATION, Delivery, deliveries

TODAY = date(2026, 11, 22)
UNITS = ("J", "ml_n", "mg", "mm", "1", "cent")


@pytest.fixture(scope="module")
def delivered() -> list[Delivery]:
    return list(deliveries(TODAY))


@pytest.fixture(scope="module")
def events(delivered):
    return [event for delivery in delivered for event in delivery.events]


@pytest.fixture(scope="module")
def calendar():
    return Calendar.of_zone(ORGANISATION.time_zone)


@pytest.fixture(scope="module")
def measured(events, calendar):
    received = to_microseconds(datetime(TODAY.year, TODAY.month, TODAY.day, 6, tzinfo=UTC))
    context = Context(ORGANISATION, calendar, received)
    return [measure(read_json(json.dumps(event).encode()), context) for event in events]


@pytest.fixture(scope="module")
def counted(measured):
    """What counts: the highest revision of each identity, the first where one came twice."""
    highest: dict[tuple[str, str, str, str], Measurement] = {}
    for one in measured:
        identity = (one.team, one.kind, one.source, one.id)
        if identity not in highest or one.revision > highest[identity].revision:
            highest[identity] = one
    return [one for one in highest.values() if not one.retracted]


@pytest.fixture(scope="module")
def yearly(counted, calendar):
    """Base units by (kind, category, unit, flow) and the year in which a figure begins, without details."""
    totals: Counter[tuple[str, str, str, str | None, int]] = Counter()
    for one in counted:
        if not one.detail:
            year = calendar.day(calendar.index(one.start)).year
            for unit, amount in one.amounts():
                totals[one.kind, one.category, unit, one.flow, year] += amount
    return totals


def total(yearly, kind, year, unit, category=None, flow=None):
    return sum(
        amount
        for (its_kind, its_category, its_unit, its_flow, its_year), amount in yearly.items()
        if (its_kind, its_unit, its_year) == (kind, unit, year)
        and category in (None, its_category)
        and flow in (None, its_flow)
    )


def test_what_its_targets_count_is_posted_in_their_base_years(yearly):
    judged = [target for target in targets_of(ORGANISATION) if target.anchors and target.base_year]
    assert len(judged) > 5
    for target in judged:
        for part in target.parts:
            for year in (target.base_year, TODAY.year - 1):
                amounts = [
                    total(yearly, part.kind, year, unit, one) for one in part.categories for unit in UNITS
                ]
                assert part.left_out or any(amounts), (target.slug, part.slug, year)


def test_every_event_is_valid(measured):
    assert {type(one) for one in measured} == {Measurement}


def test_the_sample_stays_small_enough_to_load_in_a_minute(events):
    assert 20_000 < len(events) < 60_000


def test_the_same_on_every_machine_and_python():
    program = (
        "import json, hashlib; from datetime import date; from services.sample.generate import deliveries;"
        "text = json.dumps([d.events for d in deliveries(date(2024, 2, 1))]);"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    text = json.dumps([delivery.events for delivery in deliveries(date(2024, 2, 1))])
    for seed in ("0", "1"):
        other = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout.strip() == sha256(text.encode()).hexdigest()
    assert sha256(text.encode()).hexdigest().startswith("d09aeb5a9abd683d")


def test_a_later_day_only_adds(events):
    def by_identity(events):
        return {(event["source"], event["id"], event.get("revision", 1)): event for event in events}

    later = [event for delivery in deliveries(TODAY + timedelta(40)) for event in delivery.events]
    before, after = by_identity(events), by_identity(later)
    assert {key: after[key] for key in before} == before
    added = [
        event for delivery in deliveries(TODAY + timedelta(40), since=TODAY) for event in delivery.events
    ]
    assert by_identity(added) == {key: event for key, event in after.items() if key not in before}


def test_nothing_is_of_today_or_later(counted, calendar):
    assert max(one.end or one.start for one in counted) <= calendar.start_of(TODAY)


def test_every_event_says_that_it_is_made_up(events):
    assert all(event["source"].startswith(LABEL) for event in events)
    assert "made up" in ORGANISATION.name


def test_no_amount_is_a_float(events):
    def values(value):
        if isinstance(value, dict):
            for inner in value.values():
                yield from values(inner)
        else:
            yield value

    assert not [value for event in events for value in values(event) if isinstance(value, float)]


def test_teams(events):
    assert len(ORGANISATION.teams) >= 8
    assert {event["team"] for event in events} == set(ORGANISATION.teams)
    assert "ok" not in ORGANISATION.teams


def test_waste_of_2023(yearly):
    kilograms = {
        slug: total(yearly, "waste", 2023, "mg", slug) // 10**6
        for slug in STREAMS
        if total(yearly, "waste", 2023, "mg", slug)
    }
    assert len(kilograms) == 27
    assert sum(kilograms.values()) == 1_720_000
    recycled = sum(mass for slug, mass in kilograms.items() if STREAMS[slug].r_rung in ("R3", "R8"))
    assert recycled == 516_000


@pytest.mark.parametrize("year", range(2018, 2026))
def test_waste_of_other_years(yearly, year):
    assert 1_650_000 < total(yearly, "waste", year, "mg") / 10**6 < 1_950_000


@pytest.mark.parametrize(
    ("year", "low", "high"),
    [
        (2018, 22_000, 25_000),
        (2020, 22_900, 23_100),
        (2023, 6_990, 7_010),
        (2024, 6_000, 7_000),
        (2025, 6_000, 7_000),
    ],
)
def test_kitchen_food(yearly, year, low, high):
    assert low < total(yearly, "food-waste", year, "mg") / 10**6 < high


@pytest.mark.parametrize(
    ("indicator", "number"),
    [
        ("operations", 15_000),
        ("admissions", 25_000),
        ("outpatient-visits", 432_000),
        ("emergency-visits", 23_000),
        ("bed-days", 115_000),
        ("meals", 363_540),
        ("absorption-mats", 200_000),
    ],
)
def test_activity_of_2023(yearly, indicator, number):
    assert total(yearly, "activity", 2023, "1", indicator) == number
    for year in range(2018, 2026):
        assert 0.7 * number < total(yearly, "activity", year, "1", indicator) < 1.3 * number


def test_energy_of_2023_is_4_1_percent_below_2022(yearly):
    def gigajoules(carrier, year):
        return total(yearly, "energy", year, "J", carrier, "use") / 10**9

    assert gigajoules("electricity", 2023) / 3.6 == 58_000
    assert gigajoules("district-heat", 2023) == 175_000
    for carrier in ("electricity", "district-heat"):
        assert gigajoules(carrier, 2023) / gigajoules(carrier, 2022) == pytest.approx(0.959, abs=0.001)


@pytest.mark.parametrize("year", range(2018, 2026))
def test_medication(yearly, year):
    assert 200_000 < total(yearly, "medication-waste", year, "piece") < 280_000
    assert 700_000 < total(yearly, "medication-waste", year, "cent") / 100 < 1_050_000


def test_months_up_to_2023_and_days_since(counted, calendar):
    lengths = defaultdict(set)
    for one in counted:
        first = calendar.index(one.start)
        days = calendar.index(one.end - 1) - first + 1 if one.end else 0
        lengths[calendar.day(first).year].add(days)
    for year in range(2018, 2024):
        assert lengths[year] <= {28, 29, 30, 31, 365, 366}
    assert {0, 1} <= lengths[2024]


def test_operations_have_a_week_and_a_summer(counted, calendar):
    daily = {
        calendar.day(calendar.index(one.start)): one.quantity
        for one in counted
        if one.category == "operations" and one.start >= calendar.start_of(date(2025, 1, 1))
    }
    tuesdays = [daily[day] for day in daily if day.weekday() == 1 and day.year == 2025]
    sundays = [daily[day] for day in daily if day.weekday() == 6 and day.year == 2025]
    assert min(tuesdays) > 3 * max(sundays)
    assert sum(daily[date(2025, 8, day)] for day in range(4, 32)) < sum(
        daily[date(2025, 3, day)] for day in range(3, 31)
    )


def test_heat_is_for_the_winter(counted, calendar):
    def heat(year, month):
        return sum(
            one.quantity
            for one in counted
            if one.category == "district-heat"
            and (calendar.day(calendar.index(one.start)).year, calendar.day(calendar.index(one.start)).month)
            == (year, month)
        )

    assert heat(2025, 1) > 3 * heat(2025, 7) > 0


def test_quarter_hours_of_one_meter_cover_days_once(counted, calendar):
    quarters = sorted(
        (one for one in counted if one.end and one.end - one.start == HOUR // 4),
        key=lambda one: one.start,
    )
    assert {one.meter for one in quarters} == {"e-hoofdgebouw"}
    assert all(one.end == after.start for one, after in pairwise(quarters))
    assert quarters[0].start == calendar.start_of(date(2026, 10, 1))
    assert quarters[-1].end == calendar.start_of(TODAY)
    by_day = Counter(calendar.day(calendar.index(one.start)) for one in quarters)
    assert by_day.pop(date(2026, 10, 25)) == 100
    assert set(by_day.values()) == {96}
    longer = [one.end for one in counted if one.meter == "e-hoofdgebouw" and one.end - one.start > HOUR]
    assert max(longer) == quarters[0].start


def test_no_day_of_a_series_is_covered_twice(counted):
    by_series = defaultdict(list)
    for one in counted:
        if one.end and not one.detail:
            by_series[one.team, one.kind, one.category, one.flow, one.site, one.source].append(
                (one.start, one.end)
            )
    for series, periods in by_series.items():
        periods.sort()
        for (_, end), (start, _) in pairwise(periods):
            assert end <= start, series


def test_gas_is_read_in_m3_and_counted_with_the_meters_correction(events, counted):
    gas = next(event for event in events if event["id"] == "gas-2025-01-15")
    assert gas["data"]["unit"] == "m3"
    (one,) = (one for one in counted if one.id == "gas-2025-01-15")
    tenths = int(gas["data"]["quantity"].replace(".", ""))
    assert one.quantity == tenths * 100_000 * 10132 // 10_000


def test_details_are_less_than_the_collector_has(counted):
    mass = Counter()
    for one in counted:
        if one.kind == "waste":
            mass[one.category, one.detail] += one.quantity
    details = {category for category, detail in mass if detail}
    assert details == {"residual", "sza", "blue-wrap", "sharps"}
    for category in details:
        assert mass[category, True] < mass[category, False]
    assert {one.team for one in counted if one.detail} == {
        "ok-centrum", "intensive-care", "verpleging-a4", "spoedeisende-hulp", "laboratorium",
    }  # fmt: skip


def test_what_goes_wrong(delivered):
    figures, corrections, _ = (
        {(event["id"], event.get("revision", 1)): event for event in delivery.events}
        for delivery in delivered
    )
    wrong, right = (
        float(delivery["electricity-research-2024-03-12", revision]["data"]["quantity"])
        for delivery, revision in ((figures, 1), (corrections, 2))
    )
    assert wrong == 10 * right
    assert ("waste-paper-2024-06-03", 1) not in figures
    assert "note" in corrections["waste-paper-2024-06-03", 1]["data"]
    assert corrections["food-serving-2024-05-14-crate", 2]["retracted"]
    assert ("food-serving-2024-05-14-crate", 1) in figures
    conflict = "waste-residual-2024-09-02", 1
    assert figures[conflict]["data"]["quantity"] != corrections[conflict]["data"]["quantity"]
    assert len(corrections) == 4


def test_only_the_conflict_uses_a_revision_twice(events):
    identities = Counter(
        (event["team"], event["type"], event["source"], event["id"], event.get("revision", 1))
        for event in events
    )
    assert [identity[3] for identity, times in identities.items() if times > 1] == [
        "waste-residual-2024-09-02"
    ]


def test_the_last_delivery_is_one_series_with_a_figure_for_every_day(delivered):
    assert {event["data"]["indicator"] for event in delivered[-1].events} == {"admissions"}
    assert LAST_SERIES.data["indicator"] == "admissions"
    days = [event["id"] for event in delivered[-1].events if len(event["id"]) == len("admissions-2024-01-01")]
    assert len(days) == (TODAY - date(2024, 1, 1)).days
    assert "admissions" in INDICATORS
