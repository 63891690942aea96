"""`GET /v1/explain`, sentence by sentence."""

import asyncio
import re
from datetime import date
from decimal import Decimal

import psycopg
import pytest

from schemas.factor_versions import FactorVersion
from services.query.explain import explain_answer
from services.query.factors import factors_answer
from services.query.sight import NotYours, Sight
from services.store.configuration import change
from services.store.connection import connect, connect_async
from services.store.factors import record_factors
from tests.follower import follow_total
from tests.integration.query.asking import ask, count, event, pages, problems
from tests.integration.query.publishing import multiply_factors, told
from tests.integration.tracking.tracked import PAPER, paper

MARCH = {"kind": "waste", "from_": "2026-03-01", "to": "2026-04-01"}


def waste(id_, quantity, **attributes):
    data = {"stream": "residual", "quantity": quantity, "unit": "kg"} | attributes.pop("data", {})
    return event("waste", id_, data, **({"time": "2026-03-05T12:30:00+01:00"} | attributes))


def own_factor(kilograms, start, end):
    """The organisation's own, of a tonne of residual waste from one month of 2026 to another."""
    return FactorVersion(
        kind="waste",
        category="residual",
        unit="t",
        kg_co2e=Decimal(kilograms),
        chain="wtw",
        market="location",
        valid_from=date(2026, start, 1),
        valid_to=date(2026, end, 1),
        source="offer",
        certainty="seen",
        layer="own",
    )


def explain(dsn, **parameters):
    return ask(dsn, explain_answer, **parameters)


def test_a_reading_back_to_what_was_posted_and_how_it_was_split(organisation):
    period = {"from": "2026-03-28T12:00:00+01:00", "to": "2026-03-30T00:00:00+02:00", "note": "zak gescheurd"}
    count(organisation, waste("1", "9"))
    count(organisation, waste("1", "0.000010001", revision=2, data=period))

    answer = explain(organisation, **MARCH | {"to": "2026-03-29"})

    (row,) = answer["rows"]
    assert (row["team"], row["source"], row["id"], row["revision"]) == ("ok-centrum", "/test", "1", 2)
    assert (row["start"], row["end"]) == ("2026-03-28T12:00:00+01:00", "2026-03-30T00:00:00+02:00")
    assert row["texts"] == {"note": "zak gescheurd"}
    assert (row["begins"], row["split_over"]) == (True, 2)
    (amount,) = row["amounts"]
    assert amount["conversion"] == {
        "field": "quantity",
        "posted": "0.000010001",
        "unit": "kg",
        "base_units_per_unit": "1000000",
        "correction": "1",
        "exact": "10001/1000",
        "rounding": "-1/1000",
    }
    # Twelve hours of the 28th, 23 of the 29th: 10 x 12 / 35 is 3 and 3/7; the unit left goes to the 4/7.
    assert amount["shares"] == [
        {
            "day": "2026-03-28",
            "seconds": "43200",
            "rounded_down": "3",
            "remainder": "3/7",
            "extra": 0,
            "base_quantity": "3",
        }
    ]
    assert (amount["base_quantity"], amount["counted"]) == ("10", "3")
    (total,) = answer["totals"]
    assert (total["base_quantity"], total["readings"]) == ("3", 1)


def test_factors_by_period_with_their_number_value_and_source(organisation):
    power = {"carrier": "electricity", "quantity": "1000", "unit": "kWh"}
    for number, month in enumerate(("2024-12", "2025-01"), 1):
        count(organisation, event("energy", str(number), power, time=f"{month}-15T12:00:00+01:00"))

    answer = explain(organisation, kind="energy", from_="2024-12-01", to="2025-02-01")

    (total,) = answer["totals"]
    used = {factor["factor"]: factor for factor in answer["factors"]}
    told = [
        (part["from"], part["to"], used[part["current"]["factor"]]["kg_co2e"], part["current"]["kg_co2e"])
        for part in total["sums"]
    ]
    assert told == [
        ("2024-12-01", "2025-01-01", "0.328", "328"),
        ("2025-01-01", "2025-02-01", "0.268", "268"),
    ]
    assert total["co2e"]["current"] == "596.000"
    assert total["exact"] == {"current": "596", "constant": "674"}
    assert {used[part["constant"]["factor"]]["kg_co2e"] for part in total["sums"]} == {"0.337"}
    assert all(factor["source"] and factor["valid_from"] < factor["valid_to"] for factor in used.values())
    assert any("328" in line and "596.000" in line for line in answer["words"]["en"])


