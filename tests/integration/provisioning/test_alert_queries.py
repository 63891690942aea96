"""The queries of the alert rules, run as the role that Grafana has."""

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from dashboards.alert_rules import alert_group
from services.store.connection import connect

SQL = {rule["title"]: rule["data"][0]["model"]["rawSql"] for rule in alert_group()["rules"]}


def _rows(database: str, title: str) -> list[dict[str, Any]]:
    with connect(database, "reader") as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute(SQL[title].encode()).fetchall()


@pytest.fixture
def evaluate(database: str) -> Any:
    """Puts an evaluation of a target into the database: its band and drift, and what else its row has."""

    def put(target: str, band: str, drift: str | None, **more: Any) -> None:
        row = {
            "title": {"nl": target.title(), "en": target.title()},
            "thresholds": {"amber_from": "0", "red_from": "0.05"},
            "reasons": [],
            "coverage": [],
            "incomplete_sources": [],
        }
        with connect(database) as connection:
            connection.execute(
                "INSERT INTO evaluation"
                " (target, on_day, batch_no, configuration, factors, band, outcome, drift, row, inputs)"
                " VALUES (%s, '2026-06-01', 0, 0, '', %s, 'running', %s, %s, '{}')",
                (target, band, drift, json.dumps(row | more)),
            )
            connection.execute(
                "INSERT INTO alert_state (target, band, factors, definition) VALUES (%s, 'green', '', '')",
                (target,),
            )

    return put


@pytest.mark.parametrize("title", SQL)
def test_a_query_is_a_time_series_of_one_number(database: str, title: str) -> None:
    with connect(database, "reader") as connection:
        columns = connection.execute(SQL[title].encode()).description
    assert columns is not None
    names = [column.name for column in columns]
    types = {column.name: column.type_display for column in columns}
    assert types["time"] == "timestamptz"
    numbers = [name for name in names if types[name] in ("numeric", "bigint", "integer", "double precision")]
    assert len(numbers) == 1
    assert all(types[name] == "text" for name in names if name not in ("time", *numbers))


def test_an_empty_database_raises_no_alarm(database: str) -> None:
    assert _rows(database, "GroenmeterTargetAmber") == []
    assert _rows(database, "GroenmeterTargetRed") == []
    assert _rows(database, "GroenmeterDataMissing") == []
    assert [row["seconds"] for row in _rows(database, "GroenmeterLag")] == [0, 0]


def test_a_target_is_above_zero_in_the_rule_of_its_band_only(database: str, evaluate: Any) -> None:
    evaluate("ahead", "green", "-0.1")
    evaluate("amber", "amber", "0.03")
    evaluate("red", "red", "0.08")
    evaluate("just-red", "red", "0.05")  # rounded to the threshold itself
    evaluate("overdue", "red", None)  # a milestone
    evaluate("unknown", "unknown", None)

    amber = {row["target"]: row["over"] for row in _rows(database, "GroenmeterTargetAmber")}
    red = {row["target"]: row["over"] for row in _rows(database, "GroenmeterTargetRed")}

    nothing = dict.fromkeys(("ahead", "amber", "red", "just-red", "overdue"), 0)
    assert amber == nothing | {"amber": 3}
    assert red == nothing | {"red": 3, "just-red": Decimal("0.01"), "overdue": Decimal("0.01")}
    assert len({row["time"] for row in _rows(database, "GroenmeterTargetRed")}) == 1


def test_a_source_that_is_missing_is_told_once(database: str, evaluate: Any) -> None:
    missing = {
        "team": "ok",
        "kind": "waste",
        "source": "scale",
        "category": "residual",
        "missing_days": "12.5",
        "since": "2026-05-01",
    }
    evaluate("one", "unknown", None, incomplete_sources=[missing])
    evaluate("two", "unknown", None, incomplete_sources=[missing | {"missing_days": "14"}])

    (row,) = _rows(database, "GroenmeterDataMissing")

    assert (row["team"], row["source"], row["category"], row["days"]) == ("ok", "scale", "residual", 14)


def test_targets_that_do_not_follow_the_batches_lag(database: str) -> None:
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO batch_log "
            "SELECT nextval('batch_id'), 1, now() - interval '10 minutes', 'test', 0, 0, 0, 0"
        )

    seconds = {row["part"]: row["seconds"] for row in _rows(database, "GroenmeterLag")}

    assert seconds["counting"] == 0
    assert 600 <= seconds["targets"] < 900
