"""What fields mean together: amounts, periods, teams, sites, retractions."""

import dataclasses
import json

import pytest

from schemas.calendar import Calendar
from schemas.measurement import Context, Measurement, Refused
from schemas.moments import read_moment
from tests.unit.schemas.judging import (
    AMSTERDAM,
    CONTEXT,
    KINDS,
    ORGANISATION,
    RECEIVED,
    event,
    fields,
    judge,
    measured,
    problems,
)

PERIOD = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}

AMOUNTS = [
    ("energy", {"quantity": "1", "unit": "Wh"}, [("J", 3_600)]),
    ("energy", {"quantity": "1.5", "unit": "kWh"}, [("J", 5_400_000)]),
    ("energy", {"quantity": "1", "unit": "MWh"}, [("J", 3_600_000_000)]),
    ("energy", {"quantity": "0.0005", "unit": "kJ"}, [("J", 0)]),
    ("energy", {"quantity": "0.0015", "unit": "kJ"}, [("J", 2)]),
    ("energy", {"quantity": "2", "unit": "MJ"}, [("J", 2_000_000)]),
    ("energy", {"carrier": "district-heat", "quantity": "3", "unit": "GJ"}, [("J", 3_000_000_000)]),
    ("energy", {"carrier": "natural-gas", "quantity": "2.5", "unit": "Nm3"}, [("ml_n", 2_500_000)]),
    ("energy", {"carrier": "diesel", "quantity": "40.5", "unit": "l"}, [("ml", 40_500)]),
    ("energy", {"quantity": "0", "unit": "kWh", "cost_eur": "0.005"}, [("J", 0), ("cent", 0)]),
    ("waste", {"quantity": "4", "unit": "kg", "cost_eur": "12.345"}, [("mg", 4_000_000), ("cent", 1234)]),
    ("waste", {"quantity": "1.2", "unit": "t"}, [("mg", 1_200_000_000)]),
    ("waste", {"quantity": "0.0005", "unit": "g"}, [("mg", 0)]),
    (
        "waste",
        {"quantity": ..., "unit": ..., "containers": 3, "container": "wheelie-240l"},
        [("mg", 60_000_000)],
    ),
    ("food-waste", {"quantity": 850, "unit": "g"}, [("mg", 850_000)]),
    ("medication-waste", {"pieces": 30}, [("piece", 30)]),
    ("medication-waste", {"pieces": ..., "cost_eur": "15"}, [("cent", 1500)]),
    ("medication-waste", {"pieces": ..., "mass": "2", "mass_unit": "g"}, [("mg", 2_000)]),
    (
        "medication-waste",
        {"pieces": "30.0", "mass": "2", "mass_unit": "kg", "cost_eur": "9.99"},
        [("mg", 2_000_000), ("piece", 30), ("cent", 999)],
    ),
    ("activity", {"quantity": "41.0"}, [("1", 41)]),
    ("activity", {"indicator": "floor-area", "quantity": "12.3456", "unit": "m2"}, [("cm2", 123_456)]),
    ("activity", {"indicator": "commuting", "quantity": "0.5", "unit": "km"}, [("mm", 500_000)]),
    ("activity", {"indicator": "sevoflurane", "quantity": "0.25", "unit": "kg"}, [("mg", 250_000)]),
]


@pytest.mark.parametrize(("kind", "data", "amounts"), AMOUNTS)
def test_amounts_in_base_units(kind, data, amounts):
    assert measured(event(kind, data)).amounts() == amounts


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_an_event(kind):
    measurement = measured(event(kind, {"evidence": "bon 12, regel 3"}, revision=3))

    assert (measurement.team, measurement.source, measurement.id) == ("ok-centrum", "/scale/3", "1")
    assert (measurement.kind, measurement.revision, measurement.retracted) == (kind, 3, False)
    assert (measurement.site, measurement.method, measurement.detail) == ("main", "unstated", False)
    assert measurement.flow == ("use" if kind == "energy" else None)
    assert measurement.free_text == {"evidence": "bon 12, regel 3"}


