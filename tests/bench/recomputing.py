"""What goes through a ledger of 50 million readings, beside the plain SQL that computes the same from it.

BENCH_REPLAY_DAYS: how many days of quarter-hours arrive again.
"""

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.store.connection import connect
from tests.bench.eight_years import METERS, YEARS
from tests.bench.history import QUARTERS_OF_DAY, counting_on, new_ids, quarter_hours, records
from tests.bench.ledgers import SIZES, ZONE, filled_stack, value
from tests.bench.reading import Figures, get, sizes, viewer
from tests.stacks import COMMAND, Stack

REPLAY_DAYS = int(os.environ.get("BENCH_REPLAY_DAYS", "365"))

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
_METER = """
SELECT meter FROM measurement
WHERE category = 'electricity' AND meter NOT IN (SELECT meter FROM own_meter)
LIMIT 1
"""
_REPEATS = "SELECT sum(repeats) FROM batch_log"


def measure() -> Figures:
    """Seconds of `verify`, of what another factor changes, and of readings that come again."""
    with filled_stack(SIZES[-1]) as stack:
        dsn = str(stack.state.owner_dsn)
        return {"filled with": sizes(dsn), "s": _seconds_of(stack, dsn) | replay(stack)}


def replay(stack: Stack) -> Figures:
    """Of readings that come, and come again, without the tracker.

    Those that the ledger was filled with have not what tells a repeat.
    """
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first -= timedelta(days=2 * REPLAY_DAYS)
    number = METERS * REPLAY_DAYS * QUARTERS_OF_DAY
    messages = records(quarter_hours(first, REPLAY_DAYS, new_ids()))
    end = first + timedelta(days=REPLAY_DAYS)
    began = time.perf_counter()
    _plain(str(stack.state.owner_dsn), "day", **{"from": f"{first:%Y-%m-%d}", "to": f"{end:%Y-%m-%d}"})
    taken = {f"plain SQL, {REPLAY_DAYS} days of every leaf": round(time.perf_counter() - began, 2)}
    for what, repeats in (("new", 0), ("repeats", number)):
        stack.run("down")  # to a broker that holds nothing: with both times in it, it would be renewed
        stack.up()
        dsn = str(stack.state.owner_dsn)
        with counting_on(stack) as counting:
            known = value(dsn, _REPEATS)
            seconds = counting.seconds(messages, number)
            assert value(dsn, _REPEATS) - known == repeats
        taken[f"{number} readings of {REPLAY_DAYS} days, {what}"] = round(seconds, 2)
    return taken


def _seconds_of(stack: Stack, dsn: str) -> Figures:
    """What goes through the ledger, or changes what eight years come to, beside plain SQL over the ledger."""
    year = datetime.now(ZONE).year
    days = {"from": f"{year - YEARS - 1}-01-01", "to": f"{year + 1}-01-01"}
    meter = value(dsn, _METER)
    factor: tuple[str, ...] = ("electricity", "--unit", "kWh", "--market", "both", "--source", "bench")
    factor += ("--from", days["from"], "--to", days["to"], "--wtw", f"0.{time.time_ns() % 1000 + 1:04}")
    total = f"/v1/totals?kind=energy&bucket=month&by=category&from={days['from']}&to={days['to']}"
    client = viewer(stack)

    def ask() -> None:
        client.connection.close()  # the door does not keep one that was idle for long
        get(client, total)

    own_meter = ("factors", "add", *factor, "--meter", meter)
    steps: dict[str, Callable[[], object]] = {
        "another factor, recorded": lambda: _run(stack, "factors", "add", *factor),
        "another factor, totals of eight years": ask,
        "plain SQL, the months of every leaf": lambda: _plain(dsn, "month", **days),
        "a meter's own factor, recorded": lambda: _run(stack, *own_meter),
        "a meter's own factor, totals of eight years": ask,
        "plain SQL, the days of a meter": lambda: _plain(dsn, "day", **days, meter=meter),
        "verify": lambda: _run(stack, "verify"),
    }
    taken = {}
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        taken[name] = round(time.perf_counter() - began, 2)
        print(name, taken[name], flush=True)  # it takes long, and what was measured is not to be lost
    return taken


def _plain(dsn: str, bucket: str, **parameters: str) -> None:
    with connect(dsn) as connection:
        connection.execute(_PLAIN, {"bucket": bucket, "meter": None} | parameters).fetchall()


def _run(stack: Stack, *arguments: str) -> None:
    # Without the patience of `stack.run`: reading the whole ledger takes longer.
    subprocess.run([COMMAND, *arguments], env=stack.environment, check=True, stdout=subprocess.DEVNULL)