def test_a_calculator_agrees_with_the_words_of_co2e(organisation):
    amounts = {"2026-01-15": "1000.000001", "2026-02-15": "2000.5"}
    count(
        organisation,
        *(waste(day, quantity, time=f"{day}T12:00:00+01:00") for day, quantity in amounts.items()),
    )
    with connect(organisation) as connection:
        first, second = own_factor("38", 1, 2), own_factor("40.1234567", 2, 3)
        record_factors(connection, [first, second], "test")

    answer = explain(organisation, kind="waste", from_="2026-01-01", to="2026-03-01")

    (total,) = answer["totals"]
    for language, together, about in (("nl", "samen", "ongeveer"), ("en", "together", "about")):
        (line,) = [line for line in answer["words"][language] if together in line and "2023" not in line]
        plain = line.replace(".", "").replace(",", ".") if language == "nl" else line.replace(",", "")
        terms = re.findall(r"([0-9.]+) t [^;]*? x ([0-9.]+) \(factor [0-9]+\) = ([0-9.]+) kg", plain)
        assert len(terms) == 2, line
        for amount, factor, kg in terms:
            assert round(Decimal(amount) * Decimal(factor), 3) == Decimal(kg), line
        assert sum(Decimal(kg) for *_, kg in terms) == Decimal(total["co2e"]["current"])
        assert Decimal(re.search(rf"{together} ([0-9.]+) kg", plain)[1]) == Decimal(total["co2e"]["current"])
        assert f"{about} 1 t" in line
        assert "2.0005 t" in line.replace(",", ".") and f"{about} 2" not in line


def test_words_say_when_rounded_terms_do_not_add_up(organisation):
    for month in ("2024-12", "2025-01"):
        power = {"carrier": "electricity", "quantity": "0.002", "unit": "kWh"}
        count(organisation, event("energy", month, power, time=f"{month}-15T12:00:00+01:00"))
    multiply_factors(organisation, "electricity", "0.73", 2024)
    multiply_factors(organisation, "electricity", "0.9", 2025)

    words = explain(organisation, kind="energy", from_="2024-12-01", to="2025-02-01")["words"]

    assert any("together 0.001 kg; added up before rounding" in line for line in words["en"]), words
    assert any("samen 0,001 kg; opgeteld vóór het afronden" in line for line in words["nl"]), words


def test_the_boundary_names_what_is_in_and_what_is_not(organisation):
    count(
        organisation,
        waste("1", "1"),
        waste("2", "2", data={"detail": True}),
        waste("3", "4", team="keuken", data={"detail": False, "site": "west"}),
        waste("4", "8", team="keuken"),
    )

    answer = explain(organisation, **MARCH, site="main")

    def named(rows, *names):
        return [tuple(row[name] for name in ("team", "base_quantity", *names)) for row in rows]

    boundary = answer["boundary"]
    assert named(boundary["counted"]) == [("ok-centrum", "1000000")]
    assert named(boundary["left_out"], "why") == [
        ("keuken", "8000000", "detail"),
        ("keuken", "4000000", "site"),
        ("ok-centrum", "2000000", "detail"),
    ]
    assert (boundary["teams_without"], boundary["sites_without"]) == ([], [])
    assert "Er niet bij: 10 kg al meegeteld in een andere meting." in answer["words"]["nl"]
    elsewhere = explain(organisation, **MARCH | {"from_": "2026-03-10"})
    assert (elsewhere["totals"], elsewhere["rows"]) == ([], [])
    assert elsewhere["boundary"]["teams_without"] == ["keuken", "ok-centrum"]
    assert "no data is not the same as zero" in elsewhere["words"]["en"][0]


