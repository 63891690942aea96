"""`GET /v1/targets`: how every target stands, worked out from one snapshot when it is asked."""

import asyncio
from datetime import date, datetime
from typing import Any, cast

import psycopg

from schemas.calendar import pinned_zone
from schemas.targets import Target, targets_of
from services.query.pages import answer, read_offset, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.store.configuration import current_version
from services.store.snapshot import Snapshot, open_snapshot
from services.tracking.evaluation import evaluate
from services.tracking.measuring import Measurements
from services.tracking.rows import Row, target_row
from services.tracking.trajectory import in_force

PARAMETERS = (
    Parameter(
        "on", "as it stood at the start of this local day, like 2026-07-01; default that of as_of or today"
    ),
    Parameter("team", "only targets of this team; otherwise those of all"),
    Parameter("site", "only targets of this site; otherwise those of all"),
    Parameter(
        "as_of",
        "by the measurements, targets and factors as they were known at this moment, like the as_of of an "
        "earlier answer",
    ),
    *PAGE,
)

_FIRST_YEAR, _LAST_YEAR = 2000, 2098  # of the calendar, with room for the years beside it


async def targets_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query. Raises `InvalidParameters`. `unlimited`: all rows in one answer."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        on = read_day(reader, snapshot)
        team, site = reader.one_of("team", snapshot.teams), reader.one_of("site", snapshot.sites)
        offset = read_offset(reader, page)
        reader.check()
        as_of = None if page.as_of == snapshot.newest else page.as_of
        configuration = await current_version(connection, as_of)
        targets = [
            target
            for target in targets_of(configuration.organisation)
            if in_force(target, on) and team in (None, target.team) and site in (None, target.site)
        ]
        shown = targets[offset:][: page.limit]
        measurements = Measurements(connection, snapshot.time_zone, as_of, known_at=as_of)
        for target in shown:
            await measurements.read(target, on)
    # In a thread: years of measurements take longer than the door may stand still.
    rows = await asyncio.to_thread(lambda: [_row(target, on, measurements) for target in shown])
    more = len(targets) > offset + len(shown)
    return answer(snapshot, page, rows, page.next_cursor([offset + len(shown)]) if more else None)


def read_day(reader: Reader, snapshot: Snapshot) -> date:
    """The local day `on`; when absent that of `as_of`, else today."""
    asked = reader.text("as_of")
    is_read = asked is not None and all(problem.field != "as_of" for problem in reader.problems)
    moment = reader.moment("as_of") if is_read else None
    today = (moment or snapshot.now).astimezone(pinned_zone(snapshot.time_zone)).date()
    on = reader.date("on") or today
    if not _FIRST_YEAR <= on.year <= _LAST_YEAR:
        reader.refuse("on", f"{on} is out of reach", f"a day of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return on


async def find_target(
    connection: psycopg.AsyncConnection, reader: Reader, on: date, as_of: datetime | None
) -> Target:
    """The `target` that is asked for. Raises `InvalidParameters` when it is not in force on the day.

    `as_of`: as it was defined at that moment, None for as it is.
    """
    configuration = await current_version(connection, as_of)
    targets = {target.slug: target for target in targets_of(configuration.organisation)}
    slug = reader.one_of("target", targets)
    if slug is not None and not in_force(targets[slug], on):
        reader.refuse("target", f"{slug} is not in force on {on}", hint="give another day with on")
    reader.check()
    return targets[cast(str, slug)]


def _row(target: Target, on: date, measurements: Measurements) -> Row:
    evaluation = evaluate(target, on, measurements.of(target, on))
    return target_row(target, evaluation, measurements.factors(target))
