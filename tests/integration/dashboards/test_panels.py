"""Every panel's SQL, as the reader, on an empty database, on one reading and on the sample."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboards.alert_rules import alert_group
from services.store.configuration import change
from services.store.connection import connect
from tests.integration.dashboards.conftest import track
from tests.integration.dashboards.panel_sql import (
    FILES,
    VARIABLES,
    Range,
    answers,
    columns_of,
    dashboard,
    expand,
    panels,
    queries,
)
from tests.integration.query.asking import count, event
from tests.strategies import ORGANISATION

# What a kitchen does not measure.
NOT_OF_THE_TEAM = {
    *("Afval", "Waste"),
    *("Medicijnverspilling", "Medication waste"),
    *("Elektriciteit en warmte", "Electricity and heat"),
}


@pytest.mark.parametrize("file", FILES)
def test_every_panel_is_answered_on_an_empty_database(database, file):
    for title, answer in answers(database, file).items():
        shows_what_is_always_there = title in ("as_of", "team", "Laatst geteld", "Last counted")
        factors = title in ("Factoren die gelden", "Factors in force")
        assert bool(answer.rows) is (shows_what_is_always_there or factors), title


@pytest.mark.parametrize("file", FILES)
def test_every_panel_is_answered_on_one_reading(database, file):
    change(database, ORGANISATION, "test")
    count(
        database,
        event(
            "waste", "1", {"stream": "residual", "quantity": 12, "unit": "kg"}, time="2026-03-01T12:00:00Z"
        ),
    )

    found = answers(database, file, team="ok-centrum")

    expected = {"nl/waste.json": "Afvalstromen", "en/waste.json": "Waste streams", "nl/team.json": "Afval"}
    if file in expected:
        assert len(found[expected[file]].rows) == 1


@pytest.mark.parametrize("file", FILES)
def test_every_panel_gets_its_columns_and_data_on_the_sample(sample, file):
    found = answers(sample, file)

    for panel in panels(dashboard(file)):
        answer = found[panel["title"]]
        assert set(answer.columns) >= columns_of(panel), panel["title"]
        if panel["type"] == "table":
            assert set(answer.columns) == columns_of(panel), panel["title"]
        is_list_of_faults = panel["fieldConfig"]["defaults"]["noValue"] in ("niets gevonden", "nothing found")
        of_another_team = file.endswith("team.json") and panel["title"] in NOT_OF_THE_TEAM
        assert answer.rows or is_list_of_faults or of_another_team, panel["title"]


LOOKS = """
SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)
FROM pg_stat_xact_all_tables
WHERE schemaname = '_timescaledb_internal'
"""


def looks_into_the_ledger(dsn, statements):
    """How often each statement looks at a part of the ledger, if only by an index."""
    with connect(dsn, "reader") as connection:

        def looks():
            return connection.execute(LOOKS).fetchone()[0]

        found = {}
        for title, statement in statements.items():
            with connection.transaction():
                before = looks()
                connection.execute(statement)
                found[title] = looks() - before
    return found


@pytest.mark.parametrize("file", FILES)
def test_no_panel_looks_into_the_ledger(sample, file):
    """It grows each year, and what is shown of it must not take longer each year."""
    everything = Range(datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1))
    asked = {title: expand(sql, everything, VARIABLES) for title, sql in queries(dashboard(file)).items()}

    assert looks_into_the_ledger(sample, asked) == dict.fromkeys(asked, 0)


def test_neither_does_an_alert_rule(sample):
    rules = {rule["title"]: rule["data"][0]["model"]["rawSql"] for rule in alert_group()["rules"]}

    assert looks_into_the_ledger(sample, rules) == dict.fromkeys(rules, 0)


def test_that_the_ledger_was_looked_into_is_seen(sample):
    late = {"late": "SELECT * FROM dashboard_late WHERE written_at > now() LIMIT 1"}

    assert looks_into_the_ledger(sample, late)["late"] > 0


def test_a_source_that_fell_silent_is_told(database):
    change(database, ORGANISATION, "test")
    first = date(2026, 1, 1)
    days = [first + timedelta(days=number) for number in range(60)]
    bags = [
        event("waste", str(day), {"stream": "residual", "quantity": 1, "unit": "kg"}, time=f"{day}T12:00:00Z")
        for day in days
    ]
    count(database, *bags)
    track(database, date(2026, 7, 1))

    found = answers(database, "en/quality.json", team="ok-centrum")

    ((team, kind, category, source, missing_days, since),) = found["What the targets miss"].rows
    assert (team, kind, category, source) == ("ok-centrum", "waste", "residual waste (unsorted)", "/test")
    assert missing_days > 100
    assert since.startswith("2026-03-")
    assert answers(database, "en/team.json", team="ok-centrum")["What the targets miss"].rows
    assert not answers(database, "en/team.json", team="keuken")["What the targets miss"].rows


def test_a_quote_in_a_variable_is_only_a_quote(sample):
    found = answers(sample, "en/team.json", team="x' OR 'a' = 'a")

    assert found["What this team measured"].rows == []
