"""Stacks with a ledger of eight years in them, for the benchmarks that need one.

`BENCH_LEDGERS`: their sizes in millions of readings, the largest last. `BENCH_LEDGERS_HOME` keeps the filled
stacks, each in a home of this name and its size, and uses them again: filling 50 million takes most of an
hour.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.store.connection import connect
from tests.bench.eight_years import ORGANISATION, fill
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

SIZES = [int(size) for size in os.environ.get("BENCH_LEDGERS", "1 10 50").split()]
ZONE = ZoneInfo("Europe/Amsterdam")
EVALUATING_SECONDS = 600


@contextmanager
def filled_stack(millions: int) -> Iterator[Stack]:
    """A running stack with so many million readings, ended at the end."""
    kept = os.environ.get("BENCH_LEDGERS_HOME")
    with temporary_stacks() as make:
        stack = Stack(Path(f"{kept}{millions}")) if kept else make()
        try:
            stack.home.mkdir(exist_ok=True)
            stack.home.chmod(0o755)  # the database's account enters it
            stack.up()
            dsn = str(stack.state.owner_dsn)
            if not value(dsn, "SELECT max(batch_no) FROM batch_log WHERE added > 0"):
                _fill(stack, dsn, millions * 1_000_000)
            yield stack
        finally:
            stack.end()


def value(dsn: str, statement: str) -> Any:
    """The only value that a statement of the owner gives."""
    with connect(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def _fill(stack: Stack, dsn: str, readings: int) -> None:
    today = datetime.now(ZONE).date()
    fill(dsn, today, readings, lambda line: print(line, file=sys.stderr, flush=True))
    file = stack.home / "organisation.toml"
    file.write_text(ORGANISATION, encoding="utf-8")
    stack.run("organisation", "apply", str(file))
    evaluated = "SELECT (SELECT configuration FROM tracker_cursor) = max(version) FROM configuration"
    wait_until(lambda: value(dsn, evaluated), EVALUATING_SECONDS)
