"""`GET /v1/explain`: where a total, a CO2e figure or a target comes from, down to the last unit."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from schemas.calendar import HOUR, pinned_zone, to_microseconds
from schemas.catalogue import UNITS
from services.query.explain_rules import RULES
from services.query.explain_words import target_words, total_words
from services.query.explained_readings import Ground, reading_row
from services.query.explained_target import explain_target
from services.query.explained_total import (
    Asked,
    boundary_row,
    explain_total,
    factor_row,
    totals_rows,
)
from services.query.pages import Page, answer, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.query.sight import NotYours, Sight
from services.query.targets import find_target, read_day
from services.query.totals import FILTERS, read_question
from services.store.explain import ReadingsQuery, Row, read_corrections, read_days, read_readings
from services.store.snapshot import Snapshot, open_snapshot
from services.store.totals import TotalsQuery, read_bounds

PARAMETERS = (
    *(replace(parameter, required=False) for parameter in FILTERS),
    Parameter("start", "the `start` of the row in question; needed with a bucket other than all"),
    Parameter("base_unit", "only what is counted in this base unit, like mg; otherwise all that the row has"),
    Parameter("target", "explain this target instead of a total; only with on and as_of"),
    Parameter("on", "the local day on which a target, or completeness, is judged; default today"),
    *PAGE,
)
BASE_UNITS = tuple(dict.fromkeys([*(unit.base_unit for unit in UNITS.values()), "piece", "cent"]))

# So many shares make some megabytes; a page with readings over years ends there.
MOST_SHARES = 20_000

_OF_A_TARGET = frozenset({"target", "on", "as_of", "limit", "cursor"})
_NEEDED = ("kind", "from", "to")


async def explain_answer(
    connection: psycopg.AsyncConnection,
    pairs: Pairs,
    sight: Sight | None = None,
    unlimited: bool = False,
    patient: bool = False,
) -> dict[str, Any]:
    """The answer to a query. Raises `InvalidParameters`, and `NotYours` for what the asker may not read.

    `unlimited`: all readings in one answer. `patient`: however long it takes, as always when unlimited.
    """
    reader, sight = Reader(pairs, PARAMETERS), sight or Sight()
    _check_form(reader, {name for name, _ in pairs})
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not (unlimited or patient)
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        if reader.text("target") is not None:
            return await _target(connection, reader, page, snapshot, sight)
        return await _total(connection, reader, page, snapshot, sight)


def _check_form(reader: Reader, given: set[str]) -> None:
    if "target" in given:
        for name in sorted(given & {parameter.name for parameter in PARAMETERS} - _OF_A_TARGET):
            reader.refuse(
                name, "does not go with target", hint="leave it out: the target says what it counts"
            )
        return
    for name in _NEEDED:
        if name not in given:
            description = next(parameter.description for parameter in FILTERS if parameter.name == name)
            reader.refuse(name, "is missing", description, "those of the total in question; or give target")


async def _total(
    connection: psycopg.AsyncConnection, reader: Reader, page: Page, snapshot: Snapshot, sight: Sight
) -> dict[str, Any]:
    if sight.own_team is not None and reader.text("team") != sight.own_team:
        raise NotYours(
            f"this token reads explanations of team {sight.own_team} only: ask with team={sight.own_team}"
        )
    asked = await _read_asked(connection, reader, page, snapshot)
    wanted = asked.total
    last = (await read_bounds(connection, wanted.start, wanted.end))[1]
    readings = ReadingsQuery(
        total=wanted,
        first=asked.first,
        last=asked.first + timedelta(hours=1) if wanted.bucket == "hour" else last,
        as_of=page.as_of,
        base_unit=asked.base_unit,
        after=_after(reader, page),
        limit=page.one_more,
    )
    reader.check()
    head: dict[str, Any] = {}
    if page.position is None:
        explained = await explain_total(connection, asked, snapshot)
        head = {
            "totals": totals_rows(explained),
            "factors": [factor_row(factor) for factor in explained.factors],
            "boundary": boundary_row(explained, snapshot),
            "rules": RULES,
            "words": total_words(explained),
        }
    has_hours = wanted.bucket != "hour" or wanted.kind != "medication-waste"
    found = await read_readings(connection, readings) if has_hours else []
    shown = found[: page.limit]
    ground = await _ground(connection, shown, snapshot)
    # In a thread: ten thousand rows take longer than the door may stand still.
    rows = await asyncio.to_thread(_reading_rows, shown, readings, ground, sight, page.limit is not None)
    cursor = None
    if len(found) > len(rows):
        cursor = page.next_cursor([rows[-1][name] for name in ("team", "source", "id")])
    return _answer(snapshot, page, head, rows, cursor)


async def _read_asked(
    connection: psycopg.AsyncConnection, reader: Reader, page: Page, snapshot: Snapshot
) -> Asked:
    """The row in question. Raises `InvalidParameters`."""
    question = read_question(reader, snapshot)
    for name in sorted(question.by - {"flow"}):
        if reader.text(name) is None:
            reader.refuse(name, f"is missing: with by={name} there is a row for each", f"the row's {name}")
    on, base_unit = read_day(reader, snapshot), reader.one_of("base_unit", BASE_UNITS)
    hour = reader.moment("start") if question.bucket == "hour" else None
    if hour is None:
        start, end = _read_bucket(reader, question)
    else:
        start = hour.astimezone(pinned_zone(snapshot.time_zone)).date()
        end = start + timedelta(days=1)
        if question.start and question.end and not question.start <= start < question.end:
            reader.refuse("start", "is not between from and to")
    reader.check()
    first = (await read_bounds(connection, start, end))[0]
    if hour is not None:
        if (to_microseconds(hour) - to_microseconds(first)) % HOUR:
            reader.refuse("start", "is not the start of a local hour", "the `start` of a row, like 13:00:00")
            reader.check()
        first = hour
    as_of = None if page.as_of == snapshot.newest else page.as_of
    return Asked(replace(question, start=start, end=end, as_of=as_of), first, base_unit, on)


def _read_bucket(reader: Reader, question: TotalsQuery) -> tuple[date, date]:
    """The local days [start, end) of the row in question."""
    bucket, start = question.bucket, reader.date("start") if question.bucket != "hour" else None
    if reader.problems:
        return question.start, question.end
    if reader.text("start") is None:
        if bucket != "all":
            reader.refuse(
                "start", "is missing", "the `start` of the row", f"there is a row for each {bucket}"
            )
        return question.start, question.end
    if start is None or not question.start <= start < question.end:
        reader.refuse("start", "is not between from and to")
        return question.start, question.end
    months = {"month": 1, "year": 12}.get(bucket, 0)
    is_first = {
        "all": start == question.start,
        "month": start.day == 1 or start == question.start,
        "year": (start.month, start.day) == (1, 1) or start == question.start,
    }.get(bucket, True)
    if not is_first:
        reader.refuse("start", f"is not the start of a row with bucket={bucket}")
    if bucket == "all":
        return question.start, question.end
    after = start + timedelta(days=1)
    if months:
        number = (start.year * 12 + start.month - 1 if bucket == "month" else start.year * 12) + months
        after = date(number // 12, number % 12 + 1, 1)
    return start, min(after, question.end)


def _after(reader: Reader, page: Page) -> list[str] | None:
    position = page.position
    if position is not None and (len(position) != 3 or not all(isinstance(part, str) for part in position)):
        reader.refuse("cursor", "is not a cursor of this call")
    return position


async def _ground(connection: psycopg.AsyncConnection, rows: list[Row], snapshot: Snapshot) -> Ground:
    moments: list[datetime] = [row[name] for row in rows for name in ("starts_at", "ends_at") if row[name]]
    first, last = (min(moments), max(moments)) if moments else (snapshot.first, snapshot.first)
    meters = {row["meter"] for row in rows if (row["posted"] or {}).get("unit") == "m3"}
    return Ground(
        await read_days(connection, first, last),
        await read_corrections(connection, meters) if meters else {},
        snapshot.time_zone,
    )


def _reading_rows(
    found: Iterable[Row], wanted: ReadingsQuery, ground: Ground, sight: Sight, bounded: bool
) -> list[dict[str, Any]]:
    rows, shares = [], 0
    for row in found:
        rows.append(reading_row(row, wanted, ground, sight))
        shares += sum(len(amount["shares"]) for amount in rows[-1]["amounts"])
        if bounded and shares >= MOST_SHARES:
            break
    return rows


async def _target(
    connection: psycopg.AsyncConnection, reader: Reader, page: Page, snapshot: Snapshot, sight: Sight
) -> dict[str, Any]:
    on = read_day(reader, snapshot)
    if page.position is not None:
        reader.refuse("cursor", "is not a cursor of this call", hint="a target has one page")
    as_of = None if page.as_of == snapshot.newest else page.as_of
    target = await find_target(connection, reader, on, as_of)
    reader.check()
    if sight.own_team is not None and target.team not in (None, sight.own_team):
        raise NotYours(f"this token reads explanations of team {sight.own_team} and of targets of all only")
    explained = await explain_target(connection, target, on, snapshot, as_of)
    head = {"target": explained, "rules": RULES, "words": target_words(explained)}
    return _answer(snapshot, page, head, [], None)


def _answer(
    snapshot: Snapshot, page: Page, head: dict[str, Any], rows: list[dict[str, Any]], cursor: str | None
) -> dict[str, Any]:
    listed = answer(snapshot, page, rows, cursor)
    return {name: listed[name] for name in ("as_of", "time_zone")} | head | listed
