"""Versions of emission factors: each is recorded with a batch, and none is ever changed.

What is known of them at a moment is the database's `factors_known`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from schemas.calendar import to_microseconds
from schemas.catalogue import UNITS
from schemas.factor_versions import FactorVersion, RecordedFactor
from schemas.factors import Factor
from schemas.measurement import Measurement
from services.store.calendar import read_calendar
from services.store.connection import connect
from services.store.deltas import Deltas, Leaf, meter_rows
from services.store.queries import query

Row = dict[str, Any]
Basis = tuple[str, str, str, str, date, date | None]

CATALOGUE = "catalogue"
_ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, kw_only=True)
class FactorsQuery:
    """What is asked: what counts as of a moment, or with `history` every version that was known then.

    `on`: what holds on that day. `limit` None: all rows.
    """

    kind: str | None
    category: str | None
    meter: str | None
    on: date | None
    history: bool
    as_of: datetime
    limit: int | None
    offset: int


async def read_factors(connection: psycopg.AsyncConnection, wanted: FactorsQuery) -> list[Row]:
    """The rows of a query, in one stable order."""
    parameters = asdict(wanted)
    name = "factor_history" if parameters.pop("history") else "factors"
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query(name), parameters, prepare=False)
        return await cursor.fetchall()


def read_recorded(connection: psycopg.Connection) -> list[RecordedFactor]:
    """Every version there is, in the order of their numbers."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("recorded_factors")).fetchall()
    return [
        RecordedFactor(
            row.pop("factor_no"), row.pop("recorded_at"), row.pop("recorded_by"), FactorVersion(**row)
        )
        for row in rows
    ]


def counted_meters(connection: psycopg.Connection, category: str, meters: Sequence[str]) -> set[str]:
    """Those of these meters of a carrier of which there are readings."""
    return {meter for (meter,) in connection.execute(query("meters_counted"), (category, list(meters)))}


def change_factors(
    dsn: str, decide: Callable[[list[RecordedFactor]], Sequence[FactorVersion]], by: str
) -> list[RecordedFactor]:
    """Record what `decide` makes of the versions there are; nobody records another meanwhile.

    `dsn` is the owner's. Returns what was recorded. What `decide` raises leaves everything as it was.
    """
    with connect(dsn) as connection, connection.transaction():
        connection.execute(query("lock_batch_log"))
        before = read_recorded(connection)
        versions = decide(before)
        if not versions:
            return []
        record_factors(connection, versions, by)
        return read_recorded(connection)[len(before) :]


def record_factors(connection: psycopg.Connection, versions: Sequence[FactorVersion], by: str) -> datetime:
    """Record versions together; the owner's connection. Returns since when they are known.

    A meter that had no factor of its own before gets its sums kept apart, worked out from the ledger in the
    same transaction, under the lock of the batch log: every batch that is not in them finds the meter when it
    closes. Counting waits meanwhile (a scan of the ledger).
    """
    with connection.transaction():
        recorded_at = _recorded_at(connection)
        for category, meter in sorted({(item.category, item.meter) for item in versions if item.meter}):
            added = connection.execute(query("add_own_meter"), (category, meter))
            if added.rowcount:
                _fill_own_meter(connection, category, meter)
        with connection.cursor() as cursor:
            cursor.executemany(query("insert_factor"), [_row(item, recorded_at, by) for item in versions])
    return recorded_at


def _fill_own_meter(connection: psycopg.Connection, category: str, meter: str) -> None:
    deltas = Deltas(read_calendar(connection), frozenset({(category, meter)}))
    numbers: dict[Leaf, int] = {}
    with connection.cursor() as cursor:
        counted = cursor.stream(
            query("counted_of_meter"), {"category": category, "meter": meter}, size=_ROWS_AT_A_TIME
        )
        for number, *columns, quantity, start, end in counted:
            leaf = Leaf(*columns)
            numbers[leaf] = number
            deltas.add(_reading(leaf, meter, quantity, start, end), 1)
    for name, rows in meter_rows(deltas, numbers).items():
        connection.execute(query(name), [list(column) for column in zip(*rows, strict=True)])


def _reading(leaf: Leaf, meter: str, quantity: int, start: datetime, end: datetime | None) -> Measurement:
    """A reading by all that its sums depend on."""
    return Measurement(
        team=leaf.team,
        kind=leaf.kind,
        source="",
        id="",
        revision=1,
        retracted=False,
        fingerprint=b"",
        start=to_microseconds(start),
        end=None if end is None else to_microseconds(end),
        category=leaf.category,
        flow=leaf.flow,
        site=leaf.site,
        method=leaf.method,
        detail=leaf.detail,
        quantity=quantity,
        unit=leaf.unit,
        meter=meter,
    )


def write_factors(connection: psycopg.Connection, factors: Sequence[Factor]) -> None:
    """Record the catalogue's footprint factors that are not there yet; in a transaction of the owner's.

    A factor that holds on every market basis becomes a version for each, so that reading needs no rule.
    """
    known = {tuple(row) for row in connection.execute(query("catalogue_factors"))}
    missing = [item for item in _versions(factors) if _basis(item) not in known]
    if missing:
        recorded_at = _recorded_at(connection)
        with connection.cursor() as cursor:
            rows = [_row(item, recorded_at, CATALOGUE) for item in missing]
            cursor.executemany(query("insert_factor"), rows)
        connection.execute(query("audit_catalogue"), {"versions": len(missing)})


def _versions(factors: Sequence[Factor]) -> Iterator[FactorVersion]:
    for factor in factors:
        if factor.purpose != "footprint":
            continue
        for market in ("location", "market") if factor.market == "any" else (factor.market,):
            yield FactorVersion(
                kind=factor.kind,
                category=factor.category,
                unit=factor.unit,
                kg_co2e=factor.kg_co2e,
                chain=factor.chain,
                market=market,
                valid_from=factor.valid_from,
                valid_to=factor.valid_to,
                published=factor.recorded,
                source=factor.source,
                certainty=factor.certainty,
                note=factor.note,
            )


def _basis(item: FactorVersion) -> Basis:
    return item.kind, item.category, item.chain, item.market, item.valid_from, item.published


def _recorded_at(connection: psycopg.Connection) -> datetime:
    """The moment of a batch of no events, and the lock of the batch log until the commit.

    Before there was any factor nothing can be told apart, and the newest batch will do.
    """
    row = connection.execute(query("record_factors")).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM always answers
    recorded_at: datetime = row[0]
    return recorded_at


def _row(item: FactorVersion, recorded_at: datetime, by: str) -> dict[str, object]:
    return {
        "kind": item.kind,
        "category": item.category,
        "unit": item.unit,
        "base_unit": UNITS[item.unit].base_unit,
        "base_units_per_unit": UNITS[item.unit].per_unit,
        "kg_co2e": item.kg_co2e,
        "chain": item.chain,
        "market": item.market,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
        "recorded_on": item.published or recorded_at.astimezone(UTC).date(),
        "source": item.source,
        "certainty": item.certainty,
        "layer": item.layer,
        "meter": item.meter,
        "withdrawn": item.withdrawn,
        "repeats": item.repeats,
        "recorded_at": recorded_at,
        "recorded_by": by,
        "note": item.note,
    }
