"""Load for the benchmarks: quarter-hours of meters, posted with as little work as can be."""

import asyncio
import json
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

METERS = 280
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


class Posts(NamedTuple):
    """What became of posts: the seconds of all together and of each, and how many answers were 503."""

    seconds: float
    latencies: list[float]
    refused: int


def quarter_hours(first: int, number: int, note: str | None = None) -> Iterator[dict[str, Any]]:
    """Events of 280 meters from the `first` on; with a `note` none is of a form that is remembered."""
    for place in range(first, first + number):
        start = FIRST + QUARTER * (place // METERS)
        data = {
            "carrier": "electricity",
            "from": start.isoformat(),
            "to": (start + QUARTER).isoformat(),
            "quantity": f"{place % 97}.{place % 1000:03}",
            "unit": "kWh",
            "method": "metered",
        }
        if note is not None:
            data["note"] = f"{note} {place}"
        yield {
            "specversion": "1.0",
            "id": start.isoformat(),
            "source": f"/meters/{place % METERS}",
            "type": "nl.groenmeter.energy.v1",
            "data": data,
        }


def bodies(first: int, events: int, batch: int, note: str | None = None) -> list[bytes]:
    """The bodies of posts of so many events each."""
    return [
        json.dumps(list(quarter_hours(start, min(batch, first + events - start), note))).encode()
        for start in range(first, first + events, batch)
    ]


def post(port: int, token: str, posted: Sequence[bytes], connections: int) -> Posts:
    """Post every body over so many connections at a time; what is answered 503 is posted again."""
    return asyncio.run(_post(port, token, posted, connections))


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def milliseconds(latencies: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    return {
        "p50 ms": round(percentile(latencies, 50) * 1000, 1),
        "p99 ms": round(percentile(latencies, 99) * 1000, 1),
    }


def middle(values: Sequence[float], digits: int = 0) -> dict[str, float]:
    """The median with the smallest and the largest."""
    found = statistics.median(values), min(values), max(values)
    return dict(
        zip(("median", "least", "most"), (round(value, digits or None) for value in found), strict=True)
    )


async def _post(port: int, token: str, posted: Sequence[bytes], connections: int) -> Posts:
    waiting = iter(posted)
    latencies: list[float] = []
    refused = 0

    async def work() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = (
                f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            while True:
                began = time.monotonic()
                writer.writelines((head, body))
                status = await _status(reader)
                if status == 202:
                    latencies.append(time.monotonic() - began)
                    break
                assert status == 503, status
                refused += 1
                await asyncio.sleep(0.2)
        writer.close()

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(connections)))
    return Posts(time.monotonic() - began, latencies, refused)


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    return int(head.split(b" ", 2)[1])
