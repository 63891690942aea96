"""How many events a second the door makes durable, how long a post takes, and what a million events cost it.

The door runs alone on a real database and broker: nothing counts meanwhile. With the spool it writes to disk
before it answers (embedded broker), without it waits for a real Kafka node to acknowledge. Beside it, in
turn, a bare handler on the same server and the same broker that only forwards.

BENCH_DOOR_EVENTS: the most events of a round; BENCH_DOOR_ROUNDS.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from services.broker import bounds
from services.local import broker as tansu
from services.local.child import spawn
from services.local.health import read_health
from services.local.ports import free_port
from services.settings import PREFIX, Settings
from services.store.tokens import create_token
from tests.bench.load import Posts, bodies, middle, milliseconds, post
from tests.bench.parts import parts
from tests.kafka import kafka_cluster
from tests.waiting import wait_until

EVENTS = int(os.environ.get("BENCH_DOOR_EVENTS", "100000"))
ROUNDS = int(os.environ.get("BENCH_DOOR_ROUNDS", "5"))
CONNECTIONS = {1: 8, 100: 8, 1_000: 4, 10_000: 4}
POSTS = 500  # at most, of a round
START_SECONDS = 30
FORWARDED_SECONDS = 120

Figures = dict[str, Any]


class Place(NamedTuple):
    """Where a door works: its database's owner, a broker and whether it has a spool, a steward's token."""

    directory: Path
    dsn: str
    broker: str
    has_spool: bool
    token: str


class Server(NamedTuple):
    """A process that takes posts."""

    port: int
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """What it used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def measure() -> Figures:
    """The figures of the door with and without its spool."""
    with parts({"teams": {"gebouw": {}}}) as running:
        directory, dsn = running.directory, running.fresh_database("door")
        token = create_token(dsn, "team", ["gebouw"])
        spooled = _figures(Place(directory, dsn, running.address, True, token))
        with kafka_cluster(nodes=1) as cluster:
            direct = _figures(Place(directory, dsn, cluster.addresses, False, token))
    return {
        "spool on (embedded broker)": spooled,
        "spool off (one node of Kafka)": direct,
    }


def _figures(place: Place) -> Figures:
    found: Figures = {}
    with _bare_handler(place) as bare:
        for batch in CONNECTIONS:
            found[f"batches of {batch:,}"] = figures = _side_by_side(place, bare, batch)
            print(f"batches of {batch:,}: {figures}", flush=True)  # the whole takes more than ten minutes
    found["CPU seconds for a million events with a note of their own, batches of 10,000"] = round(
        _cpu_per_million([_round(place, 10_000, "a note")]), 1
    )
    return found


def _side_by_side(place: Place, bare: Server, batch: int) -> Figures:
    """Rounds of the door and of the bare handler in turn, with the same bodies."""
    door, beside = [], []
    for _ in range(ROUNDS):
        door.append(_round(place, batch))
        beside.append(_timed(bare, place.token, batch, None, lambda _: None))
    rates, bare_rates = ([round_.events / round_.posts.seconds for round_ in each] for each in (door, beside))
    return {
        "events a second": middle(rates),
        **milliseconds([latency for round_ in door for latency in round_.posts.latencies]),
        "CPU seconds for a million events": round(_cpu_per_million(door), 1),
        "events measured": sum(round_.events for round_ in door),
        "bare handler": {
            "events a second": middle(bare_rates),
            **milliseconds([latency for round_ in beside for latency in round_.posts.latencies]),
            "CPU seconds for a million events": round(_cpu_per_million(beside), 1),
        },
        "door / bare handler": middle([a / b for a, b in zip(rates, bare_rates, strict=True)], 2),
    }


class Round(NamedTuple):
    """Posts, how many events they were, and the CPU seconds until all were with the broker."""

    posts: Posts
    events: int
    cpu_seconds: float


def _cpu_per_million(rounds: list[Round]) -> float:
    return sum(each.cpu_seconds for each in rounds) / sum(each.events for each in rounds) * 1_000_000


def _round(place: Place, batch: int, note: str | None = None) -> Round:
    """One round with a door of its own: nothing counts, so that its spool would fill."""
    with _door(place) as door:
        settings = Settings(broker=place.broker)
        before = _records(settings)

        def forwarded(posts: int) -> None:
            records = before + posts * max(1, batch // 500)
            wait_until(lambda: _records(settings) >= records, FORWARDED_SECONDS)

        return _timed(door, place.token, batch, note, forwarded)


def _timed(
    server: Server, token: str, batch: int, note: str | None, forwarded: Callable[[int], None]
) -> Round:
    events = max(batch, min(EVENTS, batch * POSTS) // batch * batch)
    warm_up, *posted = bodies(0, batch + events, batch, note)
    post(server.port, token, [warm_up], 1)
    began = server.cpu_seconds
    posts = post(server.port, token, posted, CONNECTIONS[batch])
    assert not posts.refused
    forwarded(1 + len(posted))
    return Round(posts, events, server.cpu_seconds - began)


def _records(settings: Settings) -> int:
    """How many records are on the topic of the events."""
    topic = Topic("energy").name
    try:
        return sum(end for _, end in asyncio.run(bounds(settings, [topic])).values())
    except KafkaError:
        return 0


@contextmanager
def _bare_handler(place: Place) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare_handler", str(port), place.broker, Topic("waste").name]
    with _door(place):  # makes the topics
        pass
    process = spawn(command, place.directory / "bare.log")
    with _ended(process, signal.SIGTERM):
        wait_until(lambda: tansu.is_ready(port), START_SECONDS)
        yield Server(port, psutil.Process(process.pid))


@contextmanager
def _door(place: Place) -> Iterator[Server]:
    port = free_port()
    settings = {"DATABASE_URL": place.dsn, "BROKER": place.broker, "PORT": str(port)}
    with ExitStack() as stack:
        if place.has_spool:
            settings["SPOOL"] = stack.enter_context(tempfile.TemporaryDirectory(dir=place.directory))
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        process = spawn(
            [sys.executable, "-m", "services.intake"],
            place.directory / "door.log",
            environment=others | {f"{PREFIX}{name}": value for name, value in settings.items()},
        )
        stack.enter_context(_ended(process, signal.SIGTERM))
        wait_until(lambda: read_health(f"http://127.0.0.1:{port}").ready, START_SECONDS)
        yield Server(port, psutil.Process(process.pid))


@contextmanager
def _ended(process: subprocess.Popen[bytes], how: signal.Signals) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(how)
        try:
            process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
