"""One, two and four processors on this machine, with the load spread over teams and nearly all of it in one.

A topic of six partitions; records of 500 quarter-hours, with keys like the door's. The processors are ready
before anything is there; then all of it is produced at once. A rate is over the time from there to the last
commit. CPU is that of each sort of process for an event.

BENCH_EVENTS, BENCH_ROUNDS.
"""

import json
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.bench.end_to_end import EVENTS, ORGANISATION, ROUNDS, TOPIC, readings
from tests.bench.parts import Parts, count, parts, send, wait_until_counted
from tests.waiting import wait_until

PROCESSORS = (1, 2, 4)
SIZE = 500
BIG_TEAM = "team-0"
_PATIENCE = 600
_SIZE = "SELECT pg_database_size(current_database())"

# On paper: what the hospitals of a country measure. How many they are and what they have is assumed.
HOSPITALS = 100
QUARTER_HOUR_METERS = 200
P1_METERS = 20
P1_SECONDS = 10
_DAY_SECONDS = 86_400

Record = tuple[str, bytes]


def measure() -> dict[str, Any]:
    """Events a second by the number of processors, the CPU of each sort, what that means for a country."""
    figures: dict[str, Any] = {"events": EVENTS, "rounds": ROUNDS, "partitions": 6}
    for name, is_one_team in (("spread over 28 teams", False), ("95 % in one team", True)):
        produced = records(is_one_team)
        rounds: dict[int, list[dict[str, float]]] = {number: [] for number in PROCESSORS}
        with parts(ORGANISATION) as running:
            for round_ in range(ROUNDS):
                for number in PROCESSORS:
                    rounds[number].append(_round(running, produced, number, f"of_{number}_{round_}"))
        one = [found["events a second"] for found in rounds[1]]
        figures[name] = {
            f"{number} processors": {
                **{key: _median([found[key] for found in rounds[number]]) for key in rounds[number][0]},
                "to one": _median(
                    [
                        found["events a second"] / first
                        for found, first in zip(rounds[number], one, strict=True)
                    ]
                ),
            }
            for number in PROCESSORS
        }
        print(json.dumps(figures[name]), flush=True)
    figures["a country on paper"] = on_paper(figures["spread over 28 teams"])
    return figures


def records(is_one_team: bool) -> list[Record]:
    """Records with the key that the door gives them: the team and the source of the first event."""
    meters: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, event in enumerate(readings()):
        if is_one_team and number % 20:
            event["team"] = BIG_TEAM
        meters.setdefault((event["team"], event["source"]), []).append(event)
    found = []
    for (team, source), events in meters.items():
        for first in range(0, len(events), SIZE):
            part = events[first : first + SIZE]
            found.append((first, (f"{team}/{source}", json.dumps(part).encode())))
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


def _round(running: Parts, produced: Sequence[Record], processors: int, database: str) -> dict[str, float]:
    running.empty_broker()
    running.make_topic(TOPIC)
    dsn = running.fresh_database(database)
    with ExitStack() as stack:
        ready = []
        for number in range(processors):
            file = running.directory / f"{database}-{number}.ready"
            stack.enter_context(running.processor(dsn, f"processor-{number}", READY_FILE=str(file)))
            ready.append(file)
        wait_until(lambda: all(map(Path.exists, ready)), _PATIENCE)
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        empty = count(connection, _SIZE)
        before = _cpu(database)
        began = time.time()
        send(running.address, TOPIC, produced)
        wait_until_counted(connection, EVENTS, _PATIENCE)
        used = {name: seconds - before[name] for name, seconds in _cpu(database).items()}
        ended = count(connection, "SELECT extract(epoch FROM max(recorded_at)) * 1000 FROM batch_log") / 1000
        size = count(connection, _SIZE) - empty
    running.cluster.drop_database(database)
    return {
        "events a second": EVENTS / (ended - began),
        **{f"{name}, µs of CPU an event": seconds / EVENTS * 1e6 for name, seconds in used.items()},
        "bytes on disk an event": size / EVENTS,
    }


def _cpu(database: str) -> dict[str, float]:
    """Seconds of CPU that the processors, the database and the broker used up to now."""
    used = {"processors": 0.0, "database": 0.0, "broker": 0.0}
    for process in psutil.process_iter(["cmdline", "cpu_times"]):
        command, times = " ".join(process.info["cmdline"] or ()), process.info["cpu_times"]
        if times is None:
            continue
        seconds = times.user + times.system
        if "services.processing" in command:
            used["processors"] += seconds
        elif "postgres:" in command and database in command:
            used["database"] += seconds
        elif "tansu" in command:
            used["broker"] += seconds
    return used


def on_paper(spread: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What the measured cost of an event makes of a country whose every hospital measures by meters.

    One organisation is one database with processors of its own: nothing is shared but machines. All of them
    as one organisation is how far one database would go.
    """
    one = spread["1 processors"]
    quarter_hours = QUARTER_HOUR_METERS * 96 / _DAY_SECONDS
    p1 = P1_METERS / P1_SECONDS
    return {
        "assumed": {
            "hospitals": HOSPITALS,
            "quarter-hour meters each": QUARTER_HOUR_METERS,
            "P1 meters each": P1_METERS,
            "seconds between readings of a P1 meter": P1_SECONDS,
        },
        "a hospital, quarter-hours only": _load(quarter_hours, one),
        "a hospital": _load(quarter_hours + p1, one),
        "all hospitals as one organisation": _load(HOSPITALS * (quarter_hours + p1), one),
        "the first wall": "P1 readings: the door where each is a post of its own, then disk and the time to "
        "count all again. A hundred in a post move the first; summed to quarter-hours where they are read, "
        f"they are {900 // P1_SECONDS} times fewer",
    }


def _load(events: float, one: dict[str, float]) -> dict[str, float]:
    """Of so many events a second; a partition is read by one processor."""
    rate = one["events a second"]
    cpu = sum(value for name, value in one.items() if name.endswith("of CPU an event")) / 1e6
    a_year = events * _DAY_SECONDS * 365
    return {
        "events a second": round(events, 2),
        "million events a year": round(a_year / 1e6, 1),
        "processors and partitions, at least": math.ceil(events / rate),
        "busy, percent of them": round(100 * events / rate, 3),
        "cores busy behind the door": round(events * cpu, 5),
        "cores busy of doors, posts of 1": round(events * _of_door(1), 5),
        "cores busy of doors, posts of 100": round(events * _of_door(100), 5),
        "GB of database a year": round(a_year * one["bytes on disk an event"] / 1e9, 1),
        "hours to count a year again": round(a_year / rate / 3600, 2),
    }


def _of_door(batch: int) -> float:
    """Seconds of CPU of the door for an event in posts of so many, as last measured."""
    figures = json.loads(Path(__file__).with_name("door.json").read_text(encoding="utf-8"))["figures"]
    spooled = figures["spool on (embedded broker)"][f"batches of {batch}"]
    return float(spooled["CPU seconds for a million events"]) / 1e6


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 2)
