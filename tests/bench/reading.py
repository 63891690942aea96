"""Reading a ledger of 50 million readings over 8 years, beside the plain SQL that computes the same from it.

`READINGS` chooses another size. `READING_HOME` keeps the filled stack there, and uses it again when it is there.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from services.store.connection import connect
from tests.bench.eight_years import ORGANISATION, YEARS, fill
from tests.door_client import Client
from tests.integration.dashboards.panel_sql import (
    FILES,
    VARIABLES,
    ZONE,
    Range,
    dashboard,
    expand,
    queries,
)
from tests.stacks import COMMAND, Stack, temporary_stacks
from tests.waiting import wait_until

RUNS = 7
CALLS = 300
PLAIN_RUNS = 5
EVALUATING_SECONDS = 600
CHOSEN = VARIABLES | {"team": "team-01", "target": "unsorted-share-2030"}

_FROM = re.compile(r"now(?:-(\d+)([dy]))?/([dy])")


def measure() -> dict[str, Any]:
    """Milliseconds of every panel and call, seconds of what goes through the whole ledger."""
    with _filled_stack() as stack:
        dsn = str(stack.state.owner_dsn)
        return {
            "filled with": _sizes(dsn),
            "panels, ms": panels(dsn),
            "calls, ms": calls(stack, dsn),
            "whole ledger, s": whole_ledger(stack, dsn),
        }


@contextmanager
def _filled_stack() -> Iterator[Stack]:
    kept = os.environ.get("READING_HOME")
    with temporary_stacks() as make:
        stack = Stack(Path(kept)) if kept else make()
        try:
            stack.home.mkdir(exist_ok=True)
            stack.home.chmod(0o755)
            stack.up()
            dsn = str(stack.state.owner_dsn)
            if not _value(dsn, "SELECT max(batch_no) FROM batch_log"):
                _fill(stack, dsn)
            yield stack
        finally:
            stack.end()


def _fill(stack: Stack, dsn: str) -> None:
    readings = int(os.environ.get("READINGS", "50000000"))
    today = datetime.now(ZONE).date()
    fill(dsn, today, readings, lambda line: print(line, file=sys.stderr, flush=True))
    file = stack.home / "organisation.toml"
    file.write_text(ORGANISATION, encoding="utf-8")
    stack.run("organisation", "apply", str(file))
    evaluated = "SELECT (SELECT configuration FROM tracker_cursor) = max(version) FROM configuration"
    wait_until(lambda: _value(dsn, evaluated), EVALUATING_SECONDS)


def _sizes(dsn: str) -> dict[str, Any]:
    counts = {
        table: _value(dsn, f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
        for table in ("measurement", "batch_log", "leaf", "rollup_day", "rollup_hour", "source_day")
    }
    return {"years": YEARS, "database GB": _value(dsn, "SELECT pg_database_size(current_database())") / 1e9} | counts


def panels(dsn: str) -> dict[str, Any]:
    """Of each panel p50 and p95, for its default range and all years, and whether a plan touches the ledger."""
    found: dict[str, Any] = {}
    with connect(dsn, "reader") as connection:
        for file in (name for name in FILES if name.startswith("en/")):
            document = dashboard(file)
            for title, sql in queries(document).items():
                found[f"{file[3:-5]}: {title}"] = {
                    name: _panel(connection, expand(sql, chosen, CHOSEN))
                    for name, chosen in (("default", default_range(document)), ("all years", all_years()))
                }
    return found


def _panel(connection: psycopg.Connection, sql: str) -> dict[str, Any]:
    plan = connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}").fetchone()
    assert plan is not None
    return _percentiles(lambda: connection.execute(sql).fetchall(), RUNS) | {"ledger": _touches(plan[0])}


def _touches(plan: Any) -> bool:
    """Whether a plan reads the ledger or one of its chunks, which are all in a schema of their own."""
    if isinstance(plan, list):
        return any(map(_touches, plan))
    if not isinstance(plan, dict):
        return False
    is_ledger = plan.get("Relation Name") == "measurement" or plan.get("Schema") == "_timescaledb_internal"
    return is_ledger or any(map(_touches, plan.values()))


def default_range(document: Any) -> Range:
    """The time that a dashboard shows when it is opened, like `now-2y/y` up to now."""
    now = datetime.now(ZONE)
    match = _FROM.fullmatch(document["time"]["from"])
    assert match, document["time"]
    number, unit, whole = int(match[1] or 0), match[2], match[3]
    start = now - timedelta(days=number) if unit == "d" else now.replace(year=now.year - number)
    start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return Range(start.replace(month=1, day=1) if whole == "y" else start, now)


def all_years() -> Range:
    """Everything that there is."""
    now = datetime.now(ZONE)
    return Range(now.replace(year=now.year - YEARS - 1), now)


def _percentiles(run: Callable[[], object], runs: int) -> dict[str, float]:
    """Milliseconds of so many runs behind a first one, which is not counted."""
    run()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - began))
    taken.sort()
    return {
        f"p{part}": round(taken[ceil(len(taken) * part / 100) - 1], 1) for part in (50, 95, 99) if part < 99 or runs > 99
    }


def _value(dsn: str, statement: str) -> Any:
    with connect(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]
