"""What a total is made of: its leaves' sums between the days on which a factor changes, and its readings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow, dict_row
from psycopg.sql import SQL

from schemas.amounts import Amount, read_amount
from schemas.calendar import Calendar, to_microseconds
from services.store.queries import query
from services.store.totals import TotalsQuery, leaf_parameters, rollup_parts

Row = dict[str, Any]

_HOUR = timedelta(hours=1)


class SumRow(NamedTuple):
    """What a leaf has in a segment: the days from one edge to the next, numbered from 1.

    `meter`: of readings of a meter with factors of its own, which are apart; else None.
    """

    team: str
    site: str
    category: str
    flow: str | None
    method: str
    detail: bool
    base_unit: str
    meter: str | None
    segment: int
    base_quantity: int
    readings: int


@dataclass(frozen=True, kw_only=True)
class ReadingsQuery:
    """Which readings: those of `total` that touch [`first`, `last`).

    `as_of`: after which batch. `base_unit`: only with an amount in it. `after`: the (team, source, id) of the
    last one that was seen. `limit` None: all.
    """

    total: TotalsQuery
    first: datetime
    last: datetime
    as_of: datetime
    base_unit: str | None
    after: list[str] | None
    limit: int | None


class Correction(NamedTuple):
    """A gas meter's correction (Nm3 in one m3 as read) in the configuration applied at a moment."""

    applied_at: datetime
    meter: str
    correction: Amount


class KnownFactor(NamedTuple):
    """A version of a factor, and days [holds_from, holds_to) on which it is the one that holds.

    `holds_for`: the meter for which it does, None for all that have no factors of their own. `meter`,
    `valid_from`, `valid_to`: as it was recorded; on some of these days a newer version may hold.
    """

    factor_no: int
    kind: str
    category: str
    holds_for: str | None
    meter: str | None
    chain: str
    market: str
    base_unit: str
    holds_from: date
    holds_to: date
    kg_co2e: Decimal
    unit: str
    base_units_per_unit: int
    source: str
    certainty: str
    valid_from: date
    valid_to: date
    recorded_at: datetime

    @property
    def kg_per_base_unit(self) -> Fraction:
        """Exactly."""
        return Fraction(self.kg_co2e) / self.base_units_per_unit


async def read_factors(
    connection: psycopg.AsyncConnection, wanted: TotalsQuery, at: datetime | None
) -> list[KnownFactor]:
    """The factors of a kind on a basis as they were known at a moment, None for now."""
    parameters = {"kind": wanted.kind, "chain": wanted.chain, "market": wanted.market, "at": at}
    cursor = await connection.execute(query("explain_factors"), parameters, prepare=False)
    return [KnownFactor(*row) for row in await cursor.fetchall()]


async def read_sums(
    connection: psycopg.AsyncConnection, wanted: TotalsQuery, edges: Sequence[date], first: datetime
) -> list[SumRow]:
    """What each leaf has in the days asked, cut at the edges, the first of which is the first day.

    With bucket=hour in the hour that begins at `first`.
    """
    parts = rollup_parts(wanted.bucket, wanted.as_of is not None)
    statement = SQL(query("explain_sums")).format(leaves=SQL(query("totals_leaves")), parts=parts)
    parameters = {"first_hour": first, "end_hour": first + _HOUR, "edges": list(edges)}
    cursor = await connection.execute(statement, leaf_parameters(wanted) | parameters, prepare=False)
    return [_sum_row(row) for row in await cursor.fetchall()]


def _sum_row(row: TupleRow) -> SumRow:
    *leaf, quantity, readings = row
    fields: tuple[Any, ...] = (*leaf, int(quantity), readings)
    return SumRow(*fields)


async def read_published(
    connection: psycopg.AsyncConnection, wanted: TotalsQuery, edges: Sequence[date], publication_no: int
) -> list[SumRow]:
    """The same as a publication says it, zero where something was measured only since; of whole days."""
    parts = rollup_parts(wanted.bucket, wanted.as_of is not None)
    statement = SQL(query("explain_published")).format(leaves=SQL(query("totals_leaves")), parts=parts)
    parameters = {"publication_no": publication_no, "edges": list(edges)}
    cursor = await connection.execute(statement, leaf_parameters(wanted) | parameters, prepare=False)
    return [_sum_row(row) for row in await cursor.fetchall()]


async def read_readings(connection: psycopg.AsyncConnection, wanted: ReadingsQuery) -> list[Row]:
    """A page of the readings, in order of team, source and id. `texts` are free."""
    statement = SQL(query("explain_readings")).format(leaves=SQL(query("totals_leaves")))
    parameters = leaf_parameters(wanted.total) | {
        "first": wanted.first,
        "last": wanted.last,
        "hourly": wanted.total.bucket == "hour",
        "as_of": wanted.as_of,
        "base_unit": wanted.base_unit,
        "after": wanted.after,
        "limit": wanted.limit,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, parameters, prepare=False)
        return await cursor.fetchall()


async def read_days(connection: psycopg.AsyncConnection, first: datetime, last: datetime) -> Calendar:
    """The local days from the one that holds `first` to the one that holds `last`."""
    cursor = await connection.execute(query("explain_days"), {"first": first, "last": last})
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise ValueError(f"{first} to {last} is outside the calendar")
    day, starts, end = row
    return Calendar(day, [*map(to_microseconds, starts), to_microseconds(end)])


async def read_corrections(
    connection: psycopg.AsyncConnection, meters: Collection[str]
) -> dict[str, list[Correction]]:
    """Of each meter every correction that it had, the first one first."""
    cursor = await connection.execute(query("explain_corrections"), (list(meters),))
    found: dict[str, list[Correction]] = {meter: [] for meter in meters}
    async for applied_at, meter, correction in cursor:
        found[meter].append(Correction(applied_at, meter, read_amount(correction)))
    return found
