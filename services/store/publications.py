"""Publications: what was told of a range of days, kept as it was, and what is so of the same days now."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed

from schemas.factors import Chain, Market
from services.errors import UserError
from services.store.queries import query
from services.store.totals import DETAILS, STARTS, VOLUMES, Bucket, Detail, read_bounds, rollup_parts

Cause = Literal["new", "late", "corrected", "retracted"]

# Some ten years of everything that a university hospital measures by day.
MOST_ROWS = 5_000_000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be published: local days in [`start`, `end`), of all `kinds` when None.

    `as_of`: as it was known after that batch, None for as it is.
    """

    name: str
    start: date
    end: date
    kinds: Sequence[str] | None
    as_of: datetime | None
    told_on: date
    told_to: str
    note: str
    published_by: str


@dataclass(frozen=True)
class Publication:
    """What was told of the local days [from_day, to_day). `as_of`: of the newest batch that is in it."""

    publication_no: int
    name: str
    from_day: date
    to_day: date
    kinds: Sequence[str] | None
    as_of: datetime
    configuration: int
    told_on: date
    told_to: str
    note: str
    published_at: datetime
    published_by: str

    def covers(self, kind: str, first: date, end: date) -> bool:
        """Whether it tells of all the days [first, end) of a kind."""
        return self.from_day <= first and end <= self.to_day and (self.kinds is None or kind in self.kinds)


@dataclass(frozen=True, kw_only=True)
class ComparedQuery:
    """Which rows of a publication: those of the buckets `starts` of the local days [`start`, `end`).

    None for all `starts`, `kinds`, `flows`, teams, sites, categories, methods. `as_of`: beside what was so
    after that batch, None for what is so.
    """

    start: date
    end: date
    bucket: Bucket
    by: frozenset[str]
    details: Detail
    chain: Chain
    market: Market
    as_of: datetime | None
    starts: Sequence[date] | None = None
    kinds: Sequence[str] | None = None
    flows: Sequence[str] | None = None
    team: str | None = None
    site: str | None = None
    category: str | None = None
    method: str | None = None


class RowKey(NamedTuple):
    """What a row is of; a field that is not asked for is None."""

    start: date
    kind: str
    category: str | None
    team: str | None
    site: str | None
    flow: str | None
    method: str | None
    base_unit: str


class Compared(NamedTuple):
    """A row as it was published and as it is: base units, readings, exact kg CO2e (None without a factor).

    `activity` and `factors`: what other amounts (by the factors of then) and other factors (for the amounts
    of now) make of the CO2e; together `current - reported`, and None where one of these is.
    """

    then_quantity: int
    then_readings: int
    quantity: int
    readings: int
    reported: Fraction | None
    current: Fraction | None
    activity: Fraction | None
    factors: Fraction | None


class Change(NamedTuple):
    """Of one cause: readings that were another or none, and what that comes to in base units."""

    cause: Cause
    readings: int
    quantity: int


class Figure(NamedTuple):
    """What a publication says in all of a category; `factors`: the numbers of the versions it rests on."""

    kind: str
    category: str
    flow: str | None
    base_unit: str
    base_quantity: int
    readings: int
    reported: Fraction | None
    factors: Sequence[int]


def publish(connection: psycopg.Connection, draft: Draft) -> Publication:
    """Keep the figures of a range as they are known, under a name of their own; an owner's connection.

    Raises `UserError` when the name is taken, there is nothing to publish, or too much.
    """
    with connection.transaction():
        number: int = _one(connection.execute(query("next_publication")))[0]
        bounds = _one(connection.execute(query("totals_bounds"), (draft.start, draft.end)))
        parameters = {
            "publication_no": number,
            "kinds": None if draft.kinds is None else list(draft.kinds),
            "from": draft.start,
            "to": draft.end,
            "as_of": draft.as_of,
            "days_start": bounds[0],
            "days_end": bounds[1],
        }
        statement = SQL(query("freeze_days")).format(now=_now(draft.as_of))
        as_of, configuration, rows = _one(connection.execute(statement, parameters, prepare=False))
        if rows == 0:
            raise UserError(
                f"nothing was measured from {draft.start} to {draft.end}: there is nothing to publish"
            )
        if rows > MOST_ROWS:
            raise UserError(
                f"{rows} amounts of days are too many for one publication (at most {MOST_ROWS}): "
                "publish a shorter range"
            )
        try:
            (published_at,) = _one(
                connection.execute(
                    query("insert_publication"),
                    vars(draft) | {"publication_no": number, "as_of": as_of, "configuration": configuration},
                )
            )
        except psycopg.errors.UniqueViolation:
            raise UserError(
                f"there is a publication named {draft.name} already, and it stays as it was told; "
                "give this one another name"
            ) from None
    return Publication(
        number,
        draft.name,
        draft.start,
        draft.end,
        draft.kinds,
        as_of,
        configuration,
        draft.told_on,
        draft.told_to,
        draft.note,
        published_at,
        draft.published_by,
    )


