"""`GET /v1/totals`, sentence by sentence of the contract."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from tests.integration.query.asking import ask, columns, count, event, problems

YEAR = {"from_": "2024-01-01", "to": "2025-01-01"}


def electricity(id_, quantity, time, **attributes):
    data = attributes.pop("data", {})
    return event(
        "energy",
        id_,
        {"carrier": "electricity", "quantity": quantity, "unit": "kWh"} | data,
        time=time,
        **attributes,
    )


def energy(id_, carrier, quantity, unit, **data):
    return event(
        "energy",
        id_,
        {"carrier": carrier, "quantity": quantity, "unit": unit} | data,
        time="2024-03-05T12:30:00+01:00",
    )


def waste(id_, stream, quantity, **attributes):
    data = attributes.pop("data", {})
    time = attributes.pop("time", "2026-03-05T12:30:00+01:00")
    return event(
        "waste", id_, {"stream": stream, "quantity": quantity, "unit": "kg"} | data, time=time, **attributes
    )


def test_the_object_and_its_row(organisation):
    count(organisation, electricity("1", "100.5", "2024-03-05T12:30:00+01:00"))

    answer = ask(organisation, kind="energy", **YEAR, bucket="month")

    assert set(answer) == {"as_of", "time_zone", "rows", "cursor"}
    assert answer["time_zone"] == "Europe/Amsterdam"
    assert answer["cursor"] is None
    assert datetime.fromisoformat(answer["as_of"]).tzinfo == UTC
    assert answer["rows"] == [
        {
            "start": "2024-03-01",
            "kind": "energy",
            "unit": "kWh",
            "quantity": Decimal("100.5"),
            "base_unit": "J",
            "base_quantity": "361800000",
            "readings": 1,
            "co2e": {"as_reported": None, "current": "32.964", "constant": "33.868"},
            "co2e_differences": {
                "since_reported": None,
                "from_constant": {"activity": "0.000", "factors": "-0.904"},
            },
        }
    ]


@pytest.mark.parametrize(
    ("bucket", "starts"),
    [
        ("day", ["2024-02-29", "2024-03-01", "2024-03-02"]),
        ("month", ["2024-02-15", "2024-03-01"]),
        ("year", ["2024-02-15"]),
        ("all", ["2024-02-15"]),
    ],
)
def test_start_is_the_first_day_of_the_bucket_or_from_where_that_is_later(organisation, bucket, starts):
    period = {"from": "2024-02-29T12:00:00+01:00", "to": "2024-03-02T12:00:00+01:00"}
    count(organisation, electricity("1", "4", None, data=period))

    answer = ask(organisation, kind="energy", from_="2024-02-15", to="2025-01-01", bucket=bucket)

    assert [start for (start,) in columns(answer, "start")] == starts
    assert sum(quantity for (quantity,) in columns(answer, "quantity")) == 4


def test_a_reading_counts_where_it_begins_and_only_what_lies_in_the_period_is_summed(organisation):
    period = {"from": "2024-01-30T00:00:00+01:00", "to": "2024-02-03T00:00:00+01:00"}
    count(organisation, electricity("1", "4", None, data=period))

    answer = ask(organisation, kind="energy", from_="2024-01-31", to="2024-02-02", bucket="month")

    assert columns(answer, "start", "quantity", "readings") == [("2024-01-31", 1, 0), ("2024-02-01", 1, 0)]
    before = ask(organisation, kind="energy", from_="2024-01-01", to="2024-01-31")
    assert columns(before, "quantity", "readings") == [(1, 1)]


def test_hours_are_local_with_their_offset_and_twice_when_the_clock_goes_back(organisation):
    count(
        organisation,
        electricity("1", "1", "2024-10-27T02:30:00+02:00"),
        electricity("2", "2", "2024-10-27T02:30:00+01:00"),
        electricity(
            "3", "4", None, data={"from": "2024-10-27T00:00:00Z", "to": "2024-10-27T01:00:00.000001Z"}
        ),
        event("medication-waste", "4", {"reason": "expired", "pieces": 3}, time="2024-10-27T12:00:00Z"),
    )

    answer = ask(organisation, kind="energy", from_="2024-10-27", to="2024-10-28", bucket="hour")

    assert columns(answer, "start", "quantity") == [
        ("2024-10-27T02:00:00+02:00", 1),
        ("2024-10-27T02:00:00+01:00", 2),
    ]
    medication = {"kind": "medication-waste", "from_": "2024-10-27", "to": "2024-10-28"}
    assert ask(organisation, **medication, bucket="hour")["rows"] == []
    assert columns(ask(organisation, **medication, bucket="day"), "quantity") == [(3,)]


def test_units(organisation):
    count(
        organisation,
        energy("1", "electricity", 1, "kWh"),
        energy("2", "district-heat", "2.5", "GJ", cost_eur="12.34"),
        energy("3", "natural-gas", 3, "Nm3"),
        energy("4", "diesel", 4, "l"),
    )

    split = ask(organisation, kind="energy", **YEAR, by="category")
    assert columns(split, "category", "unit", "quantity", "base_unit", "base_quantity") == [
        ("diesel", "l", 4, "ml", "4000"),
        ("district-heat", "GJ", Decimal("2.5"), "J", "2500000000"),
        ("district-heat", "EUR", Decimal("12.34"), "cent", "1234"),
        ("electricity", "kWh", 1, "J", "3600000"),
        ("natural-gas", "Nm3", 3, "ml_n", "3000000"),
    ]
    mixed = ask(organisation, kind="energy", **YEAR)
    assert [(row.get("category"), row["unit"], row["quantity"]) for row in mixed["rows"]] == [
        ("diesel", "l", 4),
        ("natural-gas", "Nm3", 3),
        (None, "kWh", Decimal("695.444444")),
        (None, "EUR", Decimal("12.34")),
    ]
    assert columns(ask(organisation, kind="energy", **YEAR, category="district-heat"), "unit") == [
        ("GJ",),
        ("EUR",),
    ]


def test_activities_always_carry_their_category_and_other_units_are_base_units(organisation):
    when = {"time": "2024-03-05T12:00:00Z"}
    count(
        organisation,
        event(
            "activity", "1", {"indicator": "operations", "quantity": 7, "unit": "1", "cost_eur": 1}, **when
        ),
        event("activity", "2", {"indicator": "floor-area", "quantity": "1.5", "unit": "m2"}, **when),
        event("activity", "3", {"indicator": "sevoflurane", "quantity": 2, "unit": "kg"}, **when),
    )

    answer = ask(organisation, kind="activity", **YEAR)

    assert columns(answer, "category", "unit", "quantity") == [
        ("floor-area", "cm2", 15000),
        ("operations", "1", 7),
        ("operations", "EUR", 1),
        ("sevoflurane", "kg", 2),
    ]


def test_a_medication_event_is_a_reading_in_each_of_its_three_rows(organisation):
    data = {"reason": "expired", "pieces": 30, "mass": 250, "mass_unit": "g", "cost_eur": "99.95"}
    count(organisation, event("medication-waste", "1", data, time="2024-03-05T12:00:00Z"))

    answer = ask(organisation, kind="medication-waste", **YEAR)

    assert columns(answer, "unit", "quantity", "readings") == [
        ("EUR", Decimal("99.95"), 1),
        ("kg", Decimal("0.25"), 1),
        ("piece", 30, 1),
    ]


def test_flows_are_asked_for_and_never_added(organisation):
    count(
        organisation,
        electricity("1", 1, "2024-03-05T12:00:00Z"),
        electricity("2", 2, "2024-03-05T12:00:00Z", data={"flow": "feed-in"}),
        electricity("3", 4, "2024-03-05T12:00:00Z", data={"flow": "generation"}),
    )

    assert columns(ask(organisation, kind="energy", **YEAR), "quantity", "co2e.current") == [(1, "0.328")]
    fed_in = ask(organisation, kind="energy", **YEAR, flow="feed-in")
    assert columns(fed_in, "quantity", "co2e.current") == [(2, None)]
    every = ask(organisation, kind="energy", **YEAR, flow="use,feed-in,generation")
    assert columns(every, "flow", "quantity") == [("feed-in", 2), ("generation", 4), ("use", 1)]


def test_details_are_left_out_unless_asked_for(organisation):
    count(
        organisation,
        waste("1", "residual", 1),
        waste("2", "residual", 2, team="keuken"),
        waste("3", "residual", 4, team="keuken", data={"detail": False}),
    )
    query = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01"}

    assert columns(ask(organisation, **query), "quantity") == [(5,)]
    assert columns(ask(organisation, **query, team="keuken"), "quantity") == [(4,)]
    assert columns(ask(organisation, **query, by="team"), "team", "quantity") == [
        ("keuken", 4),
        ("ok-centrum", 1),
    ]
    assert columns(ask(organisation, **query, detail="yes"), "quantity") == [(2,)]
    assert columns(ask(organisation, **query, detail="all", team="keuken"), "quantity") == [(6,)]
    both = ask(organisation, **query, detail="all", by="team")
    assert columns(both, "team", "quantity") == [("keuken", 6), ("ok-centrum", 1)]
    assert problems(organisation, **query, detail="all") == {"detail": "all is for teams"}
    assert problems(organisation, **query, detail="all", by="site") == {"detail": "all is for teams"}


def test_only_readings_of_one_method(organisation):
    count(
        organisation,
        waste("1", "paper", 1, data={"method": "weighed"}),
        waste("2", "paper", 2, data={"method": "estimated"}),
        waste("3", "paper", 4),
    )
    found = {
        method: columns(
            ask(organisation, kind="waste", from_="2026-01-01", to="2027-01-01", method=method), "quantity"
        )
        for method in ("weighed", "unstated", "counted")
    }

    assert found == {"weighed": [(1,)], "unstated": [(4,)], "counted": []}
    wrong = problems(organisation, kind="waste", from_="2026-01-01", to="2027-01-01", method="guessed")
    assert wrong == {"method": "'guessed' is not known"}


def test_zero_rows_stay_only_with_readings(organisation):
    count(
        organisation,
        electricity("zero", 0, "2024-03-05T12:00:00Z"),
        energy("zero", "diesel", 0, "l") | {"source": "/other"},
        electricity("gone", 1, "2024-04-05T12:00:00Z"),
        event("energy", "gone", retracted=True, revision=2),
    )

    answer = ask(organisation, kind="energy", **YEAR, bucket="month", by="category")

    assert columns(answer, "start", "category", "quantity", "readings", "co2e.current") == [
        ("2024-03-01", "diesel", 0, 1, None),
        ("2024-03-01", "electricity", 0, 1, "0.000"),
    ]


def test_co2e_is_null_when_a_part_has_no_factor_and_is_rounded_once(organisation):
    count(
        organisation,
        # 1 January 2025 has the factor of 2025: 0.268; the day before that of 2024: 0.328.
        electricity("1", "0.0005", "2024-12-31T12:00:00Z"),
        electricity("2", "0.001", "2025-01-01T12:00:00Z"),
        electricity("3", "0.0005", "2024-12-31T13:00:00Z"),
        energy("4", "district-heat", 1, "GJ"),
    )

    years = {"from_": "2024-12-31", "to": "2025-01-02"}
    # 0.001 x 0.328 + 0.001 x 0.268 = 0.000596; fixed 0.002 x 0.337 = 0.000674
    answer = ask(organisation, kind="energy", **years)
    assert columns(answer, "co2e.current", "co2e.constant") == [("0.001", "0.001")]
    mixed = ask(organisation, kind="energy", **YEAR)
    assert columns(mixed, "co2e.current", "co2e.constant") == [(None, None)]


def test_the_newest_recorded_factor_counts_and_a_half_gram_goes_to_the_even_one(organisation):
    with psycopg.connect(organisation, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO emission_factor VALUES
                ('energy', 'petrol', 'l', 'ml', 1000, 9, 'wtw', 'location', '2030-01-01', '2031-01-01', '2030-01-01', '', ''),
                ('energy', 'petrol', 'l', 'ml', 1000, 0.0005, 'wtw', 'location', '2030-06-01', '2031-01-01', '2030-05-01', '', ''),
                ('energy', 'petrol', 'l', 'ml', 1000, 0.0015, 'wtw', 'location', '2030-06-01', '2030-07-01', '2030-08-01', '', '')
            """  # noqa: E501
        )
        days = [
            "2030-01-01",
            "2030-05-31",
            "2030-06-01",
            "2030-06-30",
            "2030-07-01",
            "2030-12-31",
            "2031-01-01",
        ]
        connection.execute(
            """
            INSERT INTO leaf (team, site, kind, category, flow, method, detail, unit)
            VALUES ('keuken', 'main', 'energy', 'petrol', 'use', 'metered', false, 'ml')
            """
        )
        for day in days:
            connection.execute("INSERT INTO rollup_day VALUES (1, %s, 1000, 1)", (day,))

    answer = ask(organisation, kind="energy", from_="2030-01-01", to="2032-01-01", bucket="day")

    assert columns(answer, "start", "co2e.current") == list(
        zip(days, ["9.000", "9.000", "0.002", "0.002", "0.000", "0.000", None], strict=True)
    )


