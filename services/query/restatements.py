"""`GET /v1/restatements`: what is not so any more since it was published, by how much and why."""

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast, get_args

import psycopg

from schemas.amounts import divide_half_even
from schemas.catalogue import KINDS
from schemas.grams import kilograms
from services.query.pages import answer, as_text, read_offset, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.query.reported import co2e_difference
from services.query.restatement_words import in_words
from services.query.totals import BASIS, DIMENSIONS, display_unit, per_unit, read_basis, shown_quantity
from services.store.publications import (
    Change,
    Compared,
    ComparedQuery,
    Publication,
    RowKey,
    read_causes,
    read_compared,
    read_publications,
)
from services.store.snapshot import open_snapshot
from services.store.totals import Bucket, Detail

BUCKETS = ("month", "year", "all")

PARAMETERS = (
    Parameter("publication", "only since the publication of this name; otherwise since each of them"),
    Parameter("kind", f"one of {', '.join(KINDS)}; otherwise all"),
    Parameter("team", "only this team"),
    Parameter("bucket", "a row for each month (default) or year, or one for all of the publication (all)"),
    Parameter(
        "by",
        f"any of {','.join(DIMENSIONS)}, with commas; default category; kind: added up for each kind",
    ),
    Parameter("detail", "no (default): without amounts that another measurement contains; yes: only those"),
    Parameter("as_of", "what was known at this moment, like the as_of of an earlier answer"),
    BASIS,
    *PAGE,
)

_DECIMALS = 6


async def restatements_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query; the newest publication first. Raises `InvalidParameters`."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        kind, team = reader.one_of("kind", KINDS), reader.one_of("team", snapshot.teams)
        bucket = cast(Bucket, reader.one_of("bucket", BUCKETS) or "month")
        by = reader.some_of("by", (*DIMENSIONS, "kind")) or ["category"]
        detail = cast(Detail, reader.one_of("detail", get_args(Detail)[:2]) or "no")
        chain, market = read_basis(reader)
        offset = read_offset(reader, page)
        publications = await read_publications(connection, page.as_of)
        name = reader.text("publication")
        if name is not None and reader.one_of("publication", [each.name for each in publications]):
            publications = [each for each in publications if each.name == name]
        reader.check()
        rows: list[dict[str, Any]] = []
        for publication in publications:
            # An unnamed flow would be added to the use: each has rows of its own.
            wanted = ComparedQuery(
                start=publication.from_day,
                end=publication.to_day,
                bucket=bucket,
                by=frozenset({*by, "flow"}),
                details=detail,
                chain=chain,
                market=market,
                as_of=None if page.as_of == snapshot.newest else page.as_of,
                kinds=publication.kinds if kind is None else [kind],
                team=team,
            )
            if kind is not None and not publication.covers(kind, publication.from_day, publication.to_day):
                continue
            rows += await _restated(connection, publication, wanted, by)
    shown = rows[offset:][: page.limit]
    more = len(rows) > offset + len(shown)
    return answer(snapshot, page, shown, page.next_cursor([offset + len(shown)]) if more else None)


async def _restated(
    connection: psycopg.AsyncConnection, publication: Publication, wanted: ComparedQuery, by: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of a publication that are others now, in one stable order."""
    compared = await read_compared(connection, publication, wanted)
    causes = await read_causes(connection, publication, wanted)

    def rows() -> list[dict[str, Any]]:
        return [
            _row(publication, key, row, causes.get(key, ()), wanted.bucket, by)
            for key, row in compared.items()
            if _is_other(row, causes.get(key, ()))
        ]

    return await asyncio.to_thread(rows)


def _is_other(row: Compared, causes: Sequence[Change]) -> bool:
    return bool(causes) or row.then_quantity != row.quantity or row.reported != row.current


def _row(
    publication: Publication,
    key: RowKey,
    row: Compared,
    causes: Sequence[Change],
    bucket: Bucket,
    by: Sequence[str],
) -> dict[str, Any]:
    unit = display_unit(key.base_unit, key.category)
    words = in_words(publication, key, bucket, row, causes, unit, per_unit(key.base_unit, unit))
    change = None
    if row.then_quantity:
        change = _signed(Fraction(row.quantity - row.then_quantity, row.then_quantity))
    return {
        "publication": publication.name,
        "told_on": publication.told_on.isoformat(),
        "published_at": as_text(publication.published_at),
        "start": key.start.isoformat(),
        "kind": key.kind,
        **{name: value for name in DIMENSIONS if (value := getattr(key, name)) is not None or name in by},
        "unit": unit,
        "before": shown_quantity(row.then_quantity, key.base_unit, unit),
        "after": shown_quantity(row.quantity, key.base_unit, unit),
        "change": change,
        "base_unit": key.base_unit,
        "base_before": str(row.then_quantity),
        "base_after": str(row.quantity),
        "readings": {"before": row.then_readings, "after": row.readings},
        "causes": [
            {
                "cause": each.cause,
                "readings": each.readings,
                "base_difference": str(each.quantity),
            }
            for each in sorted(causes, key=lambda each: (-abs(each.quantity), each.cause))
        ],
        "co2e": {
            "before": kilograms(row.reported),
            "after": kilograms(row.current),
            **(co2e_difference(row) or {"activity": None, "factors": None}),
        },
        "text": words._asdict(),
    }


def _signed(ratio: Fraction) -> str:
    """A ratio with at most 6 decimals: 0.012 is 1.2 % more."""
    scaled = divide_half_even(abs(ratio.numerator) * 10**_DECIMALS, ratio.denominator)
    whole, part = divmod(scaled, 10**_DECIMALS)
    text = f"{whole}.{part:0{_DECIMALS}}".rstrip("0").rstrip(".")
    return f"-{text}" if ratio < 0 and scaled else text
