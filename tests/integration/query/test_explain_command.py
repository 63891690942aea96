"""`explain`, as it is typed."""

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from services.query import commands
from services.store.configuration import change
from tests.integration.query.asking import count, event
from tests.integration.tracking.tracked import PAPER, paper


@pytest.fixture
def run(organisation, tmp_path, monkeypatch):
    """What `groenmeter explain` with these words prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", organisation)
    app = typer.Typer()
    commands.register(app)

    def printed(*words):
        result = CliRunner().invoke(app, ["explain", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    return printed


def test_amounts_of_a_target_are_for_people(run, organisation):
    change(organisation, {"targets": {"less-paper": PAPER}}, "test")
    count(organisation, *paper(2018, range(1, 13), 100), *paper(2026, range(1, 6), "653.100001"))
    asked = ("--target", "less-paper", "--on", "2026-06-10")

    assert "653100001/200000" in [
        row["amount"] for row in json.loads(run(*asked, "--json"))["target"]["amounts"]
    ]
    for language, amount in (("nl", "ongeveer 3.265,5 kg"), ("en", "about 3,265.5 kg")):
        table = run(*asked, "--lang", language)
        assert amount in table
        assert not re.search(r"\d/\d", table)


def test_a_target_in_co2e_shows_its_fixed_factors_with_their_days(run, organisation):
    heat = {"slug": "heat", "nl": "warmte", "en": "heat", "kind": "energy", "categories": ["district-heat"]}
    target = {"nl": "Warmte", "en": "Heat", "theme": "co2", "kind": "absolute_max", "measure": "co2e"}
    target |= {"unit": "kg CO2e", "parts": [heat], "anchors": [{"year": 2026, "value": 90_000}]}
    change(organisation, {"targets": {"heat": target}}, "test")
    data = {"carrier": "district-heat", "quantity": "157", "unit": "GJ"}
    count(organisation, event("energy", "1", data, time="2026-03-05T12:00:00+01:00"))
    asked = ("--target", "heat", "--on", "2026-06-10")

    (factor,) = json.loads(run(*asked, "--json"))["target"]["factors"]
    table = run(*asked)

    assert f"6,350.65 kg CO2e (factor {factor['factor']})" in table
    (line,) = [line for line in table.splitlines() if f"{factor['factor']} district-heat" in line]
    assert f"40.45 kg / GJ (wtw, location)  {factor['valid_from']} - {factor['valid_to']}" in line