def test_the_basis_travels(organisation):
    count(organisation, energy("1", "natural-gas", 1000, "Nm3"), electricity("2", 1, "2026-03-05T12:00:00Z"))

    def kilograms(basis):
        answer = ask(
            organisation, kind="energy", from_="2024-01-01", to="2027-01-01", by="category", basis=basis
        )
        return [kilograms for (kilograms,) in columns(answer, "co2e.current")]

    assert kilograms("wtw") == kilograms("location,wtw") == ["0.244", "2134.000"]
    assert kilograms("ttw")[0] == "0.200"
    assert kilograms("market,wtw")[0] == "0.483"
    assert problems(organisation, kind="energy", **YEAR, basis="wtw,ttw") == {"basis": "has both wtw and ttw"}


def test_sums_pass_every_machine_number(organisation):
    largest = 999_999_999_999_999
    count(
        organisation,
        *[event("activity", str(number), {"indicator": "operations", "quantity": largest, "unit": "1"},
                time="2024-03-05T12:00:00Z") for number in range(30)],
        *[electricity(str(number), "27777777777.777777777", "2024-03-05T12:00:00Z") for number in range(300)],
    )  # fmt: skip

    operations = ask(organisation, kind="activity", **YEAR)
    assert columns(operations, "quantity", "base_quantity") == [(30 * largest, str(30 * largest))]
    joules = 300 * round(Decimal("27777777777.777777777") * 3_600_000)
    assert columns(ask(organisation, kind="energy", **YEAR), "quantity", "base_quantity") == [
        (Decimal("8333333333333.333333"), str(joules))
    ]


