"""How long after a 202 a measurement is visible in `/v1/totals`, at half load and after a backlog.

On the embedded stack. A backlog is posted while the processor is held, and then worked off: how fast that
goes is the load that the stack can take. Afterwards half of it is posted evenly, while single measurements of
another kind are posted and looked for one after the other.

BENCH_FRESHNESS_BACKLOG: the events of the backlog; BENCH_HALF_LOAD_SECONDS.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import psycopg

from tests.bench.load import bodies, milliseconds, post
from tests.bench.parts import COUNTED, count, wait_until_counted
from tests.door_client import Client
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

BACKLOG = int(os.environ.get("BENCH_FRESHNESS_BACKLOG", "600000"))
HALF_LOAD_SECONDS = float(os.environ.get("BENCH_HALF_LOAD_SECONDS", "60"))
BATCH = 10_000
HALF_LOAD_BATCH = 500
CONNECTIONS = 4
IDLE_SECONDS = 10.0
AFTER_SECONDS = 30.0
SETTLED_SECONDS = 10.0  # after a backlog
COUNTED_SECONDS = 1800
LONGEST_SECONDS = 600

Figures = dict[str, Any]


class Seen(NamedTuple):
    """A measurement that was looked for: when it was posted and how long it took to be seen, in seconds."""

    moment: float
    seconds: float


def measure() -> Figures:
    """The figures after a backlog, and at half of the load at which that was worked off."""
    with temporary_stacks() as make:
        stack = make()
        stack.up()
        for team in ("gebouw", "keuken"):
            stack.run("team", "add", team)
        token = stack.run("token", "create", "gebouw").strip()
        port = urlsplit(stack.api).port or 0
        probe = _Probe(Client(port, stack.run("token", "create", "keuken").strip()))
        idle = probe.look_for(IDLE_SECONDS)
        rate = _work_off(stack, port, token)
        after = probe.look_for(AFTER_SECONDS)
        with _load(port, token, rate / 2) as load:
            half = probe.look_for(HALF_LOAD_SECONDS)
        return {
            "nothing else": _figures(idle),
            "backlog": {
                "events": BACKLOG,
                "events a second, worked off": round(rate),
                "in the first 10 s after it": _figures(
                    [seen for seen in after if seen.moment < SETTLED_SECONDS]
                ),
                "later": _figures([seen for seen in after if seen.moment >= SETTLED_SECONDS]),
            },
            "half load": {
                "events a second, wanted": round(rate / 2),
                "events a second": round(load.posted / load.seconds),
                **_figures(half),
            },
        }


def _figures(seen: list[Seen]) -> Figures:
    seconds = [one.seconds for one in seen]
    return {"looked for": len(seen), **milliseconds(seconds), "longest ms": round(max(seconds) * 1000, 1)}


def _work_off(stack: Stack, port: int, token: str) -> float:
    """Post a backlog and let it be counted: events a second."""
    pid = stack.process("processor-1").pid
    assert pid is not None
    processor = psutil.Process(pid)
    with psycopg.connect(str(stack.state.owner_dsn), autocommit=True) as connection:
        before = count(connection, COUNTED)
        processor.suspend()
        post(port, token, bodies(0, BACKLOG, BATCH), CONNECTIONS)
        processor.resume()
        began = time.monotonic()
        wait_until_counted(connection, before + BACKLOG, COUNTED_SECONDS)
    return BACKLOG / (time.monotonic() - began)


class _Probe:
    """Posts single measurements and looks for each in the totals."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._posted = 0

    def look_for(self, seconds: float) -> list[Seen]:
        """One after the other for so long."""
        self._client.connection.close()  # the door does not keep one that was idle for long
        began = time.monotonic()
        found = []
        while (now := time.monotonic()) < began + seconds:
            self._post()
            accepted = time.monotonic()
            wait_until(lambda: self._visible() == self._posted, LONGEST_SECONDS)
            found.append(Seen(now - began, time.monotonic() - accepted))
        return found

    def _post(self) -> None:
        self._posted += 1
        answer = self._client.post(
            {
                "specversion": "1.0",
                "id": str(self._posted),
                "source": "/scale",
                "type": "nl.groenmeter.food-waste.v1",
                "time": "2026-03-01T12:00:00+01:00",
                "data": {"stage": "plate", "quantity": 1, "unit": "kg"},
            }
        )
        assert answer.status == 202, answer.body

    def _visible(self) -> float:
        rows = self._client.get("/v1/totals?kind=food-waste&from=2026-03-01&to=2026-03-02").json["rows"]
        return sum(float(row["quantity"]) for row in rows)


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
            (body,) = bodies(BACKLOG + self.posted, HALF_LOAD_BATCH, HALF_LOAD_BATCH)
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
