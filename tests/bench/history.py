"""What counting costs behind ledgers of 1, 10 and 50 million readings: it should grow with what is new only.

A backlog of quarter-hours of the meters that are there is written to an integrator's topic while the
processor is held, and then worked off; in rounds, behind each of the ledgers: with ids that ascend in each
source, the same once more (repeats), and with ids that fall anywhere among those that are there, as random
ones do. The index by which a repeat is known is in memory, as that of a database that runs: from a disk, an
id that falls anywhere costs a read of its own (`reads` tells them).

BENCH_HISTORY_EVENTS: the events of a round; BENCH_HISTORY_ROUNDS.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
from psycopg.rows import dict_row

from services.store.connection import connect
from tests.bench.eight_years import METERS, TEAMS, YEARS
from tests.bench.ledgers import SIZES, filled_stack
from tests.bench.load import middle
from tests.bench.parts import send
from tests.stacks import Stack
from tests.waiting import wait_until

EVENTS = int(os.environ.get("BENCH_HISTORY_EVENTS", "60000"))
ROUNDS = int(os.environ.get("BENCH_HISTORY_ROUNDS", "5"))
ARRAY = 500
INTEGRATOR = "bench"
TOPIC = f"measurements.energy.{INTEGRATOR}"
QUARTER = timedelta(minutes=15)
QUARTERS_OF_DAY = 96
IN_A_ROW = 50  # of one meter, as an import or a meter's export posts them
COUNTED_SECONDS = 600
STATISTICS_SECONDS = 11  # an idle session of the database tells what it did after ten

_COUNTERS = """
SELECT io.*, wal_bytes, wal_fpi, pg_database_size(current_database()) AS database,
    pg_relation_size('identity_pkey') AS identity_index, hypertable_size('measurement') AS ledger
FROM pg_stat_wal
CROSS JOIN (
    SELECT sum(hits) AS hits, sum(reads) AS reads, sum(writes) AS writes, sum(extends) AS extends
    FROM pg_stat_io
) AS io
"""
_INDEX = "SELECT pg_relation_filepath('identity_pkey')"
_NEWEST = "SELECT max(batch_no) FROM batch_log"
_COUNTED = "SELECT coalesce(sum(events), 0)::integer FROM batch_log WHERE batch_no > %s"
_SECONDS = """
SELECT extract(epoch FROM max(recorded_at) - min(recorded_at))
    / (sum(events) - (array_agg(events ORDER BY batch_no))[1])
FROM batch_log
WHERE batch_no > %s AND events > 0
"""
_CAUGHT_UP = """
UPDATE tracker_cursor SET batch_no = newest.batch_no, configuration = newest.configuration
FROM (
    SELECT max(batch_no) AS batch_no, (SELECT max(version) FROM configuration) AS configuration FROM batch_log
) AS newest;
UPDATE flag_cursor SET batch_no = (SELECT max(batch_no) FROM batch_log)
"""

Figures = dict[str, Any]
Event = dict[str, Any]
Record = tuple[str, bytes]
Identifying = Callable[[datetime], str]


class Round(NamedTuple):
    """Microseconds for each event: of time, and of all processes of the database."""

    time: float
    database: float


def measure() -> Figures:
    """The figures of each ledger, and what the largest takes beside the smallest."""
    figures: Figures = {"events": EVENTS, "rounds": ROUNDS}
    for millions in SIZES:
        with filled_stack(millions) as stack:
            figures[f"{millions} million"] = _behind(stack)
        print(json.dumps(figures[f"{millions} million"]), flush=True)
    smallest, largest = (figures[f"{millions} million"] for millions in (SIZES[0], SIZES[-1]))
    figures["largest to smallest"] = {
        name: {
            what: round(largest[name][what]["median"] / smallest[name][what]["median"], 2)
            for what in ("time, us", "database, us")
        }
        for name in smallest
    }
    return figures


def _behind(stack: Stack) -> Figures:
    identify = new_ids()
    ascending = [_records(number, identify) for number in range(ROUNDS)]
    anywhere = [_records(number, _anywhere) for number in range(ROUNDS)]
    with counting_on(stack) as counting:
        counting.read_index()
        return {
            "ids that ascend": counting.figures(ascending),
            "repeats": counting.figures(ascending),
            "ids anywhere": counting.figures(anywhere),
        }


@contextmanager
def counting_on(stack: Stack) -> Iterator["Counting"]:
    """Counting on a stack whose processor reads the integrator's topic and whose tracker is held."""
    teams = ",".join(f"team-{number:02}" for number in range(1, TEAMS + 1))
    stack.run("integrator", "add", INTEGRATOR, "--teams", teams)
    with connect(str(stack.state.owner_dsn)) as connection, _without_tracker(stack, connection):
        counting = Counting(stack, connection)
        counting.begin(_records(0, new_ids())[0])
        yield counting


def new_ids() -> Identifying:
    """Ids that ascend with time and were never used: a stack that is kept has those of former runs."""
    run = f"r{time.time_ns():x}"
    return lambda start: f"{run}-{start:%Y-%m-%dT%H:%MZ}"


@contextmanager
def _without_tracker(stack: Stack, connection: psycopg.Connection) -> Iterator[None]:
    """Counting only: afterwards the tracker has nothing to catch up with."""
    tracker = psutil.Process(stack.process("tracker").pid)
    tracker.suspend()
    yield
    connection.execute(_CAUGHT_UP)
    tracker.resume()


