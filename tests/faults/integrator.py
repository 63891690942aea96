"""Machines that write to topics of their own, and write again what the broker lost before it was counted."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.broker import Administration, client_arguments
from services.settings import Settings
from tests.acceptance.poster import REFUSED, Event, InThread, Measurements, kind_of

NAME = "lab"
PAUSE_SECONDS = 0.7
POLL_SECONDS = 0.3
BROKER_ERRORS = (KafkaError, OSError, TimeoutError)


class Written(NamedTuple):
    """A record to write: events that count, or one that cannot, known by an id of its own."""

    kind: str
    value: bytes
    headers: list[tuple[str, bytes]]
    key: bytes
    events: Sequence[Event] = ()
    bad: str | None = None


class Place(NamedTuple):
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


@dataclass
class Integrator(InThread):
    """One machine of an integrator that has several.

    `counted`: the JSON texts of the events that were; `bad`: how often each record that cannot be counted was
    written; `written_again`: records, counting each time.
    """

    number: int
    dsn: str
    broker: Settings
    random: random.Random
    labs: list[Measurements]
    counted: list[str] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)
    written_again: int = 0

    def turn(self) -> None:
        """Write the next records, and again until they are counted."""
        asyncio.run(self._deliver(self._batch()))
        self.stopping.wait(PAUSE_SECONDS)

    def _batch(self) -> list[Written]:
        """Arrays, single events, some in binary mode, and now and then a record that cannot be counted."""
        batch = []
        for _ in range(self.random.randint(1, 4)):
            lab = self.random.choice(self.labs)
            key = lab.team.encode()
            for kind, group in groupby(lab.batch(), kind_of):
                events = list(group)
                batch.append(Written(kind, json.dumps(events).encode(), [], key, events))
            event = lab.event()
            batch.append(Written(kind_of(event), json.dumps(event).encode(), [], key, [event]))
            batch.append(_in_binary_mode(lab.event(), key))
            if self.random.random() < 0.3:
                bad = f"bad-{self.number}-{len(self.bad)}"
                self.bad[bad] = 0
                value = bad_value(self.random.randrange(4), bad, lab.team)
                batch.append(Written("waste", value, [], key, bad=bad))
        return batch

    async def _deliver(self, records: list[Written]) -> None:
        """Write until everything is counted."""
        left = records
        while left:
            sent = await self._send(left)
            uncounted = left if sent is None else await self._uncounted(*sent, left)
            self.written_again += len(uncounted)
            for record in left:
                if record not in uncounted:
                    self.counted += [json.dumps(event) for event in record.events]
            left = uncounted

    async def _send(self, records: list[Written]) -> tuple[str, list[Place]] | None:
        """The log and where each record is in it; None where a broker that failed may have begun another."""
        places = []
        try:
            log = await self._log_id()
            async with AIOKafkaProducer(**client_arguments(self.broker), acks="all") as producer:
                for record in records:
                    if record.bad:
                        self.bad[record.bad] += 1
                    topic = f"measurements.{record.kind}.{NAME}"
                    sent = await producer.send_and_wait(
                        topic, record.value, key=record.key, headers=record.headers
                    )
                    places.append(Place(topic, sent.partition, sent.offset))
            if await self._log_id() == log:
                return log, places
        except BROKER_ERRORS:
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def _uncounted(self, log: str, places: list[Place], records: list[Written]) -> list[Written]:
        """What is not counted when the others are, or when the broker keeps another log: it is gone then."""
        while not await asyncio.to_thread(self._are_counted, log, places):
            try:
                if await self._log_id() != log:
                    break
            except BROKER_ERRORS:
                pass
            await asyncio.sleep(POLL_SECONDS)
        return [
            record
            for record, place in zip(records, places, strict=True)
            if not await asyncio.to_thread(self._are_counted, log, [place])
        ]

    def _are_counted(self, log: str, places: list[Place]) -> bool:
        """Whether the database's offsets are past all of these."""
        while True:
            try:
                with psycopg.connect(self.dsn, connect_timeout=5) as connection:
                    rows: list[Any] = connection.execute(
                        "SELECT topic, partition, next FROM source_offset WHERE log = %s", (log,)
                    ).fetchall()
            except psycopg.OperationalError:
                time.sleep(POLL_SECONDS)
            else:
                known = {(topic, partition): offset for topic, partition, offset in rows}
                return all(known.get(place[:2], 0) > place.offset for place in places)

    async def _log_id(self) -> str:
        async with Administration(self.broker) as administration:
            return await administration.log_id()


def _in_binary_mode(event: Event, key: bytes) -> Written:
    attributes = dict(event)
    data = json.dumps(attributes.pop("data")).encode() if "data" in attributes else b""
    spelt = {name: str(value).lower() for name, value in attributes.items() if name == "retracted"}
    headers = [(f"ce_{name}", str(value).encode()) for name, value in (attributes | spelt).items()]
    return Written(kind_of(event), data, headers, key, [event])


def bad_value(number: int, bad: str, team: str) -> bytes:
    """A record of one fault: not JSON, without a team, for a foreign team, of another kind."""
    event = REFUSED | {"id": bad, "data": REFUSED["data"] | {"stream": "residual"}}
    kitchen = {"type": "nl.groenmeter.food-waste.v1", "data": {"stage": "plate", "quantity": 1, "unit": "g"}}
    values: list[object] = [event, [event | {"team": "nobody"}], event | {"team": team} | kitchen]
    return f'{{"broken": "{bad}"'.encode() if number == len(values) else json.dumps(values[number]).encode()
