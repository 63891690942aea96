"""Targets as a hospital meets them: its file, its measurements, HTTP and the command line."""

import json
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from schemas.targets import TARGETS
from tests.door_client import Client
from tests.oracle import AMSTERDAM
from tests.waiting import wait_until

COUNTED_SECONDS = 60
ON = "2026-07-08"
FILE = """
base_year = 2018

[sites.main]
nl = "Hoofdlocatie"
en = "Main site"

[teams.facilities]
[teams.verpleging-a4]
[teams.apotheek]

[targets.co2-of-gas]
nl = "Minder CO2 van aardgas"
en = "Less CO2 of natural gas"
theme = "co2"
kind = "reduction_vs_base"
measure = "co2e"
unit = "kg CO2e"
parts = ["natural-gas"]
anchors = [{ year = 2026, value = 70 }, { year = 2030, value = 45 }]

[targets.gas-and-heat]
nl = "Gas en warmte"
en = "Gas and heat"
theme = "co2"
kind = "reduction_vs_base"
measure = "co2e"
unit = "kg CO2e"
parts = ["natural-gas", "district-heat"]
anchors = [{ year = 2026, value = 70 }]

[targets.our-share]
nl = "Hoogstens 40 % ongesorteerd"
en = "At most 40 % unsorted"
theme = "circular"
kind = "share_max"
unit = "%"
team = "verpleging-a4"
parts = [{ slug = "residual", nl = "rest", en = "residual", kind = "waste", categories = ["residual"] }]
of = [
    { slug = "residual", nl = "rest", en = "residual", kind = "waste", categories = ["residual"] },
    { slug = "paper", nl = "papier", en = "paper", kind = "waste", categories = ["paper"] },
]
anchors = [{ year = 2026, value = 40 }]

[targets.plan]
nl = "Plan voor het vastgoed"
en = "Plan for the buildings"
theme = "knowledge"
kind = "milestone"
due = 2026-06-30
who = "facilities"

[targets.medication-waste]
enabled = false
"""

# Winter is heavy: Nm3 of gas in each month of 2018, 12,000 in all, of which 7,700 up to the end of June.
GAS_2018 = [2000, 1800, 1600, 1100, 700, 500, 400, 400, 500, 800, 1000, 1200]
# 70 % of the first half of 2018 is 5,390 Nm3; this is 5,929, 10 % more.
GAS_2026 = [1540, 1386, 1232, 847, 539, 385]
NM3 = Decimal("2.079")  # kg CO2e, 2023, whole chain


def month(kind, id_, year, number, data):
    start = datetime(year, number, 1, tzinfo=AMSTERDAM)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=AMSTERDAM)
    event = {"specversion": "1.0", "type": f"nl.groenmeter.{kind}.v1", "source": "/invoice", "id": id_}
    return event | {"data": data | {"from": start.isoformat(), "to": end.isoformat()}}


def gas(year, number, quantity, **attributes):
    data = {"carrier": "natural-gas", "quantity": quantity, "unit": "Nm3"}
    return month("energy", f"gas-{year}-{number}", year, number, data) | {"team": "facilities"} | attributes


def waste(stream, number, kilograms):
    data = {"stream": stream, "quantity": kilograms, "unit": "kg"}
    return month("waste", f"{stream}-{number}", 2026, number, data) | {"team": "verpleging-a4"}


@pytest.fixture(scope="module")
def client(stack):
    """A steward's, of a hospital with gas of 2018 and half of 2026 and waste of half of 2026."""
    file = stack.home / "organisation.toml"
    file.write_text(FILE)
    stack.run("organisation", "apply", str(file))
    client = Client(urlsplit(stack.api).port, stack.run("token", "create", "--steward").strip())
    counted(client, *(gas(2018, number, quantity) for number, quantity in enumerate(GAS_2018, 1)))
    counted(client, *(gas(2026, number, quantity) for number, quantity in enumerate(GAS_2026, 1)))
    for stream, kilograms in (("residual", 44), ("paper", 56)):
        counted(client, *(waste(stream, number, kilograms) for number in range(1, 7)))
    return client


def counted(client, *events):
    answer = client.post(list(events))
    assert answer.status == 202, answer.body
    path = f"/v1/receipts/{answer.json['receipt']}"
    wait_until(lambda: client.get(path).json["state"] == "done", COUNTED_SECONDS)


def targets(client, query=f"on={ON}"):
    answer = client.get(f"/v1/targets?{query}")
    assert answer.status == 200, answer.body
    return {row["id"]: row for row in answer.json["rows"]}


def test_a_reduction_against_the_base_year(client):
    row = targets(client)["co2-of-gas"]

    base, actual = sum(GAS_2018) * NM3, sum(GAS_2026) * NM3  # 12,000 and 5,929 Nm3
    assert row["period"] == {"from": "2026-01-01", "to": "2027-01-01"}
    assert row["through"] == "2026-07-01"
    assert (row["base_year"], row["base"]) == (2018, f"{base:.3f}")
    assert row["limit"] == f"{base * 70 / 100:.3f}"
    assert row["limit_now"] == f"{5390 * NM3:.3f}"
    assert row["actual"] == f"{actual:.3f}"
    assert (row["drift"], row["band"], row["outcome"]) == ("0.1", "red", "running")
    # As in 2018: 5,929 is 7,700/12,000 of 9,240 Nm3. Of the twelve months before nothing was measured.
    assert row["projection"] == {"low": "19209.960", "high": "19209.960"}
    assert (row["completeness"], row["incomplete_sources"]) == ("1", [])
    assert row["basis"]["factors"][0]["kg_co2e"] == "2.079"
    assert [(part["part"], part["state"]) for part in row["coverage"]] == [("natural-gas", "measured")]
    assert row["contributions"][0]["difference"] == f"{(5929 - 5390) * NM3:.3f}"
    path = {point["year"]: point["index"] for point in row["path"]}
    # The index of the Green Deal: 3.75 points a year up to 2026, then 6.25.
    assert [path[year] for year in (2018, 2019, 2022, 2025, 2026, 2027, 2030)] == [
        *("100", "96.25", "85", "73.75", "70", "63.75", "45")
    ]