def test_completeness_is_that_of_its_sources(organisation):
    count(organisation, *paper(2026, [1, 2, 4], 10))

    (total,) = explain(organisation, kind="waste", from_="2026-01-01", to="2026-05-01", on="2026-05-03")[
        "totals"
    ]

    assert total["completeness"]["ratio"] == "0.741667"  # 31 of 120 days lack
    (lacking,) = total["completeness"]["incomplete_sources"]
    assert (lacking["source"], lacking["since"], lacking["missing_days"]) == ("/test", "2026-03-01", "31")


def test_gas_as_read_is_explained_by_the_correction_that_held_when_it_came(organisation):
    count(organisation, event("energy", "1", _gas(), time="2026-03-05T12:00:00Z"))
    change(organisation, {"meters": {"gas-1": {"carrier": "natural-gas", "correction": "2"}}}, "test")

    (row,) = explain(organisation, kind="energy", from_="2026-03-01", to="2026-04-01")["rows"]

    assert row["amounts"][0]["conversion"]["correction"] == "1.0385"
    assert row["amounts"][0]["conversion"]["exact"] == row["amounts"][0]["base_quantity"] == "1038500"


def _gas():
    return {"carrier": "natural-gas", "quantity": "1", "unit": "m3", "meter": "gas-1"}


def test_an_hour_and_the_row_of_a_bucket(organisation):
    quarter = {"from": "2026-03-05T12:45:00+01:00", "to": "2026-03-05T13:15:00+01:00"}
    count(organisation, waste("1", "1", data=quarter), waste("2", "1", time="2026-04-05T12:00:00+02:00"))
    year = {"kind": "waste", "from_": "2026-01-01", "to": "2027-01-01"}

    hour = explain(organisation, **year, bucket="hour", start="2026-03-05T13:00:00+01:00")
    month = explain(organisation, **year, bucket="month", start="2026-04-01")

    assert [total["base_quantity"] for total in hour["totals"]] == ["500000"]
    (amount,) = hour["rows"][0]["amounts"]
    assert [share["hour"] for share in amount["shares"]] == ["2026-03-05T13:00:00+01:00"]
    assert (amount["counted"], hour["rows"][0]["begins"]) == ("500000", False)
    assert [row["id"] for row in month["rows"]] == ["2"]
    assert month["totals"][0]["start"] == "2026-04-01"
    assert problems(organisation, explain_answer, **year, bucket="month") == {"start": "is missing"}
    assert problems(organisation, explain_answer, **year, bucket="month", start="2026-04-02") == {
        "start": "is not the start of a row with bucket=month"
    }
    assert problems(
        organisation, explain_answer, **year, bucket="hour", start="2026-03-05T13:15:00+01:00"
    ) == {"start": "is not the start of a local hour"}
    assert problems(organisation, explain_answer, **year, start="2027-04-02") == {
        "start": "is not between from and to"
    }


def test_in_pages_with_what_is_said_of_the_whole_on_the_first(organisation):
    count(organisation, *(waste(str(number), number, source=f"/s{number % 3}") for number in range(7)))

    answers = pages(organisation, explain_answer, **MARCH, limit="2")

    places = [(row["source"], row["id"]) for answer in answers for row in answer["rows"]]
    assert places == sorted(places)
    assert [len(answer["rows"]) for answer in answers] == [2, 2, 2, 1]
    assert ["totals" in answer for answer in answers] == [True, False, False, False]


