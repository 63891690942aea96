"""A total explained: its sums and factors, what it holds and what it leaves out, and how complete that is."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import psycopg

from schemas.events import FLOWS
from services.query.explained_sums import Segment, edges_of, segments_of
from services.query.pages import as_text
from services.query.reported import Told, read_told, row_key
from services.query.totals import total_row
from services.store.explain import KnownFactor, SumRow, read_factors, read_published, read_sums
from services.store.publications import Compared, Publication, RowKey
from services.store.snapshot import Snapshot
from services.store.totals import DETAILS, REFERENCE_DAY, Total, TotalsQuery, read_totals
from services.store.tracking import MeasuredQuery, PublishedFactor, SourceRow, read_sources
from services.tracking.completeness import Check, check, ratio
from services.tracking.evaluation import incomplete_sources
from services.tracking.measured import Measured
from services.tracking.measuring import series_of
from services.tracking.rows import incomplete_source_row, ratio_text
from services.tracking.trajectory import Period

# By view the day whose factors count for all days, None for those of each day.
VIEWS = {"current": None, "constant": REFERENCE_DAY}

# Of a longer period the completeness of its years is asked one by one.
LONGEST_CHECKED_DAYS = 800


@dataclass(frozen=True)
class Asked:
    """The total in question. `first`: where it begins; with bucket=hour the hour.

    `base_unit`: only in this one, None for all. `on`: the local day on which completeness is judged.
    """

    total: TotalsQuery
    first: datetime
    base_unit: str | None
    on: date


@dataclass(frozen=True)
class Reported:
    """What a publication says of a row, and what it was made of, by the factors known then."""

    publication: Publication
    compared: Compared
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class ExplainedTotal:
    """A row of totals, with what it is made of."""

    row: dict[str, Any]
    total: Total
    segments: tuple[Segment, ...]
    completeness: Check | None
    reported: Reported | None


@dataclass(frozen=True)
class Explained:
    """What is said of a total beside its readings: of each row, and of all of them."""

    asked: Asked
    totals: tuple[ExplainedTotal, ...]
    sums: tuple[SumRow, ...]

    @property
    def factors(self) -> list[KnownFactor]:
        """Each version that was used, once."""
        used = {
            factor.factor_no: factor
            for total in self.totals
            for segment in (*total.segments, *(total.reported.segments if total.reported else ()))
            for factor in segment.factors.values()
            if factor is not None
        }
        return [used[number] for number in sorted(used)]


async def explain_total(connection: psycopg.AsyncConnection, asked: Asked, snapshot: Snapshot) -> Explained:
    """Everything but the readings, in the same snapshot."""
    wanted = asked.total
    known = await read_factors(connection, wanted, wanted.as_of)
    edges = edges_of(known, wanted.start, wanted.end)
    anything = replace(wanted, team=None, site=None, method=None, flows=FLOWS, detail="all")
    sums = await read_sums(connection, anything, edges, asked.first)
    totals = [
        total
        for total in await read_totals(connection, wanted)
        if asked.base_unit in (None, total.base_unit)
        and (wanted.bucket != "hour" or total.start == asked.first)
    ]
    told = await read_told(connection, wanted, totals, wanted.as_of or snapshot.newest)
    published = await _read_published(connection, asked, told)
    sources = await _read_sources(connection, asked)

    def explain() -> Explained:
        counted = [row for row in sums if not why_left_out(row, wanted)]
        explained = [
            ExplainedTotal(
                row=total_row(total, wanted, snapshot.time_zone, told),
                total=total,
                segments=tuple(
                    segments_of(
                        [row for row in counted if _is_of(row, total)], edges, wanted.end, known, VIEWS
                    )
                ),
                completeness=_check(total, asked, sources, snapshot.time_zone),
                reported=published.of(total, told) if published else None,
            )
            for total in totals
        ]
        shown = [row for row in sums if asked.base_unit in (None, row.base_unit)]
        return Explained(asked, tuple(explained), tuple(shown))

    # In a thread: years of days of sources take longer than the door may stand still.
    return await asyncio.to_thread(explain)


@dataclass(frozen=True)
class _Published:
    """All that a publication says of the days and leaves of a total, and the factors known then."""

    kind: str
    end: date
    edges: Sequence[date]
    known: Sequence[KnownFactor]
    sums: Sequence[SumRow]

    def of(self, total: Total, told: Mapping[RowKey, Told]) -> Reported | None:
        """What it says of one row; None where that was not published."""
        mine = told.get(row_key(self.kind, total))
        if mine is None:
            return None
        rows = [row for row in self.sums if _is_of(row, total)]
        segments = segments_of(rows, self.edges, self.end, self.known, {"as_reported": None})
        return Reported(mine.publication, mine.compared, tuple(segments))


async def _read_published(
    connection: psycopg.AsyncConnection, asked: Asked, told: Mapping[RowKey, Told]
) -> _Published | None:
    """Of the publication that the rows, which are of the same days, are in; None where there is none."""
    publication = next((mine.publication for mine in told.values()), None)
    if publication is None:
        return None
    wanted = asked.total
    known = await read_factors(connection, wanted, publication.as_of)
    edges = edges_of(known, wanted.start, wanted.end)
    sums = await read_published(connection, wanted, edges, publication.publication_no)
    return _Published(wanted.kind, wanted.end, edges, known, sums)


def why_left_out(row: SumRow, wanted: TotalsQuery) -> str | None:
    """The first reason why a sum is not in a total; None when it is."""
    if row.detail not in DETAILS[wanted.detail]:
        return "detail" if row.detail else "no-detail"
    if wanted.team not in (None, row.team):
        return "team"
    if wanted.site not in (None, row.site):
        return "site"
    if row.flow is not None and row.flow not in wanted.flows:
        return "flow"
    if wanted.method not in (None, row.method):
        return "method"
    return None


def totals_rows(explained: Explained) -> list[dict[str, Any]]:
    """Each row of totals with its sums, exact CO2e and completeness."""
    return [
        item.row
        | {
            "exact": {
                view: None if value is None else str(value)
                for view, value in (("current", item.total.current), ("constant", item.total.constant))
            },
            "sums": [segment.as_row() for segment in item.segments],
            "reported": None if item.reported is None else _reported_row(item.reported),
            "completeness": _completeness_row(item.completeness, explained.asked.on),
        }
        for item in explained.totals
    ]


def _reported_row(reported: Reported) -> dict[str, Any]:
    exact = reported.compared.reported
    return {
        "publication": reported.publication.name,
        "as_of": as_text(reported.publication.as_of),
        "base_quantity": str(reported.compared.then_quantity),
        "readings": reported.compared.then_readings,
        "exact": None if exact is None else str(exact),
        "sums": [segment.as_row() for segment in reported.segments],
    }


def factor_row(factor: KnownFactor | PublishedFactor) -> dict[str, Any]:
    """A version of a factor as it is answered."""
    return {
        "factor": factor.factor_no,
        "kind": factor.kind,
        "category": factor.category,
        "meter": factor.meter,
        "chain": factor.chain,
        "market": factor.market,
        "kg_co2e": format(factor.kg_co2e, "f"),
        "unit": factor.unit,
        "base_unit": factor.base_unit,
        "base_units_per_unit": str(factor.base_units_per_unit),
        "valid_from": str(factor.valid_from),
        "valid_to": str(factor.valid_to),
        "recorded_at": as_text(factor.recorded_at),
        "source": factor.source,
        "certainty": factor.certainty,
    }


def boundary_row(explained: Explained, snapshot: Snapshot) -> dict[str, Any]:
    """What of the same kind, category and days is in, what is not and why, and who has nothing there."""
    wanted = explained.asked.total
    counted: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    left_out: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in explained.sums:
        why = why_left_out(row, wanted)
        group = (row.team, row.site, row.flow, row.method, row.detail, row.base_unit)
        at = counted[group] if why is None else left_out[(*group, why)]
        at[0] += row.base_quantity
        at[1] += row.readings
    seen_teams, seen_sites = ({getattr(row, name) for row in explained.sums} for name in ("team", "site"))
    return {
        "counted": _boundary_rows(counted),
        "left_out": _boundary_rows(left_out),
        "teams_without": sorted(snapshot.teams - seen_teams),
        "sites_without": sorted(snapshot.sites - seen_sites),
    }


_GROUP = ("team", "site", "flow", "method", "detail", "base_unit", "why")


def _boundary_rows(groups: Mapping[tuple[Any, ...], Sequence[int]]) -> list[dict[str, Any]]:
    return [
        dict(zip(_GROUP, group, strict=False))
        | {"base_quantity": str(groups[group][0]), "readings": groups[group][1]}
        for group in sorted(groups, key=lambda group: [str(value) for value in group])
    ]


def _is_of(row: SumRow, total: Total) -> bool:
    keys = ("category", "team", "site", "flow", "method")
    return row.base_unit == total.base_unit and all(
        getattr(total, name) in (None, getattr(row, name)) for name in keys
    )


async def _read_sources(connection: psycopg.AsyncConnection, asked: Asked) -> dict[str, list[SourceRow]]:
    """By flow the days of the sources from the year before on; nothing where completeness is not judged."""
    wanted = asked.total
    too_long = (wanted.end - wanted.start).days > LONGEST_CHECKED_DAYS
    if wanted.bucket == "hour" or wanted.detail != "no" or wanted.method is not None or too_long:
        return {}
    return {
        flow: await read_sources(
            connection,
            MeasuredQuery(
                kind=wanted.kind,
                flow=flow,
                start=_known_from(wanted.start),
                end=wanted.end,
                team=wanted.team,
                site=wanted.site,
                as_of=wanted.as_of,
            ),
        )
        for flow in wanted.flows
    }


def _known_from(start: date) -> date:
    return date(start.year - 1, 1, 1)


def _check(
    total: Total, asked: Asked, sources: Mapping[str, Iterable[SourceRow]], time_zone: str
) -> Check | None:
    wanted = asked.total
    category = total.category or wanted.category
    series = [
        item
        for flow, rows in sources.items()
        if total.flow in (None, flow)
        for item in series_of(
            wanted.kind,
            flow,
            [row for row in rows if row.base_unit == total.base_unit and category in (None, row.category)],
        )
    ]
    if not series:
        return None
    timelines = Measured([], series, time_zone=time_zone).timelines
    period = Period(wanted.start, wanted.end)
    return check(timelines, [list(timelines)], period, asked.on, _known_from(wanted.start))


def _completeness_row(checked: Check | None, on: date) -> dict[str, Any] | None:
    if checked is None:
        return None
    complete = ratio(checked.sources)
    return {
        "on": str(on),
        "through": str(checked.through),
        "ratio": None if complete is None else ratio_text(complete),
        "sources": len(checked.sources),
        "incomplete_sources": [incomplete_source_row(item) for item in incomplete_sources(checked)],
    }
