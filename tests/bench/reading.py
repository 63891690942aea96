"""Reading eight years of 50 million readings, beside the plain SQL that computes the same from the ledger."""

import json
import re
import subprocess
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
from tests.stacks import COMMAND, Stack

RUNS = 20
CALLS = 300
COUNTED = ("measurement", "batch_log", "leaf", "rollup_month", "rollup_day", "rollup_hour", "source_day")
CHOSEN = VARIABLES | {"team": "team-01", "target": "unsorted-share-2030"}

_FROM = re.compile(r"now(?:-(\d+)([dy]))?/([dy])")
_PLAIN = """
SELECT team, site, kind, category, flow, method, detail, base_unit,
    date_trunc(%(bucket)s, starts_at AT TIME ZONE 'Europe/Amsterdam') AS start, sum(base_quantity), count(*)
FROM measured_amount
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
WHERE NOT retracted AND starts_at >= %(from)s AND starts_at < %(to)s
    AND (%(meter)s::text IS NULL OR meter = %(meter)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
_LEDGER_ROWS = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)
FROM pg_stat_xact_all_tables
WHERE schemaname = '_timescaledb_internal'
"""
_METER = """
SELECT meter FROM measurement
WHERE category = 'electricity' AND meter NOT IN (SELECT meter FROM own_meter)
LIMIT 1
"""

Figures = dict[str, Any]


def measure() -> Figures:
    """Milliseconds of every panel and call, seconds of what goes through the whole ledger."""
    with filled_stack(SIZES[-1]) as stack:
        dsn = str(stack.state.owner_dsn)
        figures = {"filled with": _sizes(dsn), "panels, ms": panels(dsn), "calls, ms": calls(stack)}
        print(json.dumps(figures), flush=True)
        return figures | {"whole ledger, s": whole_ledger(stack, dsn)}


def _sizes(dsn: str) -> Figures:
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
    client = _viewer(stack)
    return {
        question: _milliseconds(lambda path=f"/v1/totals?{question}": _get(client, path), CALLS)  # type: ignore[misc]
        for question in (
            f"kind=energy&bucket=month&{one}",
            f"kind=energy&bucket=month&by=category&{one}",
            f"kind=energy&bucket=month&by=category,team&{one}",
            f"kind=energy&bucket=month&team=team-01&{one}",
            f"kind=waste&bucket=month&by=category&{one}",
            f"kind=energy&bucket=month&by=category&{eight}",
        )
    }


def whole_ledger(stack: Stack, dsn: str) -> Figures:
    """What goes through the ledger, or changes what eight years come to, beside plain SQL over the ledger."""
    year = datetime.now(ZONE).year
    days = {"from": f"{year - YEARS - 1}-01-01", "to": f"{year + 1}-01-01"}
    meter = value(dsn, _METER)
    factor = ("electricity", "--unit", "kWh", "--market", "both", "--source", "bench")
    factor += ("--from", days["from"], "--to", days["to"], "--wtw", f"0.{time.time_ns() % 1000 + 1:04}")
    total = f"/v1/totals?kind=energy&bucket=month&by=category&from={days['from']}&to={days['to']}"
    client = _viewer(stack)
    return {
        "verify": _seconds(lambda: _run(stack, "verify")),
        "plain SQL, the days of every leaf": _plain(dsn, "day", **days),
        "another factor, recorded": _seconds(lambda: _run(stack, "factors", "add", *factor)),
        "another factor, totals of eight years": _seconds(lambda: _get(client, total)),
        "plain SQL, the months of every leaf": _plain(dsn, "month", **days),
        "a meter's own factor, recorded": _seconds(
            lambda: _run(stack, "factors", "add", *factor, "--meter", meter)
        ),
        "a meter's own factor, totals of eight years": _seconds(lambda: _get(client, total)),
        "plain SQL, the days of a meter": _plain(dsn, "day", **days, meter=meter),
    }


def _plain(dsn: str, bucket: str, **parameters: str) -> float:
    with connect(dsn) as connection:
        values = {"bucket": bucket, "meter": None} | parameters
        return _seconds(lambda: connection.execute(_PLAIN, values).fetchall())


def _viewer(stack: Stack) -> Client:
    token = stack.run("token", "create", "--viewer").strip()
    return Client(urlsplit(stack.api).port or 0, token)


def _get(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 200, answer.body


def _run(stack: Stack, *arguments: str) -> None:
    # Without the patience of `stack.run`: reading the whole ledger takes longer.
    subprocess.run([COMMAND, *arguments], env=stack.environment, check=True, stdout=subprocess.DEVNULL)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return round(time.perf_counter() - began, 2)


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
