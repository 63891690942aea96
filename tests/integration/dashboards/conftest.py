"""A database with the sample organisation, looked at by the tracker."""

import asyncio
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from schemas.calendar import to_microseconds
from schemas.measurement import Context, Measurement, measure
from services.local.postgres import Cluster
from services.sample.generate import ORGANISATION, ORGANISATION_FILE, deliveries
from services.store.configuration import change
from services.store.connection import connect_async
from services.store.ledger import Accepted, Batch, Provenance
from services.tracking.follow import Tracker
from tests.integration.query.publishing import told
from tests.integration.store.recording import CALENDAR, record

TODAY = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample(postgres: Cluster, template: str) -> Iterator[str]:
    """The owner's address of the database; nothing may be written to it."""
    name = "dashboards_sample"
    postgres.create_database(name, template)
    dsn = postgres.dsn(name)
    change(dsn, tomllib.loads(ORGANISATION_FILE.read_text("utf-8")), "test")
    first, *rest = _batches()
    asyncio.run(record(dsn, [first]))
    told(dsn, "Report of 2018", "2018-01-01", "2019-01-01")
    told(dsn, "Report of two years", "2024-06-01", "2026-03-01")
    asyncio.run(record(dsn, rest))
    track(dsn, TODAY.date())
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")  # what autovacuum does within a minute
    yield dsn
    postgres.drop_database(name)


def track(dsn: str, day: date) -> None:
    """Let the tracker evaluate the targets as of the start of a day, as if it began now."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE tracker_cursor SET batch_no = (SELECT max(batch_no) FROM batch_log)")

    async def step() -> None:
        async with await connect_async(dsn, "writer") as connection:
            assert await Tracker(connection).step(day)

    asyncio.run(step())


def _batches() -> Iterator[Batch]:
    context = Context(ORGANISATION, CALENDAR, to_microseconds(TODAY))
    for delivery in deliveries(TODAY.date()):
        batch = Batch("test", receipts={delivery.title: delivery.title})
        for position, event in enumerate(filter(_is_kept, delivery.events)):
            measured = measure(event, context)
            assert isinstance(measured, Measurement), (event, measured)
            where = Provenance(
                delivery.title, position, "measurements.test", context.received, None, delivery.title, event
            )
            batch.accepted.append(Accepted(where, measured))
        yield batch


def _is_kept(event: dict[str, Any]) -> bool:
    """All but most of the figures: they are many, and as good as the others. What goes wrong stays."""
    moment = event.get("time") or event.get("data", {}).get("from", "")
    is_left_out = "2019" <= moment < "2023" or "2024-06-10" <= moment < "2025-12-20"
    return not is_left_out or event["id"] == "waste-residual-2024-09-02"
