"""`as_reported`: what the newest publication that covers a total says of it, and how that differs now."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

from schemas.grams import grams_text, kilograms, split_difference
from services.store.publications import (
    Compared,
    ComparedQuery,
    Publication,
    RowKey,
    read_buckets,
    read_compared,
    read_publications,
)
from services.store.totals import Total, TotalsQuery


class Told(NamedTuple):
    """What a publication says of a row."""

    publication: Publication
    compared: Compared


async def read_told(
    connection: psycopg.AsyncConnection, wanted: TotalsQuery, totals: Sequence[Total], as_of: datetime
) -> dict[RowKey, Told]:
    """What was published up to a moment of each of these rows; nothing of hours, for days are published."""
    if not totals or wanted.bucket == "hour":
        return {}
    publications = await read_publications(
        connection, as_of, kind=wanted.kind, start=wanted.start, end=wanted.end
    )
    if not publications:
        return {}
    starts = sorted({total.start for total in totals})
    by_publication: dict[int, list[tuple[date, date, date]]] = defaultdict(list)
    for begin, first, after in await read_buckets(
        connection, wanted.start, wanted.end, wanted.bucket, starts
    ):
        covering = (each for each in publications if each.covers(wanted.kind, first, after))
        newest = next(covering, None)
        if newest is not None:
            by_publication[newest.publication_no].append((begin, first, after))
    told = {}
    for publication in publications:
        buckets = by_publication.get(publication.publication_no)
        if buckets:
            compared = await read_compared(connection, publication, _query(wanted, buckets))
            told.update({key: Told(publication, row) for key, row in compared.items()})
    return told


def _query(wanted: TotalsQuery, buckets: Sequence[tuple[date, date, date]]) -> ComparedQuery:
    return ComparedQuery(
        start=wanted.start,
        end=wanted.end,
        bucket=wanted.bucket,
        by=wanted.by | ({"flow"} if len(wanted.flows) > 1 else set()),
        details=wanted.detail,
        chain=wanted.chain,
        market=wanted.market,
        as_of=wanted.as_of,
        starts=[begin for begin, _, _ in buckets],
        kinds=[wanted.kind],
        flows=wanted.flows,
        team=wanted.team,
        site=wanted.site,
        category=wanted.category,
        method=wanted.method,
    )


def row_key(kind: str, total: Total) -> RowKey:
    """By what a row of totals is found in what was published."""
    return RowKey(
        total.start,
        kind,
        total.category,
        total.team,
        total.site,
        total.flow,
        total.method,
        total.base_unit,
    )


def co2e_members(total: Total, told: Told | None) -> dict[str, dict[str, Any]]:
    """kg CO2e of a row in the three views, and what makes the differences between them."""
    return {
        "co2e": {
            "as_reported": None if told is None else kilograms(told.compared.reported),
            "current": kilograms(total.current),
            "constant": kilograms(total.constant),
        },
        "co2e_differences": {
            "since_reported": None if told is None else since_reported(told),
            "from_constant": _from_constant(total),
        },
    }


def since_reported(told: Told) -> dict[str, Any]:
    """`current` less `as_reported`, split in what other amounts and what other factors make of it."""
    return {
        "publication": told.publication.name,
        "told_on": told.publication.told_on.isoformat(),
        **(co2e_difference(told.compared) or {"activity": None, "factors": None}),
    }


def co2e_difference(row: Compared) -> dict[str, str] | None:
    """The two parts of `current - reported` to the gram, None where one of these is unknown."""
    parts = row.reported, row.current, row.activity, row.factors
    if None in parts:
        return None
    before, after, activity, factors = (part for part in parts if part is not None)
    split = split_difference(before, after, activity, factors)
    return {"activity": grams_text(split.activity), "factors": grams_text(split.factors)}


def _from_constant(total: Total) -> dict[str, str] | None:
    """`current` less `constant`: the amounts are the same, so factors make all of it."""
    if total.current is None or total.constant is None:
        return None
    difference = total.current - total.constant
    split = split_difference(total.constant, total.current, Fraction(), difference)
    return {"activity": grams_text(split.activity), "factors": grams_text(split.factors)}