async def read_publications(
    connection: psycopg.AsyncConnection,
    as_of: datetime,
    *,
    name: str | None = None,
    kind: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> list[Publication]:
    """What was published up to a moment, the newest first; only what touches the days [start, end)."""
    parameters = {"as_of": as_of, "name": name, "kind": kind, "start": start, "end": end}
    async with connection.cursor(row_factory=class_row(Publication)) as cursor:
        await cursor.execute(query("publications"), parameters, prepare=False)
        return await cursor.fetchall()


async def read_figures(
    connection: psycopg.AsyncConnection, publication: Publication, chain: Chain, market: Market
) -> list[Figure]:
    """What a publication says by kind, category, flow and unit, on a basis of CO2e."""
    scale = await _scale(connection)
    parameters = {
        "publication_no": publication.publication_no,
        "then": publication.as_of,
        "scale": scale,
        "chain": chain,
        "market": market,
    }
    statement = SQL(query("published_figures")).format(factors=_factors("%(then)s"))
    cursor = await connection.execute(statement, parameters, prepare=False)
    return [
        Figure(kind, category, flow, unit, int(amount), readings, _exact(co2e, scale), sorted(factors or ()))
        async for kind, category, flow, unit, amount, readings, co2e, factors in cursor
    ]


async def read_buckets(
    connection: psycopg.AsyncConnection, start: date, end: date, bucket: Bucket, starts: Sequence[date]
) -> list[tuple[date, date, date]]:
    """Of each of these buckets of [start, end) its start, its first day and the day after its last."""
    statement = SQL(query("bucket_bounds")).format(start=STARTS[bucket])
    parameters = {"from": start, "to": end, "starts": list(starts)}
    cursor = await connection.execute(statement, parameters, prepare=False)
    return [(begin, first, after) async for begin, first, after in cursor]


async def read_compared(
    connection: psycopg.AsyncConnection, publication: Publication, wanted: ComparedQuery
) -> dict[RowKey, Compared]:
    """The rows of a publication beside what is so; also those that are in one of the two only."""
    scale = await _scale(connection)
    statement = SQL(query("compared")).format(
        start=STARTS[wanted.bucket],
        factors_then=_factors("%(then)s"),
        factors_now=_factors("coalesce(%(as_of)s::timestamptz, 'infinity')"),
        now=_now(wanted.as_of),
    )
    parameters = await _parameters(connection, publication, wanted) | {"scale": scale}
    rows = {}
    async for (
        *keys,
        then,
        then_readings,
        now,
        readings,
        reported,
        current,
        activity,
        factors,
    ) in await connection.execute(statement, parameters, prepare=False):
        told, is_so = _exact(reported, scale), _exact(current, scale)
        compared = Compared(int(then), then_readings, int(now), readings, told, is_so, None, None)
        if told is not None and is_so is not None:
            compared = compared._replace(
                activity=_exact(activity or Decimal(), scale), factors=_exact(factors or Decimal(), scale)
            )
        rows[RowKey(*keys)] = compared
    return rows


async def read_causes(
    connection: psycopg.AsyncConnection, publication: Publication, wanted: ComparedQuery
) -> dict[RowKey, list[Change]]:
    """Why the rows of a publication are others now; the changes of a row add up to its difference."""
    changed = SQL(query("changed_amounts")).format(
        since=SQL("%(then)s"), until=SQL("coalesce(%(as_of)s::timestamptz, 'infinity')")
    )
    statement = SQL(query("change_causes")).format(start=STARTS[wanted.bucket], changed=changed)
    parameters = await _parameters(connection, publication, wanted)
    causes: dict[RowKey, list[Change]] = {}
    async for *keys, cause, readings, quantity in await connection.execute(
        statement, parameters, prepare=False
    ):
        causes.setdefault(RowKey(*keys), []).append(Change(cause, readings, int(quantity)))
    return causes


async def _parameters(
    connection: psycopg.AsyncConnection, publication: Publication, wanted: ComparedQuery
) -> dict[str, Any]:
    days_start, days_end = await read_bounds(connection, wanted.start, wanted.end)
    return {
        "publication_no": publication.publication_no,
        "then": publication.as_of,
        "as_of": wanted.as_of,
        "from": wanted.start,
        "to": wanted.end,
        "days_start": days_start,
        "days_end": days_end,
        "starts": None if wanted.starts is None else list(wanted.starts),
        "kinds": None if wanted.kinds is None else list(wanted.kinds),
        "flows": None if wanted.flows is None else list(wanted.flows),
        "details": DETAILS[wanted.details],
        "team": wanted.team,
        "site": wanted.site,
        "category": wanted.category,
        "method": wanted.method,
        "chain": wanted.chain,
        "market": wanted.market,
        "volumes": list(VOLUMES),
        **{f"by_{name}": name in wanted.by for name in ("category", "team", "site", "flow", "method")},
    }


def _now(as_of: datetime | None) -> Composed:
    """The parts of each leaf and day as they are, or as they were after a batch."""
    now = SQL("SELECT leaf_no, meter, day, quantity, readings FROM ({}) AS days").format(
        rollup_parts("day", is_as_of=False)
    )
    if as_of is None:
        return now
    changed = SQL(query("changed_amounts")).format(
        since=SQL("%(as_of)s"), until=SQL("'infinity'::timestamptz")
    )
    return SQL("{} UNION ALL {}").format(now, SQL(query("parts_taken_back")).format(changed=changed))


def _factors(moment: Literal["%(then)s", "coalesce(%(as_of)s::timestamptz, 'infinity')"]) -> Composed:
    return SQL(query("factors_at")).format(moment=SQL(moment))


async def _scale(connection: psycopg.AsyncConnection) -> int:
    """The least number of base units that is a whole number of every unit that factors are for."""
    return math.lcm(*[units async for (units,) in await connection.execute(query("all_factor_units"))])


def _exact(weighted: Decimal | None, scale: int) -> Fraction | None:
    return None if weighted is None else Fraction(weighted) / scale


def _one(cursor: psycopg.Cursor[TupleRow]) -> TupleRow:
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError("the database answered no row: it was never migrated")
    return row
