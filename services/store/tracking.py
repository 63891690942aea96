"""What targets are judged on, and what the tracker found: sources, fixed factors, evaluations, its cursor."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from schemas.factors import Chain, Market
from services.store.queries import query
from services.store.totals import REFERENCE_DAY

_ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, kw_only=True)
class MeasuredQuery:
    """Which measurements: of a kind and flow, on local days in [`start`, `end`).

    `flow` is `use` where a kind has none. `as_of`: as it was after that batch, None for as it is. Details are
    never in it.
    """

    kind: str
    flow: str
    start: date
    end: date
    team: str | None = None
    site: str | None = None
    as_of: datetime | None = None


class AmountRow(NamedTuple):
    """What was measured on a local day, in base units."""

    category: str
    method: str
    base_unit: str
    day: date
    quantity: int


class SourceRow(NamedTuple):
    """A day of a source: `readings` that begin on it, whole `seconds` of it that they cover (0: moments)."""

    team: str
    source: str
    category: str
    site: str
    base_unit: str
    span: str
    day: date
    readings: int
    seconds: int


class PublishedFactor(NamedTuple):
    """The fixed factor of a category: `kg_co2e` for one `unit`, of the list of that `year`; its version.

    `valid_from`, `valid_to`: as the version was recorded.
    """

    factor_no: int
    kind: str
    category: str
    meter: str | None
    chain: str
    market: str
    base_unit: str
    kg_co2e: Decimal
    unit: str
    base_units_per_unit: int
    source: str
    certainty: str
    valid_from: date
    valid_to: date
    recorded_at: datetime
    year: int

    @property
    def kg_per_base_unit(self) -> Fraction:
        """Exactly."""
        return Fraction(self.kg_co2e) / self.base_units_per_unit


class TrackerCursor(NamedTuple):
    """Up to which batch, local day and configuration everything was evaluated."""

    batch_no: int
    day: date
    configuration: int


class News(NamedTuple):
    """All that an evaluation can change with; `factors`: how many there are."""

    batch_no: int
    day: date
    configuration: int
    factors: int


@dataclass(frozen=True)
class StoredState:
    """The band of a target that people know, and by which factors and definition."""

    target: str
    band: str
    since: date | None
    factors: str
    definition: str


@dataclass(frozen=True)
class StoredEvaluation:
    """A result and what it was worked out from."""

    target: str
    on_day: date
    batch_no: int
    configuration: int
    factors: str
    band: str
    outcome: str
    drift: Fraction | None
    row: Mapping[str, Any]
    inputs: Mapping[str, Any]


class BandChange(NamedTuple):
    """That the band which people know is another one, by data or time."""

    target: str
    from_band: str
    to_band: str
    since: date
    worse: bool


async def read_amounts(connection: psycopg.AsyncConnection, wanted: MeasuredQuery) -> list[AmountRow]:
    """What was measured on each day, in no order: the numbers of the totals without details."""
    rows = _read_days(connection, "measured_days", wanted)
    return [
        AmountRow(category, method, unit, day, int(quantity))
        async for category, method, unit, day, quantity in rows
    ]


async def read_sources(connection: psycopg.AsyncConnection, wanted: MeasuredQuery) -> list[SourceRow]:
    """The days of every source that has any, by team, source, category, site and day."""
    return [SourceRow(*row) async for row in _read_days(connection, "source_days", wanted)]


async def read_fixed_factors(
    connection: psycopg.AsyncConnection, chain: Chain, market: Market, known_at: datetime | None = None
) -> dict[tuple[str, str], PublishedFactor]:
    """By kind and category the factor of the reference year, else that of the nearest later year.

    `known_at`: as known at that moment, None for now.
    """
    parameters = {"chain": chain, "market": market, "reference_day": REFERENCE_DAY, "known_at": known_at}
    cursor = await connection.execute(query("fixed_factors"), parameters)
    factors = [PublishedFactor(*row) async for row in cursor]
    return {(factor.kind, factor.category): factor for factor in factors}


async def read_news(connection: psycopg.AsyncConnection) -> News:
    """What there is now."""
    return News(*await _row(connection, "tracked_news"))


async def read_cursor(connection: psycopg.AsyncConnection) -> TrackerCursor:
    """Where the tracker is."""
    return TrackerCursor(*await _row(connection, "tracker_cursor"))


async def batch_recorded(connection: psycopg.AsyncConnection, batch_no: int) -> datetime:
    """When a batch was recorded."""
    recorded_at: datetime = (await _row(connection, "batch_recorded", (batch_no,)))[0]
    return recorded_at


async def kinds_touched(connection: psycopg.AsyncConnection, batch_no: int) -> frozenset[str]:
    """The kinds of which later batches than this one brought something."""
    return frozenset(
        [kind async for (kind,) in await connection.execute(query("kinds_touched"), (batch_no,))]
    )


async def added_since(connection: psycopg.AsyncConnection, batch_no: int) -> int:
    """How many measurements later batches than this one brought."""
    added: int = (await _row(connection, "added_since", (batch_no,)))[0]
    return added


async def newest_rows(connection: psycopg.AsyncConnection) -> dict[str, dict[str, Any]]:
    """By target the row that was stored last, of the targets in force."""
    return {target: row async for target, row in await connection.execute(query("newest_rows"))}


async def alert_states(connection: psycopg.AsyncConnection) -> dict[str, StoredState]:
    """By target the band that people know."""
    async with connection.cursor(row_factory=class_row(StoredState)) as cursor:
        await cursor.execute(query("alert_states"))
        return {state.target: state async for state in cursor}


async def store_pass(
    connection: psycopg.AsyncConnection,
    before: TrackerCursor,
    after: TrackerCursor,
    evaluations: Iterable[StoredEvaluation],
    changes: Iterable[BandChange],
    states: Iterable[StoredState],
    in_force: Collection[str],
) -> bool:
    """Store what one pass found, with its cursor, or nothing: false when another tracker went on meanwhile.

    `in_force`: every target that is; the states of others are forgotten.
    """
    async with connection.transaction():
        if TrackerCursor(*await _row(connection, "lock_tracker_cursor")) != before:
            return False
        for evaluation in evaluations:
            drift = evaluation.drift
            await connection.execute(
                query("insert_evaluation"),
                vars(evaluation)
                | {
                    "drift": None if drift is None else Decimal(drift.numerator) / drift.denominator,
                    "row": Jsonb(evaluation.row),
                    "inputs": Jsonb(evaluation.inputs),
                },
            )
        for change in changes:
            await connection.execute(query("insert_band_change"), change._asdict())
        await connection.execute(query("forget_alert_states"), (list(in_force),))
        for state in states:
            await connection.execute(query("store_alert_state"), vars(state))
        await connection.execute(query("move_tracker_cursor"), after._asdict())
    return True


async def _row(connection: psycopg.AsyncConnection, name: str, parameters: Sequence[Any] = ()) -> TupleRow:
    row = await (await connection.execute(query(name), parameters)).fetchone()
    if row is None:
        raise RuntimeError(f"{name} found no row: the database was never migrated")
    return row


async def _read_days(
    connection: psycopg.AsyncConnection, name: str, wanted: MeasuredQuery
) -> AsyncIterator[TupleRow]:
    """The rows of a query over days, as they are or as they were.

    Equal values of rows are one object: there are hundreds of thousands of days, and few different ones.
    """
    parts = [SQL(query(f"{name}_now")).format()]
    if wanted.as_of is not None:
        parts.append(SQL(query(f"{name}_changed")).format(changed=SQL(query("totals_changed"))))
    statement = SQL(query(name)).format(
        leaves=SQL(query("measured_leaves")), parts=SQL(" UNION ALL ").join(parts)
    )
    parameters = {
        "kind": wanted.kind,
        "flow": wanted.flow,
        "from": wanted.start,
        "to": wanted.end,
        "team": wanted.team,
        "site": wanted.site,
        "as_of": wanted.as_of,
    }
    same: dict[Any, Any] = {}
    async with connection.cursor() as cursor:
        async for row in cursor.stream(statement, parameters, size=_ROWS_AT_A_TIME):
            yield tuple(map(same.setdefault, row, row))
