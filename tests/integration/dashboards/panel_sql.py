"""The panels of the generated dashboards, and their SQL as Grafana would send it."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from dashboards.generate import GENERATED
from services.store.connection import connect

ZONE = ZoneInfo("Europe/Amsterdam")
FILES = sorted(str(file.relative_to(GENERATED)) for file in GENERATED.glob("*/*.json"))

_MACRO = re.compile(r"\$__(timeFilter|timeFrom|timeTo)\(([a-z_.]*)\)")
_VARIABLE = re.compile(r"\$\{([a-z_]+):sqlstring\}")


class Range(NamedTuple):
    """The chosen time."""

    start: datetime
    end: datetime


class Answer(NamedTuple):
    """What a query gave."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


CHOSEN = Range(datetime(2024, 1, 1, tzinfo=ZONE), datetime(2026, 12, 1, tzinfo=ZONE))
VARIABLES = {
    "per": "month",
    "chain": "wtw",
    "market": "location",
    "team": "centrale-keuken",
    "target": "residual-waste-2026",
}


def answers(dsn: str, file: str, chosen: Range = CHOSEN, **variables: str) -> Mapping[str, Answer]:
    """What every query of a dashboard gives to the reader, by the panel's title."""
    with connect(dsn, "reader") as connection:
        return {
            title: _answer(connection, expand(sql, chosen, VARIABLES | variables))
            for title, sql in queries(dashboard(file)).items()
        }


def answer(dsn: str, file: str, title: str, chosen: Range, **variables: str) -> Answer:
    """What one panel gives to the reader."""
    with connect(dsn, "reader") as connection:
        return _answer(connection, expand(queries(dashboard(file))[title], chosen, VARIABLES | variables))


def _answer(connection: psycopg.Connection, sql: str) -> Answer:
    cursor = connection.execute(sql)
    return Answer(tuple(column.name for column in cursor.description or ()), cursor.fetchall())


def dashboard(file: str) -> Any:
    """A generated dashboard by its path."""
    return json.loads((GENERATED / file).read_text("utf-8"))


def panels(document: Any) -> Iterator[Any]:
    """Its panels that ask something; rows and words do not."""
    for panel in document["panels"]:
        if panel["type"] not in ("row", "text"):
            yield panel


def queries(document: Any) -> Mapping[str, str]:
    """The SQL of every panel by its title and of every variable by its name."""
    asked = {panel["title"]: panel["targets"][0]["rawSql"] for panel in panels(document)}
    variables = document["templating"]["list"]
    return asked | {one["name"]: one["query"] for one in variables if one["type"] == "query"}


def expand(sql: str, chosen: Range, variables: Mapping[str, str]) -> str:
    """What Grafana makes of a panel's SQL: its macros and the values of its variables."""

    def macro(match: re.Match[str]) -> str:
        start, end = (f"'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'" for moment in chosen)
        if match[1] == "timeFilter":
            return f"{match[2]} BETWEEN {start} AND {end}"
        return start if match[1] == "timeFrom" else end

    def variable(match: re.Match[str]) -> str:
        return "'" + variables[match[1]].replace("'", "''") + "'"

    expanded = _VARIABLE.sub(variable, _MACRO.sub(macro, sql))
    assert "$" not in expanded, expanded
    return expanded


def columns_of(panel: Any) -> set[str]:
    """The columns that a panel shows by name."""
    if panel["type"] == "timeseries":
        return {"time", "metric", "value"}
    return {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["id"] == "byName"
    }
