"""From a topic to what is committed: ours, Quix Streams with its PostgreSQLSink, and a bare reader.

All read the same topic of the same embedded broker into the same database server, one process each, one after
another in each round. A rate leaves out what was there at the first commit: starting is not measured.

The events are quarter-hours of meters, all new and right, of a form that comes again and again; with a note
of its own each is judged as if none like it had come before.

BENCH_EVENTS: the events of a round; BENCH_ROUNDS.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.load import middle
from tests.bench.parts import Parts, count, parts, send, wait_until_counted

EVENTS = int(os.environ.get("BENCH_EVENTS", "400000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CASES = {"arrays of 500": (500, False), "arrays of 500 with notes": (500, True), "arrays of 1": (1, False)}
FLUSHED = 10_000  # events, by Quix
TEAMS, METERS = 28, 280
TOPIC = "measurements.energy.bench"
QUIX = ("quixstreams==3.28.1", "psycopg2-binary==2.9.13")
PEERS = Path(__file__).parent / "peers"
ORGANISATION = {
    "teams": {f"team-{number}": {} for number in range(TEAMS)},
    "integrators": {"bench": {"teams": [f"team-{number}" for number in range(TEAMS)]}},
}
_PATIENCE = 600
_QUARTER = timedelta(minutes=15)


def readings(
    events: int = EVENTS, first: datetime = datetime(2024, 1, 1, tzinfo=UTC)
) -> Iterator[dict[str, Any]]:
    """Quarter-hours of the meters of each team in turn, 50 of each of its ten meters at a time."""
    per_meter = -(-events // METERS)
    made = 0
    for block in range(0, per_meter, 50):
        for team in range(TEAMS):
            for quarter in range(block, min(block + 50, per_meter)):
                for meter in range(team, METERS, TEAMS):
                    if made == events:
                        return
                    made += 1
                    start = first + quarter * _QUARTER
                    yield {
                        "specversion": "1.0",
                        "id": f"meter-{meter}-{start:%Y%m%dT%H%M}",
                        "source": f"/meters/{meter}",
                        "type": "nl.groenmeter.energy.v1",
                        "team": f"team-{team}",
                        "data": {
                            "carrier": "electricity",
                            "quantity": round(10 + (meter * 7919 + quarter * 104729) % 90000 / 1000, 3),
                            "unit": "kWh",
                            "meter": f"meter-{meter}",
                            "from": start.isoformat(),
                            "to": (start + _QUARTER).isoformat(),
                            "method": "metered",
                        },
                    }


def records(size: int, has_notes: bool) -> Iterator[tuple[str, bytes]]:
    """The readings as records of so many events of one team, with their keys."""
    waiting: list[dict[str, Any]] = []
    for number, event in enumerate(readings()):
        if has_notes:
            event["data"]["note"] = f"reading {number}"
        if waiting and (len(waiting) == size or waiting[0]["team"] != event["team"]):
            yield _record(waiting, size)
            waiting = []
        waiting.append(event)
    if waiting:
        yield _record(waiting, size)


def _record(events: list[dict[str, Any]], size: int) -> tuple[str, bytes]:
    return f"{events[0]['team']}/{events[0]['source']}", json.dumps(
        events if size > 1 else events[0]
    ).encode()


def measure() -> dict[str, Any]:
    """Events a second of each, by the size of arrays, and their ratios; medians of the rounds."""
    figures: dict[str, Any] = {"events": EVENTS, "rounds": ROUNDS}
    for case, (size, has_notes) in CASES.items():
        with parts(ORGANISATION) as running:
            quix = _install_quix(running.directory)
            running.make_topic(TOPIC)
            send(running.address, TOPIC, records(size, has_notes))
            rounds = [_round(running, quix, size, f"round_{number}") for number in range(ROUNDS)]
        figures[case] = {
            "events a second": {name: middle([one[name] for one in rounds]) for name in rounds[0]},
            "ours to Quix": middle([one["ours"] / one["Quix"] for one in rounds], 2),
            "ours to bare": middle([one["ours"] / one["bare"] for one in rounds], 2),
        }
        print(case, json.dumps(figures[case]), flush=True)
    return figures


def _round(running: Parts, quix: Path, size: int, name: str) -> dict[str, float]:
    return {
        "Quix": _quix(running, quix, FLUSHED // size, f"{name}_quix"),
        "ours": _ours(running, f"{name}_ours"),
        "bare": _bare(running, f"{name}_bare"),
    }


def _ours(running: Parts, database: str) -> float:
    dsn = running.fresh_database(database)
    with running.processor(dsn), psycopg.connect(dsn, autocommit=True) as connection:
        wait_until_counted(connection, EVENTS, _PATIENCE)
        microseconds = count(
            connection,
            "SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) * 1e6 FROM batch_log "
            "WHERE events > 0",
        )
        first = count(connection, "SELECT events FROM batch_log WHERE events > 0 ORDER BY batch_no LIMIT 1")
    running.cluster.drop_database(database)
    return (EVENTS - first) / microseconds * 1e6


def _quix(running: Parts, python: Path, flushed: int, database: str) -> float:
    running.cluster.create_database(database)
    login = conninfo_to_dict(running.cluster.dsn(database))
    where = [str(login[name]) for name in ("host", "port", "dbname", "user", "password")]
    command = [str(python), str(PEERS / "quix_sink.py"), running.address, TOPIC]
    rate = _rate([*command, *where, database, str(flushed)], running)
    running.cluster.drop_database(database)
    return rate


def _bare(running: Parts, database: str) -> float:
    running.cluster.create_database(database)
    command = [sys.executable, str(PEERS / "bare.py"), running.address, TOPIC]
    rate = _rate([*command, running.cluster.dsn(database)], running)
    running.cluster.drop_database(database)
    return rate


def _rate(command: list[str], running: Parts) -> float:
    """Events a second after its first commit, of a program that prints moment and rows of each."""
    log = running.directory / "peer.log"
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=running.directory
        ) as child,
    ):
        commits: list[tuple[float, int]] = []
        began = time.monotonic()
        for line in child.stdout or ():
            moment, rows = line.split()
            commits.append((float(moment), int(rows)))
            if sum(rows for _, rows in commits) >= EVENTS:
                break
            assert time.monotonic() - began < _PATIENCE, "a peer takes too long"
        child.kill()
    assert sum(rows for _, rows in commits) == EVENTS, log.read_text(encoding="utf-8")
    return (EVENTS - commits[0][1]) / (commits[-1][0] - commits[0][0])


def _install_quix(directory: Path) -> Path:
    """The Python of an environment with Quix Streams, whose packages do not go with ours."""
    subprocess.run([sys.executable, "-m", "venv", directory / "quix"], check=True)
    python = directory / "quix" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *QUIX], check=True)
    return python