def test_what_was_posted_is_kept_as_it_was_typed():
    assert json.loads(measured(event("energy", {"quantity": "12.50"})).posted) == {
        "quantity": "12.50",
        "unit": "kWh",
    }


def test_free_text_of_each_kind_is_kept_apart():
    food = measured(event("food-waste", {"item": "soep", "reason": "te veel gemaakt", "note": "n"}))
    medication = measured(event("medication-waste", {"product": "paracetamol 500 mg", "atc": "N02BE01"}))

    assert food.free_text == {"item": "soep", "reason": "te veel gemaakt", "note": "n"}
    assert medication.free_text == {"product": "paracetamol 500 mg"}
    assert medication.category == "expired"
    assert "soep" not in food.posted


# m3 as read


def test_m3_as_read_need_the_correction_of_their_meter():
    gas = {"carrier": "natural-gas", "quantity": "10", "unit": "m3"}

    assert measured(event("energy", gas | {"meter": "gas-1"})).quantity == 10_385_000
    for meter in (..., "gas-9", "gas-2"):
        (found,) = problems(event("energy", gas | {"meter": meter}))
        assert found.field == "data.unit"
        assert found.allowed == "Nm3"
        assert "correction" in found.hint


def test_m3_are_rounded_once_after_correction():
    gas = {"carrier": "green-gas", "quantity": "0.000003", "unit": "m3", "meter": "gas-2"}

    assert measured(event("energy", gas)).quantity == 2


def test_nm3_are_not_corrected():
    gas = {"carrier": "natural-gas", "quantity": "10", "unit": "Nm3", "meter": "gas-1"}
    measurement = measured(event("energy", gas))

    assert measurement.quantity == 10_000_000
    assert measurement.meter == "gas-1"


@pytest.mark.parametrize("quantity", ["200000000000", "99000000000"])
def test_too_many_m3_are_one_problem(quantity):
    gas = {"carrier": "natural-gas", "quantity": quantity, "unit": "m3", "meter": "gas-1"}

    assert fields(event("energy", gas)) == ["data.quantity"]


# Weight or containers

CONTAINERS = [
    ({"quantity": ..., "unit": ...}, ["data.quantity"], "containers with container"),
    ({"containers": 1}, ["data"], "either a weight or a number"),
    ({"containers": 1, "container": "wheelie-240l"}, ["data"], "either a weight or a number"),
    ({"quantity": ..., "container": "wheelie-240l"}, ["data"], "either a weight or a number"),
    ({"quantity": ..., "unit": ..., "containers": 1}, ["data.container"], "go together"),
    ({"quantity": ..., "unit": ..., "container": "wheelie-240l"}, ["data.containers"], "go together"),
    (
        {"quantity": ..., "unit": ..., "containers": 1, "container": "sza-drum-30l"},
        ["data.container"],
        "wheelie-240l",
    ),
    (
        {"quantity": ..., "unit": ..., "containers": 1, "container": "kliko"},
        ["data.container"],
        "wheelie-240l",
    ),
    (
        {"quantity": ..., "unit": ..., "containers": "1.5", "container": "wheelie-240l"},
        ["data.containers"],
        "whole",
    ),
    (
        {"quantity": ..., "unit": ..., "containers": 10**12, "container": "wheelie-240l"},
        ["data.containers"],
        "at most",
    ),
    (
        {"stream": "rubble", "quantity": ..., "unit": ..., "containers": 1, "container": "pallet"},
        ["data.container"],
        "post rubble by weight",
    ),
]


@pytest.mark.parametrize(("data", "wrong", "allowed"), CONTAINERS)
def test_waste_is_weighed_or_counted_in_containers(data, wrong, allowed):
    posted = event("waste", data)

    assert fields(posted) == wrong
    assert allowed in problems(posted)[0].allowed


def test_containers_make_the_method_estimated():
    counted = {"quantity": ..., "unit": ..., "containers": 2, "container": "bag-60l", "method": "weighed"}

    assert measured(event("waste", counted)).method == "estimated"
    assert measured(event("waste", {"method": "weighed"})).method == "weighed"


