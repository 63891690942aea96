"""How much work our code does for an event, in counts that no other load on the machine touches.

Instructions are those of Python, of our code and all that it calls but C; calls of C are counted beside them.
Pages are what the database looks at in tables and indexes. Each is counted when everything was seen once.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from schemas.calendar import Calendar, to_microseconds
from schemas.forms import Forms
from schemas.organisation import Organisation
from services.importing.judge import Judge as RowJudge
from services.importing.profile import load_profile
from services.importing.reader import Reader, Reading
from services.intake.body import Posted
from services.intake.judgement import judge as judge_posted
from services.intake.records import pack
from services.processing.records import Judge, Record
from services.store.configuration import load_configuration
from services.store.connection import connect_async
from services.store.ledger import Accepted, Batch, Ledger
from tests.bench.end_to_end import ORGANISATION, TOPIC, readings
from tests.bench.parts import parts

EVENTS = 1_000
_ZONE = "Europe/Amsterdam"
_PAGES = """
SELECT coalesce(sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read), 0)::bigint
FROM pg_statio_all_tables
WHERE schemaname NOT LIKE 'pg\\_%'
"""

Counts = dict[str, float]


class _Counter:
    """Counts instructions and calls of C while it is entered."""

    def __init__(self) -> None:
        self.instructions = 0
        self.calls = 0

    def __enter__(self) -> "_Counter":
        sys.setprofile(self._profile)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def figures(self, name: str) -> Counts:
        """What was counted, for one of the events."""
        return {
            f"{name}: instructions an event": self.instructions / EVENTS,
            f"{name}: calls of C an event": self.calls / EVENTS,
        }

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            self.instructions += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._trace

    def _profile(self, _: FrameType, event: str, __: object) -> None:
        self.calls += event == "c_call"


def count() -> Counts:
    """Work of each sort for one event, by its name."""
    return _door() | _import() | _processor()


def _counted(name: str, work: Callable[[], object]) -> Counts:
    work()
    with _Counter() as counter:
        work()
    return counter.figures(name)


def _door() -> Counts:
    """Judging a post and making records of it."""
    organisation = Organisation().with_changes(ORGANISATION)
    forms = Forms(organisation, Calendar.of_zone(_ZONE))
    events = [event | {"data": event["data"] | {"quantity": 12}} for event in readings(EVENTS)]
    received = to_microseconds(datetime.now(UTC))

    def work() -> None:
        judgement = asyncio.run(judge_posted(Posted(events, False), lambda raw: forms.measure(raw, received)))
        assert len(judgement.accepted) == EVENTS
        pack(judgement.accepted, received=received, token_number=1, receipt_id="receipt", configuration=1)

    return _counted("door", work)


def _import() -> Counts:
    """Reading a file of quarter-hours."""
    profile = load_profile("quarter-hour-meter-kwh", {"team": "team-1"})
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "quarter-hours.csv"
        rows = [
            f"871600000000000001;{1 + place // 96:02}-01-2026;{place // 4 % 24:02}:{place % 4 * 15:02};1;kWh"
            for place in range(1, EVENTS + 1)
        ]
        file.write_text("EAN;Datum;Tijd;Verbruik (kWh);Eenheid\n" + "\n".join(rows), encoding="utf-8")

        def work() -> None:
            outcomes = list(Reader(profile, file.name, RowJudge(_ZONE)).read(file))
            assert sum(isinstance(outcome, Reading) for outcome in outcomes) == EVENTS, outcomes[:3]

        return _counted("import", work)


def _processor() -> Counts:
    """Judging records and writing what is new, and the same again."""
    with parts(ORGANISATION) as running:
        dsn = running.fresh_database("work")
        return asyncio.run(_written(dsn))


async def _written(dsn: str) -> Counts:
    configuration = load_configuration(dsn)
    judge = Judge(configuration)
    received = to_microseconds(datetime.now(UTC))
    events = list(readings(3 * EVENTS))
    counts: Counts = {}
    async with await connect_async(dsn, "writer") as connection:
        ledger = Ledger(connection, configuration.calendar)
        for name, first in (
            ("first", 0),
            ("new", 1),
            ("processor", 2),
            ("again", 1),
            ("processor, repeats", 2),
        ):
            value = json.dumps(events[first * EVENTS : (first + 1) * EVENTS]).encode()
            record = Record(name, TOPIC, 0, 0, received, value, {})
            pages = await _pages(connection)
            with _Counter() as counter:
                accepted = [found for found in judge.judge(record) if isinstance(found, Accepted)]
                found = await ledger.record(Batch("work", accepted=accepted))
            assert EVENTS in found, found
            pages = await _pages(connection) - pages
            if name.startswith("processor"):
                counts |= counter.figures(name) | {f"{name}: pages an event": pages / EVENTS}
    return counts


async def _pages(connection: psycopg.AsyncConnection) -> int:
    """What was looked at up to now, in transactions that ended."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    row = await (await connection.execute(_PAGES)).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    print(json.dumps(count()))