def _anywhere(start: datetime) -> str:
    moment = start - random.random() * timedelta(days=365 * YEARS)  # noqa: S311
    return f"{moment:%Y-%m-%dT%H:%MZ}-{random.getrandbits(64):x}"


class Counting:
    """Rounds on one stack."""

    def __init__(self, stack: Stack, connection: psycopg.Connection) -> None:
        self._stack = stack
        self._connection = connection
        self._database = psutil.Process(stack.process("database").pid)

    def begin(self, record: Record) -> None:
        """Wait until the processor reads the topic: it began anew when there was a new integrator."""
        batch_no = self._value(_NEWEST)
        self._produce([record])
        wait_until(lambda: self._value(_COUNTED, batch_no) >= ARRAY, COUNTED_SECONDS)

    def read_index(self) -> None:
        """Leave the index of identities in the machine's memory."""
        first = Path(self._database.cwd(), self._value(_INDEX))
        for part in sorted(first.parent.glob(f"{first.name}*")):
            with part.open("rb") as file:
                while file.read(1 << 24):
                    pass

    def seconds(self, records: list[Record], events: int) -> float:
        """Seconds in which the processor works off so many events that all lie ready; twice are repeats."""
        processor = self._hold(records)
        batch_no = self._value(_NEWEST)
        began = time.perf_counter()
        processor.resume()
        wait_until(lambda: self._value(_COUNTED, batch_no) >= events, COUNTED_SECONDS)
        return time.perf_counter() - began

    def figures(self, rounds: list[list[Record]]) -> Figures:
        """Of all rounds together for each event, after the medians."""
        before = self._counters()
        measured = [self._round(records) for records in rounds]
        time.sleep(STATISTICS_SECONDS)
        after = self._counters()
        return {
            "time, us": middle([one.time for one in measured], 1),
            "database, us": middle([one.database for one in measured], 1),
            "for each event": {
                name: round(float(after[name] - before[name]) / EVENTS / len(rounds), 3) for name in before
            },
        }

    def _round(self, records: list[Record]) -> Round:
        processor = self._hold(records)
        batch_no = self._value(_NEWEST)
        worked = self._worked()
        processor.resume()
        wait_until(lambda: self._value(_COUNTED, batch_no) >= EVENTS, COUNTED_SECONDS)
        worked = self._worked() - worked
        return Round(float(self._value(_SECONDS, batch_no)) * 1e6, worked / EVENTS * 1e6)

    def _hold(self, records: list[Record]) -> psutil.Process:
        """The processor, which waits until all of these lie ready."""
        self._connection.execute("CHECKPOINT")  # every round has its own, and writes whole pages behind it
        processor = psutil.Process(self._stack.process("processor-1").pid)
        processor.suspend()
        self._produce(records)
        return processor

    def _produce(self, records: list[Record]) -> None:
        send(str(self._stack.state.broker), TOPIC, records)

    def _worked(self) -> float:
        """Seconds of processor time of the database's processes, also of those that ended."""
        ended = sum(self._database.cpu_times()[2:4])
        return ended + sum(sum(process.cpu_times()[:2]) for process in self._database.children())

    def _value(self, statement: str, *values: object) -> Any:
        row = self._connection.execute(statement.encode(), values).fetchone()
        assert row is not None
        return row[0]

    def _counters(self) -> Figures:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(_COUNTERS).fetchone()
        assert found is not None
        return found


def _records(number: int, identify: Identifying) -> list[Record]:
    """What is written in a round, of one team each; its periods lie behind those of the round before."""
    quarters = -(-EVENTS // METERS)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - (ROUNDS - number) * quarters * QUARTER
    return records(islice(_events(first, quarters, identify), EVENTS))


def quarter_hours(first: datetime, days: int, identify: Identifying) -> Iterator[Event]:
    """What all meters measure in so many days."""
    return _events(first, days * QUARTERS_OF_DAY, identify)


def records(events: Iterable[Event]) -> list[Record]:
    """Messages of as many events of one team as an import sends at once."""
    messages = []
    for team, of_team in groupby(events, itemgetter("team")):
        while array := list(islice(of_team, ARRAY)):
            messages.append((team, json.dumps(array).encode()))
    return messages


def _events(first: datetime, quarters: int, identify: Identifying) -> Iterator[Event]:
    for team in range(1, TEAMS + 1):
        for begin in range(0, quarters, IN_A_ROW):
            for meter in range(team, METERS + 1, TEAMS):
                for quarter in range(begin, min(begin + IN_A_ROW, quarters)):
                    yield _event(team, meter, first + quarter * QUARTER, identify)


def _event(team: int, meter: int, start: datetime, identify: Identifying) -> Event:
    return {
        "specversion": "1.0",
        "id": identify(start),
        "source": f"/meter/{meter}",
        "type": "nl.groenmeter.energy.v1",
        "team": f"team-{team:02}",
        "data": {
            "carrier": "electricity",
            "from": start.isoformat(),
            "to": (start + QUARTER).isoformat(),
            "quantity": f"{meter * 7919 % 97}.{start.hour:02}{start.minute:02}",
            "unit": "kWh",
            "method": "metered",
            "meter": f"M-{meter}",
        },
    }