def test_the_weight_of_a_container_is_that_of_its_stream():
    data = {"quantity": ..., "unit": ..., "containers": 1, "container": "sza-drum-30l", "stream": "sza"}

    assert measured(event("waste", data)).quantity == 4_500_000


def test_medication_waste_has_at_least_one_amount():
    assert fields(event("medication-waste", {"pieces": ...})) == ["data"]
    assert fields(event("medication-waste", {"pieces": "veel"})) == ["data.pieces"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "medication-waste"])
def test_cost_alone_is_no_amount_elsewhere(kind):
    posted = event(kind, {"quantity": ..., "unit": ..., "cost_eur": "5"})

    assert "data.quantity" in fields(posted)


# Periods and moments


def period(start, end):
    return {"from": start, "to": end}


def test_a_period_needs_no_time_and_ignores_one():
    without = measured(event("waste", PERIOD, time=...))

    assert without.start == read_moment(PERIOD["from"])
    assert without.end == read_moment(PERIOD["to"])
    assert measured(event("waste", PERIOD)) == without
    assert measured(event("waste", PERIOD, time="gisteren")) == without
    assert measured(event("waste", PERIOD, time="2999-01-01T00:00:00Z")) == without


def test_a_moment_has_no_end():
    measurement = measured(event("waste", time="2026-03-01T14:30:00.25+01:00"))

    assert measurement.start == read_moment("2026-03-01T13:30:00.25Z")
    assert measurement.end is None


