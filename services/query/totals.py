"""`GET /v1/totals`: what is asked, and each total as a row."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, cast, get_args

import psycopg

from schemas.amounts import divide_half_even
from schemas.calendar import pinned_zone
from schemas.catalogue import CARRIERS, KINDS, UNITS, category_names
from schemas.events import FLOWS, METHODS
from schemas.factors import Chain, Market
from schemas.json_text import Number
from services.query.pages import answer, read_offset, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.query.reported import Told, co2e_members, read_told, row_key
from services.store.publications import RowKey
from services.store.snapshot import Snapshot, open_snapshot
from services.store.totals import Bucket, Detail, Total, TotalsQuery, read_totals

DIMENSIONS = ("category", "team", "site", "flow", "method")
CHAINS = get_args(Chain)
MARKETS = ("location", "market")

BASIS = Parameter("basis", "of kg CO2e: wtw or ttw, location or market, with a comma; default wtw,location")

FILTERS = (
    Parameter("kind", f"one of {', '.join(KINDS)}", required=True),
    Parameter("from", "the first local day, like 2026-01-01", required=True),
    Parameter("to", "the local day after the last", required=True),
    Parameter("bucket", "a row for each hour, day, month or year, or one for all of it (all, the default)"),
    Parameter("by", f"any of {','.join(DIMENSIONS)}, with commas: a row for each; otherwise added up"),
    Parameter("team", "only this team"),
    Parameter("site", "only this site"),
    Parameter("category", "only this carrier, stream, stage, reason or indicator"),
    Parameter("flow", f"of energy, any of {','.join(FLOWS)}, with commas; never added up; default use"),
    Parameter("method", "only readings of this method, like weighed; unstated where none was posted"),
    Parameter(
        "detail",
        "no (default): without amounts that another measurement contains; yes: only those; all: both, "
        "only with team or by=team",
    ),
    Parameter("as_of", "as it was known at this moment, like the as_of of an earlier answer"),
    BASIS,
)
PARAMETERS = (*FILTERS, *PAGE)

_DISPLAY_UNIT = {"J": "kWh", "ml_n": "Nm3", "ml": "l", "mg": "kg", "cent": "EUR"}
_DECIMALS = 6


async def totals_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query. Raises `InvalidParameters`. `unlimited`: all rows in one answer."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        question, offset = read_question(reader, snapshot), read_offset(reader, page)
        reader.check()
        as_of = None if page.as_of == snapshot.newest else page.as_of
        wanted = replace(question, as_of=as_of, limit=page.one_more, offset=offset)
        totals = await read_totals(connection, wanted)
        shown = totals[: page.limit]
        told = await read_told(connection, wanted, shown, page.as_of)
    more = len(totals) > len(shown)
    # In a thread: ten thousand rows take longer than the door may stand still.
    rows = await asyncio.to_thread(
        lambda: [total_row(total, wanted, snapshot.time_zone, told) for total in shown]
    )
    return answer(snapshot, page, rows, page.next_cursor([wanted.offset + len(shown)]) if more else None)


def read_question(reader: Reader, snapshot: Snapshot) -> TotalsQuery:
    """What is asked, as it is now and without a page; it is whole when `reader.check` passes afterwards."""
    kind = reader.one_of("kind", KINDS)
    start, end = reader.date("from"), reader.date("to")
    if start and end and end <= start:
        reader.refuse("to", "is not after from", hint="to is the day after the last: [from, to)")
    bucket = reader.one_of("bucket", get_args(Bucket)) or "all"
    by = reader.some_of("by", DIMENSIONS)
    flows = reader.some_of("flow", FLOWS) or ["use"]
    if kind and kind != "energy" and flows != ["use"]:
        reader.refuse("flow", f"{kind} has no flows", hint="flow concerns energy only; leave it out")
    team, site = reader.one_of("team", snapshot.teams), reader.one_of("site", snapshot.sites)
    category = reader.one_of("category", category_names(kind)) if kind else None
    method = reader.one_of("method", (*METHODS, "unstated"))
    detail = reader.one_of("detail", get_args(Detail)) or "no"
    if detail == "all" and reader.text("team") is None and "team" not in by:
        hint = "a total over teams would count the same kilo twice: give team, or by=team"
        reader.refuse("detail", "all is for teams", "no, yes, or all with a team", hint)
    chain, market = read_basis(reader)
    return TotalsQuery(
        kind=cast(str, kind),
        start=cast(date, start),
        end=cast(date, end),
        bucket=cast(Bucket, bucket),
        by=frozenset(by),
        flows=flows,
        detail=cast(Detail, detail),
        chain=chain,
        market=market,
        team=team,
        site=site,
        category=category,
        method=method,
    )


def read_basis(reader: Reader) -> tuple[Chain, Market]:
    """Chain and market of kg CO2e; what is wrong goes to the reader."""
    basis = reader.some_of("basis", (*CHAINS, *MARKETS))
    chain, market = _basis(reader, basis, CHAINS), _basis(reader, basis, MARKETS)
    return cast(Chain, chain), cast(Market, market)


def _basis(reader: Reader, basis: list[str], pair: tuple[str, ...]) -> str:
    """The one of a pair that is in the basis, else the default."""
    given = [name for name in basis if name in pair]
    if len(given) > 1:
        reader.refuse("basis", f"has both {' and '.join(given)}", "one of wtw ttw, one of location market")
    return given[0] if given else pair[0]


def total_row(
    total: Total, wanted: TotalsQuery, time_zone: str, told: Mapping[RowKey, Told]
) -> dict[str, Any]:
    """A total as the row that is answered. `told`: what was published of such rows."""
    start = total.start
    if isinstance(start, datetime):
        start = start.astimezone(pinned_zone(time_zone))
    row: dict[str, Any] = {"start": start.isoformat(), "kind": wanted.kind}
    for name in DIMENSIONS:
        value = getattr(total, name)
        if value is not None or name in wanted.by:
            row[name] = value
    unit = display_unit(total.base_unit, total.category or wanted.category)
    return row | {
        "unit": unit,
        "quantity": shown_quantity(total.base_quantity, total.base_unit, unit),
        "base_unit": total.base_unit,
        "base_quantity": str(total.base_quantity),
        "readings": total.readings,
        **co2e_members(total, told.get(row_key(wanted.kind, total))),
    }


def display_unit(base_unit: str, category: str | None) -> str:
    """The unit that people see: of energy that of its carrier, and of mixed energy kWh."""
    if base_unit == "J" and category is not None:
        return CARRIERS[category].display_unit
    return _DISPLAY_UNIT.get(base_unit, base_unit)


def per_unit(base_unit: str, unit: str) -> int:
    """Base units in one of the unit that people see."""
    return 1 if unit == base_unit else UNITS[unit].per_unit


def shown_quantity(quantity: int, base_unit: str, unit: str) -> Number:
    """An amount in the unit that people see, with at most 6 decimals."""
    return Number(
        decimal_text(Fraction(quantity, per_unit(base_unit, unit)), _DECIMALS).rstrip("0").rstrip(".")
    )


def decimal_text(value: Fraction, decimals: int) -> str:
    """A value from 0 with this many decimals (at least 1), rounded once, half to even."""
    scaled = divide_half_even(value.numerator * 10**decimals, value.denominator)
    whole, fraction = divmod(scaled, 10**decimals)
    return f"{whole}.{fraction:0{decimals}}"
