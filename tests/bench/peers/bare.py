"""The floor: read a topic, validate with pydantic, COPY; nothing else.

`python bare.py BROKER TOPIC DSN` prints a line for each commit: the moment and the rows. Only formats are
validated, as the contract has them; no configuration, repeats, corrections, totals, rejects or offsets.
"""

import asyncio
import sys
import time
from decimal import Decimal
from typing import Annotated, Literal

import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

ROWS = 5_000

Name = Annotated[str, Field(min_length=1, max_length=128)]


class Data(BaseModel):
    """What was measured."""

    carrier: Literal["electricity", "gas", "heat"]
    quantity: Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=9)]
    unit: Literal["kWh", "MWh", "J"]
    meter: Name
    from_: AwareDatetime
    to: AwareDatetime
    method: str

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


class Event(BaseModel):
    """An event of the benchmark."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Name
    team: Name
    data: Data


EVENTS = TypeAdapter(list[Event] | Event)


async def main(broker: str, topic: str, dsn: str) -> None:
    """Read on until somebody ends this."""
    connection = await psycopg.AsyncConnection.connect(dsn)
    await connection.execute(
        "CREATE TABLE readings (id text, source text, type text, team text, carrier text, quantity numeric, "
        "unit text, meter text, period_from timestamptz, period_to timestamptz, method text)"
    )
    await connection.commit()
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=broker, auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:
        rows: list[tuple[object, ...]] = []
        writing = asyncio.create_task(_write(connection, []))
        while True:
            found = await consumer.getmany(timeout_ms=100)
            for records in found.values():
                for record in records:
                    events = EVENTS.validate_json(record.value)
                    for event in events if isinstance(events, list) else [events]:
                        data = event.data
                        rows.append(
                            (
                                *(
                                    event.id,
                                    event.source,
                                    event.type,
                                    event.team,
                                    data.carrier,
                                    data.quantity,
                                ),
                                *(data.unit, data.meter, data.from_, data.to, data.method),
                            )
                        )
                    if len(rows) >= ROWS:
                        await writing
                        writing, rows = asyncio.create_task(_write(connection, rows)), []
            if not found and rows:
                await writing
                writing, rows = asyncio.create_task(_write(connection, rows)), []


async def _write(connection: psycopg.AsyncConnection, rows: list[tuple[object, ...]]) -> None:
    if not rows:
        return
    types = "text text text text text numeric text text timestamptz timestamptz text"
    async with connection.cursor() as cursor, cursor.copy("COPY readings FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types.split())
        for row in rows:
            await copy.write_row(row)
    await connection.commit()
    print(time.time(), len(rows), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
