"""`GET /v1/flags`: what was counted and looks odd, until somebody confirms or corrects it."""

from typing import Any

import psycopg

from services.query.pages import answer, as_text, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.store.flags import Row, read_flags
from services.store.snapshot import open_snapshot

PARAMETERS = (
    Parameter("team", "only this team; a team's token reads its own only"),
    Parameter("state", "open: neither confirmed nor corrected (default); all: those too"),
    *PAGE,
)
STATES = ("open", "all")


async def flags_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, own_team: str | None = None, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query; a row for each flag. Raises `InvalidParameters`."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(connection, limited=not unlimited) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        team = reader.one_of("team", snapshot.teams) or own_team
        closed_too = reader.one_of("state", STATES) == "all"
        after = None
        if page.position is not None:
            match page.position:
                case [int(number)] if 0 <= number < 2**63:
                    after = number
                case _:
                    reader.refuse("cursor", "is not a cursor of this call")
        reader.check()
        flags = await read_flags(connection, team, closed_too, after, page.one_more)
    shown = flags[: page.limit]
    cursor = page.next_cursor([shown[-1]["flag_no"]]) if len(flags) > len(shown) else None
    return answer(snapshot, page, [_row(row) for row in shown], cursor)


def _row(row: Row) -> dict[str, Any]:
    return {
        "flag": row["flag_no"],
        "team": row["team"],
        "kind": row["kind"],
        "source": row["source"],
        "id": row["id"],
        "revision": row["revision"],
        "rule": row["rule"],
        "field": row["field"],
        "reason": {"nl": row["nl"], "en": row["en"]},
        "base_unit": row["unit"],
        "base_quantity": str(row["amount"]),
        "usual": None if row["usual"] is None else str(row["usual"]),
        "flagged_at": as_text(row["flagged_at"]),
        "state": row["state"],
        "confirmed_at": None if row["confirmed_at"] is None else as_text(row["confirmed_at"]),
        "confirmed_by": row["confirmed_by"],
    }