PERIODS = [
    ({"to": ...}, ["data.to"], "is missing"),
    ({"from": ...}, ["data.from"], "is missing"),
    ({"from": ..., "to": "morgen"}, ["data.from", "data.to"], ""),
    (period("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"), ["data.to"], "is not after from"),
    (period("2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z"), ["data.to"], "is not after from"),
    (period("2023-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ["data.to"], "too long"),
    (period("2025-01-01T00:00:00Z", "2026-02-05T00:00:00.000001Z"), ["data.to"], "too long"),
    (period("2026-11-01T00:00:00Z", "2026-11-23T12:00:00.000001Z"), ["data.to"], "in the future"),
    (period("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"), ["data.to"], "in the future"),
    (period("1999-12-01T00:00:00Z", "2000-01-02T00:00:00Z"), ["data.from"], "before the year 2000"),
    (period("2026-03-01", "2026-04-01"), ["data.from", "data.to"], "not a moment"),
    (period("2026-03-01T00:00:00", "2026-04-01T00:00:00Z"), ["data.from"], "no offset"),
]


@pytest.mark.parametrize(("data", "wrong", "problem"), PERIODS)
def test_what_is_no_period(data, wrong, problem):
    posted = event("waste", PERIOD | data, time=...)

    assert fields(posted) == wrong
    assert problem in problems(posted)[0].problem


@pytest.mark.parametrize(
    "data",
    [
        period("2025-01-01T00:00:00Z", "2026-02-05T00:00:00Z"),
        period("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000001Z"),
        period("2026-11-01T00:00:00Z", "2026-11-23T12:00:00Z"),
        period("2000-01-01T00:00:00+14:00", "2000-01-02T00:00:00+14:00"),
    ],
)
def test_periods_at_the_limits(data):
    assert isinstance(judge(event("waste", data)), Measurement)


def test_a_moment_a_day_ahead_is_the_last():
    assert measured(event("waste", time="2026-11-23T12:00:00Z")).start
    assert fields(event("waste", time="2026-11-23T12:00:00.000001Z")) == ["time"]


def test_the_future_is_that_of_the_receipt():
    early = dataclasses.replace(CONTEXT, received=read_moment("2025-01-01T00:00:00Z"))

    assert fields(event("waste"), early) == ["time"]
    assert measured(event("waste")).start


def test_nothing_lies_outside_the_calendar_whatever_clock_received_it():
    late = dataclasses.replace(CONTEXT, received=read_moment("2500-01-01T00:00:00Z"))

    for kind in KINDS:
        assert fields(event(kind, time="2200-01-01T00:00:00Z"), late) == ["time"]
        assert "data.to" in fields(event(kind, period("2199-12-01T00:00:00Z", "2200-01-01T00:00:00Z")), late)


# Medication: kept to the day


def test_the_clock_time_of_medication_is_not_kept():
    morning = measured(event("medication-waste", time="2026-03-01T08:15:00+01:00"))
    evening = measured(event("medication-waste", time="2026-03-01T22:59:59.999999Z"))

    assert morning == evening
    assert morning.start == read_moment("2026-03-01T00:00:00+01:00")


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2026-03-29T03:30:00+02:00", "2026-03-29T00:00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T00:00:00+02:00"),
        ("2026-06-30T22:00:00Z", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_the_day_of_medication_is_the_organisations(time, day):
    assert measured(event("medication-waste", time=time)).start == read_moment(day)


def test_periods_of_medication_lie_on_local_midnights():
    month = event("medication-waste", PERIOD)
    in_utc = event("medication-waste", period("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"))

    assert measured(month).end == read_moment("2026-03-31T22:00:00Z")
    assert fields(in_utc) == ["data.from", "data.to"]
    assert "Europe/Amsterdam" in problems(in_utc)[0].allowed


def test_midnight_is_that_of_the_organisations_zone():
    organisation = ORGANISATION.with_changes({"time_zone": "UTC"})
    context = Context(organisation, Calendar.of_zone("UTC"), read_moment(RECEIVED))

    assert measured(
        event("medication-waste", period("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")), context
    )


# Retractions


def test_a_retraction_needs_neither_data_nor_time():
    retraction = measured(event("waste", retracted=True, revision=2, data=..., time=...))

    assert retraction.retracted
    assert retraction.amounts() == []
    assert (retraction.start, retraction.category, retraction.site) == (None, None, None)


def test_the_data_of_a_retraction_says_nothing():
    bare = measured(event("waste", retracted=True, data=...))

    assert measured(event("waste", {"unit": "kilo", "kleur": 1}, retracted=True)) == bare
    assert measured(event("waste", retracted=True, data="weg")) == bare


def test_a_retraction_says_of_what():
    assert fields(event("waste", retracted=True, id=..., source=..., team=..., data=...)) == [
        *("id", "source", "team"),
    ]
    assert fields(event("soil", retracted=True, data=...)) == ["type"]


# Teams and sites


def test_a_team_may_be_left_out_where_it_is_known_otherwise():
    context = dataclasses.replace(CONTEXT, default_team="keuken")

    assert measured(event("waste", team=...), context).team == "keuken"
    assert measured(event("waste"), context).team == "ok-centrum"
    assert fields(event("waste", team=...)) == ["team"]


def test_nobody_speaks_for_another_team():
    context = dataclasses.replace(CONTEXT, speaks_for=frozenset({"keuken"}))

    assert measured(event("waste", team="keuken"), context).team == "keuken"
    for team in ("ok-centrum", "nobody"):
        result = judge(event("waste", team=team), context)
        assert isinstance(result, Refused)
        assert [problem.field for problem in result.problems] == ["team"]
        assert "may not speak for" in result.problems[0].problem
        assert result.problems[0].allowed == "keuken"


def test_who_may_speak_for_no_team_is_told_so():
    (found,) = problems(event("waste"), dataclasses.replace(CONTEXT, speaks_for=frozenset()))

    assert found.allowed == "none"


def test_detail_is_the_teams_setting_unless_posted():
    assert measured(event("waste", team="keuken")).detail is True
    assert measured(event("waste", {"detail": False}, team="keuken")).detail is False
    assert measured(event("waste", {"detail": True})).detail is True
    assert measured(event("waste")).detail is False


def test_the_main_site_is_resolved_when_it_is_received():
    moved = dataclasses.replace(CONTEXT, organisation=ORGANISATION.with_changes({"main_site": "campus-west"}))

    assert measured(event("waste"), moved).site == "campus-west"
    assert measured(event("waste", {"site": "main"}), moved).site == "main"


def test_judging_changes_nothing_that_it_was_given():
    posted = event("waste", PERIOD | {"note": "n"})
    before = json.dumps(posted)
    judge(posted, Context(ORGANISATION, AMSTERDAM, read_moment(RECEIVED)))

    assert json.dumps(posted) == before
