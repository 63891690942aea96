"""What memory our processes hold while a large file is imported, and while a long backlog is worked off.

The file: quarter-hours of meters through `groenmeter import`, on the embedded stack. The backlog: events that
were posted to a real Kafka node while no processor ran. Each process is compared with itself after the first
tenth.

BENCH_FILE_BYTES, BENCH_BACKLOG_EVENTS: their sizes.
"""

import itertools
import os
import pty
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psutil
import psycopg

from tests.bench.load import bodies, post
from tests.bench.parts import COUNTED, count
from tests.kafka import kafka_cluster
from tests.stacks import COMMAND, Stack, temporary_stacks
from tests.waiting import wait_until

FILE_BYTES = int(os.environ.get("BENCH_FILE_BYTES", "200000000"))
BACKLOG = int(os.environ.get("BENCH_BACKLOG_EVENTS", "3000000"))
BATCH = 10_000
CONNECTIONS = 4
ROWS_OF_A_METER = 35_040  # a year
LOOK_SECONDS = 0.5
LONGEST_SECONDS = 3600
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROGRESS = re.compile(r"(reading|posting|counting)[a-z, ]*\s+(\d+)/(\d+)\s+[0-9:]+\s+gone,\s+(\S+)\s+left")

Figures = dict[str, Any]


class Progress(NamedTuple):
    """What the command showed at a moment (monotonic seconds), and its resident bytes."""

    moment: float
    done: int
    total: int
    left: str
    resident: int


class Sample(NamedTuple):
    """How far something was at a moment (monotonic seconds), and the resident bytes of each process."""

    moment: float
    counted: int
    resident: dict[str, int]


def measure() -> Figures:
    """The figures of the import and of the backlog."""
    return {
        "import on the embedded stack": _import(),
        "backlog on one node of Kafka": _work_off(),
    }


def _import() -> Figures:
    with _stack() as stack, tempfile.TemporaryDirectory(prefix="groenmeter-bench-") as directory:
        file = Path(directory) / "quarter-hours.csv"
        rows = _write_file(file)
        watch = _Watch(stack)
        stages: dict[str, list[Progress]] = {}
        for stage, progress in _run_import(stack, file):
            stages.setdefault(stage, []).append(progress)
            if watch.is_due():
                watch.look()
        watch.until(rows)
        return {
            "file MB": round(file.stat().st_size / 1e6),
            "rows": rows,
            "rows a second, from the start to all counted": watch.rate(0, rows),
            "the command": {stage: _stage(seen, rows) for stage, seen in stages.items()},
            "processes": watch.figures(rows),
        }


def _run_import(stack: Stack, file: Path) -> Iterator[tuple[str, Progress]]:
    """What the command shows on a terminal, while it runs; it must succeed."""
    ours, terminal = pty.openpty()
    arguments = ("import", str(file), "--profile", "quarter-hour-meter-kwh", "--set", "team=gebouw", "--wait")
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        env=stack.environment | {"TERM": "xterm"},
    )
    os.close(terminal)
    own = psutil.Process(process.pid)
    said: list[str] = []
    with suppress(OSError), os.fdopen(ours, encoding="utf-8", errors="replace", newline="\r") as shown:
        for line in (_COLOURS.sub("", line) for line in shown):
            found = _PROGRESS.search(line)
            if found:
                stage, done, total, left = found.groups()
                resident = own.memory_info().rss
                yield stage, Progress(time.monotonic(), int(done), int(total), left, resident)
            else:
                said.append(line)
    assert process.wait(LONGEST_SECONDS) == 0, said[-20:]


def _stage(seen: list[Progress], rows: int) -> Figures:
    """One stage of the command: how fast, what it held, and how often it could say how much time was left."""
    first, last = seen[0], seen[-1]
    tenth = next(progress for progress in seen if progress.done * 10 >= last.total)
    share = (last.done - first.done) / last.total
    return {
        "rows a second": round(rows * share / max(last.moment - first.moment, 0.1)),
        "MB after a tenth": round(tenth.resident / 1e6),
        "MB at the end": round(last.resident / 1e6),
        "end / tenth": round(last.resident / tenth.resident, 2),
        "time left is shown, percent": round(
            100 * sum(progress.left != "-:--:--" for progress in seen) / len(seen)
        ),
    }