def test_every_wrong_parameter_is_named_at_once(organisation):
    assert problems(
        organisation,
        kind="wasted",
        from_="2024-02-30",
        bucket="week",
        by="team,room",
        team="ok",
        site="north",
        flow="in",
        detail="maybe",
        as_of="yesterday",
        basis="wtw,green",
        limit="0",
        buckets="day",
    ) == {
        "kind": "'wasted' is not known",
        "from": "2024-02-30 is not a day that exists",
        "to": "is missing",
        "bucket": "'week' is not known",
        "by": "'room' is not known",
        "team": "'ok' is not known",
        "site": "'north' is not known",
        "flow": "'in' is not known",
        "detail": "'maybe' is not known",
        "as_of": "'yesterday' is not a moment",
        "basis": "'green' is not known",
        "limit": "'0' is not allowed",
        "buckets": "'buckets' is not known",
    }


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"kind": "waste", "from_": "2024-01-01", "to": "2024-01-01"}, {"to": "is not after from"}),
        ({"kind": "waste", **YEAR, "flow": "feed-in"}, {"flow": "waste has no flows"}),
        ({"kind": "waste", **YEAR, "category": "electricity"}, {"category": "'electricity' is not known"}),
        ({"kind": "waste", **YEAR, "team": ""}, {"team": "is empty"}),
        ({"kind": "waste", **YEAR, "limit": "10001"}, {"limit": "'10001' is not allowed"}),
        (
            {"kind": "waste", "from_": "01-02-2024", "to": "2024-01-01"},
            {"from": "'01-02-2024' is not a date"},
        ),
    ],
)
def test_wrong_parameters(organisation, parameters, wrong):
    assert problems(organisation, **parameters) == wrong