def test_the_actual_is_the_sum_of_the_totals(stack, client):
    row = targets(client)["co2-of-gas"]
    command = ["totals", "--kind", "energy", "--category", "natural-gas", "--bucket", "month", "--json"]
    for start, end, amount in (
        (row["period"]["from"], row["through"], row["actual"]),
        ("2018-01-01", "2019-01-01", row["base"]),
    ):
        totals = json.loads(stack.run(*command, "--from", start, "--to", end))["rows"]
        assert sum(Decimal(total["co2e"]["constant"]) for total in totals) == Decimal(amount)


def test_a_share_of_a_team(client):
    """44 of 100 kg where 40 % is the most: (44 - 40) / 40 = 10 % behind."""
    rows = targets(client, f"on={ON}&team=verpleging-a4")

    assert list(rows) == ["our-share"]
    row = rows["our-share"]
    assert (row["scope"], row["unit"], row["actual"], row["limit_now"]) == (
        "team/verpleging-a4",
        "%",
        "44",
        "40",
    )
    assert (row["drift"], row["band"], row["projection"], row["basis"]) == ("0.1", "red", None, None)


def test_a_milestone(client):
    before, after = targets(client, "on=2026-06-30")["plan"], targets(client)["plan"]

    assert (before["band"], before["outcome"]) == ("unknown", "running")
    assert (after["band"], after["outcome"]) == ("red", "missed")
    assert after["reasons"][0]["en"] != after["reasons"][0]["nl"]


def test_unknown_says_why(client):
    row = targets(client)["gas-and-heat"]

    assert (row["band"], row["drift"]) == ("unknown", None)
    assert [part["part"] for part in row["coverage"] if part["state"] == "missing"] == ["district-heat"]
    assert any("district heat" in reason["en"] for reason in row["reasons"])


def test_a_hidden_target_is_not_there(client):
    assert "medication-waste" in TARGETS
    assert targets(client).keys() & TARGETS.keys() == TARGETS.keys() - {"medication-waste"}


def test_a_day_before(client):
    """Up to the end of February 2,926 Nm3, where 70 % of 3,800 is 2,660: 10 % behind as well."""
    row = targets(client, "on=2026-03-01")["co2-of-gas"]

    assert (row["through"], row["actual"], row["limit_now"]) == (
        "2026-03-01",
        f"{2926 * NM3:.3f}",
        f"{2660 * NM3:.3f}",
    )


def test_every_token_may_read_it_and_nobody_without(stack, client):
    for owner in ("verpleging-a4", "--viewer"):
        token = stack.run("token", "create", owner).strip()
        assert targets(Client(client.port, token)) == targets(client)
    assert Client(client.port, "no-token").get("/v1/targets").status == 401


def test_what_is_wrong_is_a_problem(client):
    answer = client.get("/v1/targets?on=2026-02-30&team=none")

    assert answer.status == 422
    assert {error["field"] for error in answer.json["errors"]} == {"on", "team"}


def test_the_command_shows_the_same(stack, client):
    answer = client.get(f"/v1/targets?on={ON}").json
    assert json.loads(stack.run("targets", "--on", ON, "--json")) == answer

    english = stack.run("targets", "--on", ON)
    dutch = stack.run("targets", "--on", ON, "--lang", "nl")
    gas_line = next(line for line in english.splitlines() if "Less CO2 of natural gas" in line)
    assert [text for text in ("✖ red", "10 % behind", "12,326", "kg CO2e") if text not in gas_line] == []
    gas_line = next(line for line in dutch.splitlines() if "Minder CO2 van aardgas" in line)
    assert [text for text in ("✖ rood", "10 % achter", "12.326", "kg CO2e") if text not in gas_line] == []
    assert "missing: district heat" in english
    assert "Less CO2" not in stack.run("targets", "--on", ON, "--team", "verpleging-a4")
    wrong = stack.call("targets", "--on", "yesterday")
    assert (wrong.returncode, "--on" in wrong.stderr) == (2, True)


def test_a_correction_counts_and_as_of_shows_what_was_known(stack, client):
    before = client.get(f"/v1/targets?on={ON}").json
    counted(client, gas(2026, 6, 0, revision=2))

    # 5,929 - 385 = 5,544 Nm3; (5,544 - 5,390) / 5,390 = 2.8571 % behind.
    row = targets(client)["co2-of-gas"]
    assert (row["actual"], row["drift"], row["band"]) == (f"{5544 * NM3:.3f}", "0.028571", "amber")
    assert client.get(f"/v1/targets?on={ON}&as_of={before['as_of']}").json == before
    known_then = stack.run("targets", "--on", ON, "--as-of", before["as_of"], "--json")
    assert json.loads(known_then) == before


def test_verify_agrees_with_the_days_of_sources(stack, client):
    statement = stack.run("verify")

    assert statement.startswith("Everything agrees: ")
    assert "days of sources" in statement
