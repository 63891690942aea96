"""Reading eight years of 50 million readings: the dashboards, and totals over HTTP."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg

from services.store.connection import connect
from tests.bench.eight_years import YEARS
from tests.bench.ledgers import SIZES, ZONE, filled_stack, value
from tests.bench.load import percentile
from tests.door_client import Client
from tests.integration.dashboards.panel_sql import FILES, VARIABLES, Range, dashboard, expand, queries
from tests.stacks import Stack

RUNS = 20
CALLS = 200
COUNTED = (
    *("measurement", "batch_log", "leaf", "rollup_month", "rollup_day", "rollup_hour", "source_day"),
    *("received_late", "correction"),
)
CHOSEN = VARIABLES | {"team": "team-01", "target": "unsorted-share-2030"}

_FROM = re.compile(r"now(?:-(\d+)([dy]))?/([dy])")
_LEDGER_ROWS = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)
FROM pg_stat_xact_all_tables
WHERE schemaname = '_timescaledb_internal'
"""
Figures = dict[str, Any]


def measure() -> Figures:
    """Milliseconds of every panel and call."""
    with filled_stack(SIZES[-1]) as stack:
        dsn = str(stack.state.owner_dsn)
        return {"filled with": sizes(dsn), "panels, ms": panels(dsn), "calls, ms": calls(stack)}


def sizes(dsn: str) -> Figures:
    """How many rows there are of what."""
    counts = {table: value(dsn, f"SELECT count(*) FROM {table}") for table in COUNTED}  # noqa: S608 - our own names
    size = value(dsn, "SELECT pg_database_size(current_database())")
    return {"years": YEARS, "database GB": round(size / 1e9, 1)} | counts


def panels(dsn: str) -> Figures:
    """Of each panel p50 and p95, for its default range and all years, and how much of the ledger it reads."""
    found: Figures = {}
    with connect(dsn, "reader") as connection:
        for file in (name for name in FILES if name.startswith("en/")):
            document = dashboard(file)
            for title, sql in queries(document).items():
                found[f"{file[3:-5]}: {title}"] = {
                    name: _panel(connection, expand(sql, chosen, CHOSEN).encode())
                    for name, chosen in (("default", default_range(document)), ("all years", all_years()))
                }
    return found


def _panel(connection: psycopg.Connection, sql: bytes) -> Figures:
    with connection.transaction():
        before = _ledger_rows(connection)
        connection.execute(sql)
        rows = _ledger_rows(connection) - before
    return _milliseconds(lambda: connection.execute(sql).fetchall(), RUNS) | {"rows of the ledger": rows}


def _ledger_rows(connection: psycopg.Connection) -> int:
    """Rows of the ledger that were read in this transaction, and before it if nobody was told yet."""
    row = connection.execute(_LEDGER_ROWS).fetchone()
    assert row is not None
    return int(row[0])


def default_range(document: Any) -> Range:
    """The time that a dashboard shows when it is opened, like `now-2y/y` up to now."""
    now = datetime.now(ZONE)
    match = _FROM.fullmatch(document["time"]["from"])
    assert match, document["time"]
    number = int(match[1] or 0)
    if match[3] == "y":
        return Range(datetime(now.year - number, 1, 1, tzinfo=ZONE), now)
    return Range((now - timedelta(days=number)).replace(hour=0, minute=0, second=0, microsecond=0), now)


def all_years() -> Range:
    """Everything that there is."""
    now = datetime.now(ZONE)
    return Range(now - timedelta(days=366 * (YEARS + 1)), now)


def calls(stack: Stack) -> Figures:
    """Of `/v1/totals` over HTTP, of the last whole year and of all eight."""
    year = datetime.now(ZONE).year
    one, eight = f"from={year - 1}-01-01&to={year}-01-01", f"from={year - YEARS}-01-01&to={year}-01-01"
    client = viewer(stack)
    return {
        question: _milliseconds(lambda path=f"/v1/totals?{question}": get(client, path), CALLS)  # type: ignore[misc]
        for question in (
            f"kind=energy&bucket=month&{one}",
            f"kind=energy&bucket=month&by=category&{one}",
            f"kind=energy&bucket=month&by=category,team&{one}",
            f"kind=energy&bucket=month&team=team-01&{one}",
            f"kind=waste&bucket=month&by=category&{one}",
            f"kind=energy&bucket=month&by=category&{eight}",
        )
    }


def viewer(stack: Stack) -> Client:
    """A client with a new viewer's token."""
    token = stack.run("token", "create", "--viewer").strip()
    return Client(urlsplit(stack.api).port or 0, token)


def get(client: Client, path: str) -> None:
    """Read an answer."""
    answer = client.get(path)
    assert answer.status == 200, answer.body


def _milliseconds(run: Callable[[], object], runs: int) -> Figures:
    """Of so many runs behind a first one, which is not counted."""
    run()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - began))
    parts = (50, 95, 99) if runs >= 100 else (50, 95)
    return {f"p{part}": round(percentile(taken, part), 1) for part in parts}