def test_a_page_ends_where_it_would_hold_too_many_shares(organisation, monkeypatch):
    monkeypatch.setattr("services.query.explain.MOST_SHARES", 40)
    month = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}
    count(organisation, *(waste(str(number), number, data=month) for number in range(5)))

    answers = pages(organisation, explain_answer, **MARCH)

    assert [[row["id"] for row in answer["rows"]] for answer in answers] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_target_back_to_totals_that_explain_further(organisation):
    change(organisation, {"targets": {"less-paper": PAPER}}, "test")
    count(organisation, *paper(2018, range(1, 13), 100), *paper(2026, range(1, 6), 75))

    answer = explain(organisation, target="less-paper", on="2026-06-10")

    target = answer["target"]
    assert {name: target["exact"][name] for name in ("base", "limit", "limit_now", "actual", "drift")} == {
        "base": "1200",
        "limit": "840",
        "limit_now": "350",
        "actual": "375",
        "drift": "1/14",
    }
    assert target["level"] == {"year": 2026, "value": "70", "between": [{"year": 2026, "value": "70"}]}
    (stream,) = target["budget"]["streams"]
    assert (stream["season"]["share"], stream["season"]["years"]) == (
        "5/12",
        [{"year": 2018, "to": "2018-06-01"}],
    )
    actual = next(row for row in target["amounts"] if row["from"] == "2026-01-01")
    asked = {f"{name}_" if name == "from" else name: value for name, value in actual["explain"].items()}
    further = explain(organisation, **asked)
    assert further["totals"][0]["base_quantity"] == actual["base_quantity"] == "375000000"
    assert len(further["rows"]) == 5
    assert any("1,200 kg" in line for line in answer["words"]["en"])
    assert any("1.200 kg" in line for line in answer["words"]["nl"])


def test_a_boundary_has_one_full_stop_whoever_wrote_it(organisation):
    stopped = {"boundary": {"nl": "Al het papier.", "en": "All paper"}}
    change(organisation, {"targets": {"less-paper": PAPER | stopped}}, "test")

    words = explain(organisation, target="less-paper", on="2026-06-10")["words"]

    assert "Wat telt: Al het papier." in words["nl"]
    assert "What counts: All paper." in words["en"]


def test_a_target_in_co2e_names_the_versions_of_its_fixed_factors(organisation):
    heat = {"slug": "heat", "nl": "warmte", "en": "heat", "kind": "energy", "categories": ["district-heat"]}
    target = {"nl": "Warmte", "en": "Heat", "theme": "co2", "kind": "absolute_max", "measure": "co2e"}
    target |= {"unit": "kg CO2e", "parts": [heat], "anchors": [{"year": 2026, "value": 90_000}]}
    change(organisation, {"targets": {"heat": target}}, "test")

    heat = {"carrier": "district-heat", "quantity": "157", "unit": "GJ"}
    count(organisation, event("energy", "1", heat, time="2026-03-05T12:00:00+01:00"))

    answer = explain(organisation, target="heat", on="2026-06-10")

    (used,) = answer["target"]["factors"]
    known = ask(organisation, factors_answer, kind="energy", category="district-heat", history="yes")
    (row,) = [row for row in known["rows"] if row["factor"] == used["factor"]]
    same = (
        "chain",
        "market",
        "kg_co2e",
        "unit",
        "valid_from",
        "valid_to",
        "recorded_at",
        "source",
        "certainty",
    )
    assert {name: used[name] for name in same} == {name: row[name] for name in same}
    assert {(row["base_quantity"], row["factor"]) for row in answer["target"]["amounts"]} == {
        ("157000000000", used["factor"])
    }
    kg = f"{Decimal(used['kg_co2e']) * 157:.3f}"
    number, year = used["factor"], used["year"]
    terms = f"{used['kg_co2e']} (fixed factor {number} of the list of {year}) = {kg} kg."
    (line,) = [line for line in answer["words"]["en"] if "157 GJ" in line]
    assert line.startswith("From 1 January 2026 up to and including") and line.endswith(terms)
    (line,) = [line for line in answer["words"]["nl"] if "157 GJ" in line]
    assert f"(vaste factor {number} van de lijst van {year}) = {kg.replace('.', ',')} kg." in line
    assert "The call beside an amount explains how it was measured" in "".join(answer["words"]["en"])


