"""Totals: the leaf rollups, summed when read, with the CO2e that they stand for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed

from schemas.factors import REFERENCE_YEAR, Chain, Market
from services.store.queries import query

Bucket = Literal["hour", "day", "month", "year", "all"]
Detail = Literal["no", "yes", "all"]

VOLUMES = ("ml_n", "ml")
DETAILS: dict[Detail, list[bool]] = {"no": [False], "yes": [True], "all": [False, True]}

# Of the reference year the factors that held at its end, when all corrections of that year were in.
REFERENCE_DAY = date(REFERENCE_YEAR, 12, 31)

STARTS = {
    "day": SQL("day"),
    "month": SQL("greatest(date_trunc('month', day::timestamp)::date, %(from)s)"),
    "year": SQL("greatest(date_trunc('year', day::timestamp)::date, %(from)s)"),
    "all": SQL("%(from)s::date"),
}


@dataclass(frozen=True, kw_only=True)
class TotalsQuery:
    """What is asked: local days in [`start`, `end`), summed over all that is not in `by`.

    `as_of`: as it was after that batch, None for as it is. `limit` None: all rows.
    """

    kind: str
    start: date
    end: date
    bucket: Bucket
    by: frozenset[str]
    flows: Sequence[str]
    detail: Detail
    chain: Chain
    market: Market
    team: str | None = None
    site: str | None = None
    category: str | None = None
    method: str | None = None
    as_of: datetime | None = None
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """One row: an amount in base units of one bucket; a field that is not in `by` is None.

    `current`, `constant`: exact kg CO2e, None without a factor for all of it.
    """

    start: date | datetime
    category: str | None
    team: str | None
    site: str | None
    flow: str | None
    method: str | None
    base_unit: str
    base_quantity: int
    readings: int
    current: Fraction | None
    constant: Fraction | None


async def read_totals(connection: psycopg.AsyncConnection, wanted: TotalsQuery) -> list[Total]:
    """The rows of a query, in one stable order.

    A row carries its category when asked for, when it is of an activity, and when it is a volume: volumes
    are never added over carriers.
    """
    scale = await _common_scale(connection, wanted.kind)
    month_from, month_to = whole_months(wanted.start, wanted.end)
    parameters = leaf_parameters(wanted) | {
        "month_from": month_from,
        "month_to": month_to,
        "chain": wanted.chain,
        "market": wanted.market,
        "reference_day": REFERENCE_DAY,
        "scale": scale,
        "volumes": list(VOLUMES),
        "by_category": "category" in wanted.by or wanted.kind == "activity",
        "by_team": "team" in wanted.by,
        "by_site": "site" in wanted.by,
        "by_flow": "flow" in wanted.by or len(wanted.flows) > 1,
        "by_method": "method" in wanted.by,
        "limit": wanted.limit,
        "offset": wanted.offset,
    }
    if wanted.bucket == "hour":
        bounds = await read_bounds(connection, wanted.start, wanted.end)
        parameters |= {"first_hour": bounds[0], "end_hour": bounds[1]}
    cursor = await connection.execute(_statement(wanted), parameters, prepare=False)
    return [_total(row, scale) for row in await cursor.fetchall()]


def _total(row: TupleRow, scale: int) -> Total:
    *keys, quantity, readings, current, constant = row
    fields = (*keys, int(quantity), readings, _exact(current, scale), _exact(constant, scale))
    return Total(*fields)


def leaf_parameters(wanted: TotalsQuery) -> dict[str, Any]:
    """What `totals_leaves` and `rollup_parts` over days take; over hours also `first_hour` and `end_hour`."""
    return {
        "kind": wanted.kind,
        "from": wanted.start,
        "to": wanted.end,
        "flows": list(wanted.flows),
        "details": DETAILS[wanted.detail],
        "team": wanted.team,
        "site": wanted.site,
        "category": wanted.category,
        "method": wanted.method,
        "as_of": wanted.as_of,
    }


def rollup_parts(bucket: Bucket, is_as_of: bool) -> Composed:
    """What each of the leaves `wanted` has in each bucket and day, as it is or as it was."""
    if bucket == "hour":
        rollup, changes, start = "totals_hours", "totals_changed_hours", SQL("hour")
    else:
        rollup, changes, start = "totals_days", "totals_changed_days", STARTS[bucket]
    parts = SQL(query(rollup)).format(start=start)
    if is_as_of:
        changed = SQL(query(changes)).format(start=start, changed=SQL(query("totals_changed")))
        parts = SQL(query("totals_as_of")).format(now=parts, changes=changed)
    return parts


def _statement(wanted: TotalsQuery) -> Composed:
    if wanted.as_of is None and wanted.bucket in ("month", "year", "all"):
        parts = SQL(query("totals_months")).format(start=STARTS[wanted.bucket])
    else:
        parts = rollup_parts(wanted.bucket, wanted.as_of is not None)
    return SQL(query("totals")).format(leaves=SQL(query("totals_leaves")), parts=parts)


def whole_months(start: date, end: date) -> tuple[date, date]:
    """The first days of the months, [first, after), all of which is in the days [`start`, `end`)."""
    if start.day == 1:
        first = start
    elif (start.year, start.month) < (end.year, end.month):
        first = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
    else:
        first = end
    return first, max(first, end.replace(day=1))


async def read_bounds(
    connection: psycopg.AsyncConnection, start: date, end: date
) -> tuple[datetime, datetime]:
    """The instants between which the local days [start, end) lie."""
    row = await (await connection.execute(query("totals_bounds"), (start, end))).fetchone()
    if row is None:
        raise RuntimeError("an aggregate without groups always has a row")
    return row[0], row[1]


async def _common_scale(connection: psycopg.AsyncConnection, kind: str) -> int:
    """The least number of base units that is a whole number of every unit that factors of a kind are for."""
    cursor = await connection.execute(query("totals_factor_units"), (kind,))
    return math.lcm(*[base_units async for (base_units,) in cursor])


def _exact(weighted: Decimal | None, scale: int) -> Fraction | None:
    return None if weighted is None else Fraction(weighted) / scale
