"""How long after a 202 a measurement is visible in `/v1/totals`, at half load and after a backlog.

On the embedded stack. A backlog is posted while the processor is held, and then worked off: how fast that
goes is the load that the stack can take. Afterwards half of it is posted evenly. Single measurements of
another team, on the same topic, are posted at fixed moments, whether the last is seen or not.

BENCH_FRESHNESS_BACKLOG: the events of a backlog; BENCH_HALF_LOAD_SECONDS: of a round;
BENCH_FRESHNESS_ROUNDS.
"""

import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg

from tests.bench.load import bodies, middle, percentile, post
from tests.bench.parts import COUNTED, count, wait_until_counted
from tests.door_client import Client
from tests.stacks import Stack, temporary_stacks
from tests.waiting import PAUSE_SECONDS

BACKLOG = int(os.environ.get("BENCH_FRESHNESS_BACKLOG", "600000"))
HALF_LOAD_SECONDS = float(os.environ.get("BENCH_HALF_LOAD_SECONDS", "30"))
BATCH = 10_000
HALF_LOAD_BATCH = 500
CONNECTIONS = 4
ROUNDS = int(os.environ.get("BENCH_FRESHNESS_ROUNDS", "5"))
IDLE_SECONDS = 10.0
SETTLED_SECONDS = 10.0  # after a backlog
PROBE_SECONDS = 0.2
COUNTED_SECONDS = 1800
LONGEST_SECONDS = 600

Figures = dict[str, Any]


def measure() -> Figures:
    """The figures after a backlog, and at half of the load at which that was worked off."""
    with temporary_stacks() as make:
        stack = make()
        stack.up()
        for team in ("gebouw", "keuken"):
            stack.run("team", "add", team)
        token = stack.run("token", "create", "gebouw").strip()
        port = urlsplit(stack.api).port or 0
        probe = _Probe(port, stack.run("token", "create", "keuken").strip())
        idle = [probe.look_for(IDLE_SECONDS) for _ in range(ROUNDS)]
        rates, after = [], []
        for number in range(ROUNDS):
            rates.append(_work_off(stack, port, token, number * BACKLOG))
            after.append(probe.look_for(SETTLED_SECONDS))
        rate = statistics.median(rates)
        with _load(port, token, rate / 2) as load:
            half = [probe.look_for(HALF_LOAD_SECONDS) for _ in range(ROUNDS)]
        return {
            "rounds": ROUNDS,
            "nothing else": _figures(idle),
            "backlog": {
                "events": BACKLOG,
                "events a second, worked off": middle(rates),
                "in the first 10 s after it": _figures(after),
            },
            "half load": {
                "events a second, wanted": round(rate / 2),
                "events a second": round(load.posted / load.seconds),
                **_figures(half),
            },
        }


def _figures(rounds: list[list[float]]) -> Figures:
    """Of rounds of seconds, each from a 202 to when the measurement was seen."""
    return {
        "looked for": sum(map(len, rounds)),
        **{
            f"p{percent} ms": middle([1000 * percentile(seconds, percent) for seconds in rounds], 1)
            for percent in (50, 99)
        },
        "longest ms": round(1000 * max(map(max, rounds)), 1),
    }


def _work_off(stack: Stack, port: int, token: str, first: int) -> float:
    """Post a backlog, of events from the `first` on, and let it be counted: events a second.

    With the time in which the processor, which was held, finds its place among the others again.
    """
    pid = stack.process("processor-1").pid
    assert pid is not None
    processor = psutil.Process(pid)
    with psycopg.connect(str(stack.state.owner_dsn), autocommit=True) as connection:
        before = count(connection, COUNTED)
        processor.suspend()
        post(port, token, bodies(first, BACKLOG, BATCH), CONNECTIONS)
        processor.resume()
        began = time.monotonic()
        wait_until_counted(connection, before + BACKLOG, COUNTED_SECONDS)
    return BACKLOG / (time.monotonic() - began)


class _Probe:
    """Posts single measurements at fixed moments and looks for them in the totals."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._posted = self._seen = 0

    def look_for(self, seconds: float) -> list[float]:
        """Those of so long a time: of each the seconds from its 202 until it is seen."""
        accepted: list[float] = []
        number = round(seconds / PROBE_SECONDS)
        poster = threading.Thread(target=self._post_evenly, args=(number, accepted))
        poster.start()
        reader = Client(self._port, self._token)
        began, before, found = time.monotonic(), self._seen, []
        while poster.is_alive() or len(found) < len(accepted):
            assert time.monotonic() < began + LONGEST_SECONDS, "a measurement is not seen"
            visible, now = self._visible(reader) - before, time.monotonic()
            while len(found) < min(visible, len(accepted)):
                found.append(max(0.0, now - accepted[len(found)]))
            time.sleep(PAUSE_SECONDS)
        assert len(found) == number, "a post failed"
        self._seen = before + number
        return found

    def _post_evenly(self, number: int, accepted: list[float]) -> None:
        client, began = Client(self._port, self._token), time.monotonic()
        for place in range(number):
            time.sleep(max(0.0, began + place * PROBE_SECONDS - time.monotonic()))
            self._posted += 1
            assert client.post(self._measurement()).status == 202
            accepted.append(time.monotonic())

    def _measurement(self) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": str(self._posted),
            "source": "/kitchen",
            "type": "nl.groenmeter.energy.v1",
            "data": {
                "carrier": "electricity",
                "from": "2026-03-01T12:00:00+01:00",
                "to": "2026-03-01T12:15:00+01:00",
                "quantity": "1.5",
                "unit": "kWh",
                "method": "metered",
            },
        }

    def _visible(self, client: Client) -> int:
        path = "/v1/totals?kind=energy&team=keuken&from=2026-03-01&to=2026-03-02"
        return sum(row["readings"] for row in client.get(path).json["rows"])


class _Load:
    """What was posted evenly, in a thread of its own."""

    def __init__(self, client: Client, rate: float) -> None:
        self.posted = 0
        self.seconds = 0.0
        self.stopping = threading.Event()
        self._client = client
        self._rate = rate
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        began = time.monotonic()
        while not self.stopping.wait(max(0, began + self.posted / self._rate - time.monotonic())):
            (body,) = bodies(ROUNDS * BACKLOG + self.posted, HALF_LOAD_BATCH, HALF_LOAD_BATCH)
            assert self._client.post(body).status == 202
            self.posted += HALF_LOAD_BATCH
            self.seconds = time.monotonic() - began


@contextmanager
def _load(port: int, token: str, rate: float) -> Iterator[_Load]:
    load = _Load(Client(port, token), rate)
    load.thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        load.thread.join()
