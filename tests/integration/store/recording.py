"""What the tests of the ledger share: making batches of posted events, and reading what became of them."""

import itertools
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from schemas.calendar import Calendar, to_microseconds
from schemas.factor_versions import FactorVersion
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, measure
from schemas.organisation import Organisation
from services.store.connection import connect_async
from services.store.ledger import Accepted, Batch, Counts, Ledger, Provenance
from tests.oracle import Cover, Identity, Leaf, Row, SourceDay, Sum
from tests.strategies import ORGANISATION, RECEIVED

CALENDAR = Calendar.of_zone("Europe/Amsterdam")
CONTEXT = Context(Organisation().with_changes(ORGANISATION), CALENDAR, to_microseconds(RECEIVED))

_records = itertools.count(1)


def batch_of(bodies: Sequence[str], origin: str | None = None) -> Batch:
    """A batch of one record of the door with these events, each a JSON text that must be accepted."""
    origin = origin or f"record/{next(_records)}"
    batch = Batch("test", receipts={origin: origin.partition("/")[0]})
    for position, body in enumerate(bodies):
        event = read_json(body.encode())
        measurement = measure(event, CONTEXT)
        assert isinstance(measurement, Measurement), (body, measurement)
        batch.accepted.append(Accepted(provenance(origin, position, event), measurement))
    return batch


def provenance(origin: str, position: int = 0, event: object = None) -> Provenance:
    """Where an event of a record of the door came from."""
    return Provenance(
        origin, position, "measurements.test", CONTEXT.received, None, origin.partition("/")[0], event
    )


async def record(dsn: str, batches: Sequence[Batch]) -> list[Counts]:
    """Write the batches one after another over one connection of the writer."""
    async with await connect_async(dsn, "writer") as connection:
        ledger = Ledger(connection, CALENDAR)
        return [await ledger.record(batch) for batch in batches]


def supplier_factor(
    category: str, meter: str | None, kilograms: str, start: date, end: date
) -> FactorVersion:
    """The organisation's own of a kWh in [`start`, `end`), of one meter or of all."""
    return FactorVersion(
        kind="energy",
        category=category,
        unit="kWh",
        kg_co2e=Decimal(kilograms),
        chain="wtw",
        market="location",
        valid_from=start,
        valid_to=end,
        published=date(2026, 1, 1),
        source="supplier",
        certainty="seen",
        layer="own",
        meter=meter,
    )


def empty(dsn: str) -> None:
    """Forget everything that was counted; a database of its own for each example would take longer."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "TRUNCATE source, identity, measurement, free_text, reject, receipt_part, source_offset, leaf,"
            " rollup_month, rollup_day, rollup_hour, source_day, own_meter, meter_day, meter_hour,"
            " received_late, correction RESTART IDENTITY"
        )
        # Also what is append-only.
        connection.execute("SET session_replication_role = replica")
        connection.execute("TRUNCATE publication, publication_day")
        connection.execute("DELETE FROM batch_log WHERE batch_no > 0")


def query(dsn: str, statement: str) -> list[Any]:
    """All rows, read as the owner in UTC."""
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        return connection.execute(statement).fetchall()


def value(dsn: str, statement: str) -> Any:
    """The only value of the only row."""
    ((answer,),) = query(dsn, statement)
    return answer


def ledger_rows(dsn: str) -> dict[tuple[Identity, int], Row]:
    """The ledger in the oracle's words."""
    rows = query(
        dsn,
        "SELECT team, kind, source, id, revision, retracted, starts_at, ends_at, site, category, flow,"
        " method, detail, unit, quantity, pieces, cost, meter FROM measurement JOIN source USING (source_no)",
    )
    ledger = {}
    for team, kind, source, id_, revision, retracted, *rest in rows:
        start, end, site, category, flow, method, detail, unit, quantity, pieces, cost, meter = rest
        key = Identity(team, kind, source, id_), revision
        assert key not in ledger
        amounts = [(unit, quantity), ("piece", pieces), ("cent", cost)]
        ledger[key] = (
            Row(retracted=True)
            if retracted
            else Row(
                retracted=False,
                start=start,
                end=end,
                leaf=Leaf(team, site, kind, category, flow, method, detail, ""),
                amounts=tuple(sorted(item for item in amounts if item[1] is not None)),
                meter=meter,
            )
        )
    return ledger


def day_sums(dsn: str) -> dict[tuple[Leaf, date], Sum]:
    """The sums of days, without rows that came to nothing."""
    return _sums(dsn, "rollup_day", "day")


def month_sums(dsn: str) -> dict[tuple[Leaf, date], Sum]:
    """The same of months."""
    return _sums(dsn, "rollup_month", "month")


def hour_sums(dsn: str) -> dict[tuple[Leaf, datetime], Sum]:
    """The same of hours."""
    return _sums(dsn, "rollup_hour", "hour")


def _sums(dsn: str, table: str, bucket: str) -> dict[tuple[Leaf, Any], Sum]:
    rows = query(
        dsn,
        f"SELECT leaf.*, {bucket}, quantity, readings FROM {table} JOIN leaf USING (leaf_no)"  # noqa: S608
        " WHERE quantity <> 0 OR readings <> 0",
    )
    return {
        (Leaf(*leaf), start): Sum(int(quantity), readings) for _, *leaf, start, quantity, readings in rows
    }


def meter_sums(dsn: str) -> dict[tuple[Leaf, str, date | datetime], Sum]:
    """What the meters with factors of their own are of the days and hours, without rows of nothing."""
    rows = query(
        dsn,
        "SELECT leaf.*, meter, to_jsonb(day), quantity, readings FROM meter_day JOIN leaf USING (leaf_no)"
        " UNION ALL"
        " SELECT leaf.*, meter, to_jsonb(hour), quantity, readings FROM meter_hour JOIN leaf USING (leaf_no)",
    )
    return {
        (Leaf(*leaf), meter, _bucket(start)): Sum(int(quantity), readings)
        for _, *leaf, meter, start, quantity, readings in rows
        if quantity or readings
    }


def _bucket(text: str) -> date | datetime:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def source_days(dsn: str) -> dict[SourceDay, Cover]:
    """What the sources told of each day, without rows that came to nothing."""
    rows = query(
        dsn,
        "SELECT source.source, leaf.*, span, day, readings, seconds FROM source_day"
        " JOIN leaf USING (leaf_no) JOIN source USING (source_no) WHERE readings <> 0 OR seconds <> 0",
    )
    return {
        SourceDay(source, Leaf(*leaf), span, day): Cover(
            readings, timedelta(microseconds=int(seconds * 1_000_000))
        )
        for source, _, *leaf, span, day, readings, seconds in rows
    }