def _write_file(path: Path) -> int:
    """Made-up quarter-hours of one meter after the other, as a metering company exports them; the rows."""
    zone, first = ZoneInfo("Europe/Amsterdam"), datetime(2024, 12, 31, 23, tzinfo=UTC)
    ends = [
        (first + timedelta(minutes=15 * number)).astimezone(zone).strftime("%d-%m-%Y;%H:%M")
        for number in range(1, ROWS_OF_A_METER + 1)
    ]
    rows = size = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("EAN;Datum;Tijd;Verbruik (kWh);Status;Eenheid\n")
        for meter in itertools.count(1):
            for place, end in enumerate(ends):
                size += file.write(
                    f"8716{meter:014};{end};{place % 89},{place * 7 % 1000:03};gevalideerd;kWh\n"
                )
                rows += 1
                if size >= FILE_BYTES:
                    return rows
    raise AssertionError


@contextmanager
def _stack(**settings: str) -> Iterator[Stack]:
    with temporary_stacks() as make:
        stack = make(**settings)
        stack.up()
        stack.run("team", "add", "gebouw")
        yield stack


def _work_off() -> Figures:
    with kafka_cluster(nodes=1) as cluster, _stack(**cluster.settings) as stack:
        token = stack.run("token", "create", "gebouw").strip()
        port = urlsplit(stack.api).port or 0
        processor = psutil.Process(stack.process("processor-1").pid)
        processor.suspend()
        door = _Watch(stack)
        posted = 0
        while posted < BACKLOG:
            number = min(10 * BATCH, BACKLOG - posted)
            post(port, token, bodies(posted, number, BATCH), CONNECTIONS)
            posted += number
            door.look(posted)
        processor.resume()
        watch = _Watch(stack)
        watch.until(BACKLOG)
        return {
            "events": BACKLOG,
            "events a second while it was posted": door.rate(0, BACKLOG),
            "events a second while it was worked off": watch.rate(BACKLOG // 10, BACKLOG),
            "the door while it was posted": door.figures(BACKLOG)["door"],
            "processes": watch.figures(BACKLOG),
        }


class _Watch:
    """Looks at the processes of a stack, and at how much is counted."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._began = time.monotonic()
        self._dsn = str(stack.state.owner_dsn)
        self.samples: list[Sample] = []

    def look(self, counted: int | None = None) -> int:
        """Take a sample; how much was counted, or `counted`."""
        if counted is None:
            with psycopg.connect(self._dsn) as connection:
                counted = count(connection, COUNTED)
        resident = {}
        state = self._stack.state
        for part in (state.supervisor, *state.processes):
            if part.name != "database" and part.pid and psutil.pid_exists(part.pid):
                resident[part.name] = psutil.Process(part.pid).memory_info().rss
        self.samples.append(Sample(time.monotonic(), counted, resident))
        return self.samples[-1].counted

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return not self.samples or time.monotonic() - self.samples[-1].moment > LOOK_SECONDS

    def until(self, number: int) -> None:
        """Look until so many are counted."""
        wait_until(lambda: self.is_due() and self.look() >= number, LONGEST_SECONDS)

    def rate(self, first: int, last: int) -> int:
        """Events a second from when the `first` was counted to the `last`."""
        began = (
            next(sample.moment for sample in self.samples if sample.counted >= first)
            if first
            else self._began
        )
        ended = next(sample.moment for sample in self.samples if sample.counted >= last)
        return round((last - first) / (ended - began))

    def figures(self, number: int) -> dict[str, Figures]:
        """What each process held after the first tenth of so many, at the end, and at most."""
        tenth = next(sample for sample in self.samples if sample.counted * 10 >= number).resident
        end = self.samples[-1].resident
        most = {name: max(sample.resident.get(name, 0) for sample in self.samples) for name in end}
        return {
            name: {
                "MB after a tenth": round(tenth[name] / 1e6),
                "MB at the end": round(end[name] / 1e6),
                "MB at most": round(most[name] / 1e6),
                "end / tenth": round(end[name] / tenth[name], 2),
            }
            for name in end
        }
