"""`GET /v1/factors`: which emission factors count, or counted, and every version of them."""

from typing import Any

import psycopg

from schemas.catalogue import KINDS, category_names
from services.query.pages import answer, as_text, read_offset, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.store.factors import FactorsQuery, Row, read_factors
from services.store.snapshot import open_snapshot

PARAMETERS = (
    Parameter("kind", f"only of one of {', '.join(KINDS)}"),
    Parameter("category", "only of this carrier, stream, stage, reason or indicator"),
    Parameter("meter", "what counts for the readings of this energy meter, its supplier's own included"),
    Parameter("on", "only what holds on this local day, like 2026-03-01"),
    Parameter(
        "history", "yes: every version that was recorded, also corrected and withdrawn ones; default no"
    ),
    Parameter("as_of", "as it was known at this moment, like the as_of of an earlier answer"),
    *PAGE,
)


async def factors_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query. Raises `InvalidParameters`. `unlimited`: all rows in one answer."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        kind = reader.one_of("kind", KINDS)
        kinds = [kind] if kind else KINDS
        categories = [name for one in kinds for name in category_names(one)]
        wanted = FactorsQuery(
            kind=kind,
            category=reader.one_of("category", categories),
            meter=reader.text("meter"),
            on=reader.date("on"),
            history=reader.one_of("history", ("yes", "no")) == "yes",
            as_of=page.as_of,
            limit=page.one_more,
            offset=read_offset(reader, page),
        )
        reader.check()
        rows = await read_factors(connection, wanted)
    shown = rows[: page.limit]
    more = len(rows) > len(shown)
    cursor = page.next_cursor([wanted.offset + len(shown)]) if more else None
    return answer(snapshot, page, [_row(row, wanted.history) for row in shown], cursor)


def _row(row: Row, history: bool) -> dict[str, Any]:
    days = {} if history else {"from": row["from"].isoformat(), "to": row["to"].isoformat()}
    return {
        "factor": row["factor_no"],
        "kind": row["kind"],
        "category": row["category"],
        "layer": row["layer"],
        "meter": row["meter"],
        "chain": row["chain"],
        "market": row["market"],
        "kg_co2e": format(row["kg_co2e"], "f"),
        "unit": row["unit"],
        **days,
        "valid_from": row["valid_from"].isoformat(),
        "valid_to": row["valid_to"].isoformat(),
        "published": row["recorded_on"].isoformat(),
        "recorded_at": as_text(row["recorded_at"]),
        "recorded_by": row["recorded_by"],
        "counts": row["counts"],
        "withdrawn": row["withdrawn"],
        "source": row["source"],
        "certainty": row["certainty"],
        "note": row["note"],
    }