def test_what_was_reported_with_the_amounts_and_factors_of_then(organisation):
    power = {"carrier": "electricity", "unit": "kWh"}
    asked = {"kind": "energy", "from_": "2024-12-01", "to": "2025-01-01"}
    count(organisation, event("energy", "1", power | {"quantity": "100"}, time="2024-12-15T12:00:00+01:00"))
    told(organisation, "december", "2024-12-01", "2025-01-01")
    count(organisation, event("energy", "2", power | {"quantity": "50"}, time="2024-12-16T12:00:00+01:00"))
    multiply_factors(organisation, "electricity", "2", 2024)

    answer = explain(organisation, **asked)

    ((total, figure),) = follow_total([answer])
    assert total["reported"]["base_quantity"] == str(100 * 3_600_000)
    assert figure.co2e == {"as_reported": "32.800", "current": "98.400", "constant": "50.550"}
    assert total["co2e"] == figure.co2e
    then = explain(organisation, **asked, as_of=total["reported"]["as_of"])
    assert [row["id"] for row in then["rows"]] == ["1"]
    assert any("32.800 kg CO2e with the factors of then" in line for line in answer["words"]["en"])


def test_as_it_was_known(organisation):
    change(organisation, {"targets": {"less-paper": PAPER}}, "test")
    count(organisation, *paper(2018, range(1, 13), 100), *paper(2026, range(1, 6), 75))
    asked = [
        {"target": "less-paper", "on": "2026-06-10"},
        {"kind": "waste", "from_": "2026-01-01", "to": "2026-07-01", "on": "2026-06-10"},
    ]
    before = [explain(organisation, **each) for each in asked]
    count(
        organisation,
        *paper(2026, [2], 60, revision=2),
        paper(2026, [5], 0, revision=2)[0] | {"retracted": True},
    )

    assert [explain(organisation, **each) for each in asked] != before
    assert [explain(organisation, **each, as_of=before[0]["as_of"]) for each in asked] == before


def sees(dsn, sight, **parameters):
    pairs = [(name.rstrip("_"), value) for name, value in parameters.items()]

    async def run():
        async with await connect_async(dsn, "writer") as connection:
            return await explain_answer(connection, pairs, sight)

    return asyncio.run(run())


def test_a_team_sees_its_own_and_a_viewer_no_people(organisation):
    change(organisation, {"targets": {"ours": PAPER | {"team": "keuken"}, "all": PAPER}}, "test")
    count(organisation, waste("1", "1", data={"note": "zak"}))
    with psycopg.connect(organisation) as connection:
        connection.execute(
            "INSERT INTO token (name, hash, sort, expires_at) VALUES ('t', '', 'steward', 'infinity')"
        )
        connection.execute("UPDATE measurement SET token_no = 1")
    own = Sight("ok-centrum")

    for sight, expected in ((Sight(), ({"note": "zak"}, "t")), (Sight(None, people=False), (None, None))):
        (row,) = sees(organisation, sight, **MARCH)["rows"]
        assert (row["texts"], row["posted_by"]) == expected
    assert len(sees(organisation, own, **MARCH, team="ok-centrum")["rows"]) == 1
    for parameters in (MARCH, MARCH | {"team": "keuken"}, {"target": "ours"}):
        with pytest.raises(NotYours, match="ok-centrum"):
            sees(organisation, own, **parameters)
    assert sees(organisation, own, target="all")["target"]["id"] == "all"


def test_what_is_wrong_is_said_at_once(organisation):
    assert problems(organisation, explain_answer) == dict.fromkeys(("kind", "from", "to"), "is missing")
    assert problems(organisation, explain_answer, target="x", kind="waste", by="team") == {
        "kind": "does not go with target",
        "by": "does not go with target",
        "target": "'x' is not known",
    }
    assert problems(organisation, explain_answer, **MARCH, by="team", base_unit="kg") == {
        "team": "is missing: with by=team there is a row for each",
        "base_unit": "'kg' is not known",
    }
    assert problems(organisation, explain_answer, **MARCH, cursor="abc") == {"cursor": "is not a cursor"}
