"""`GET /v1/audit`: who changed tokens, factors, targets, configuration, publications; who erased what."""

from typing import Any

import psycopg

from services.query.pages import Page, answer, as_text, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.query.rejects import read_since
from services.store.audit import AuditQuery, Row, audited, read_audit
from services.store.snapshot import open_snapshot

ABOUT = ("configuration", "factor", "publication", "redaction", "target", "token")
PARAMETERS = (
    Parameter("since", "only what was changed since a moment or a local day, like 2026-01-01"),
    Parameter("about", f"only changes of one sort: {', '.join(ABOUT)}"),
    Parameter("subject", "only changes of this one thing, like a target's id"),
    *PAGE,
)


async def audit_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query; a row for each change, the newest first. Raises `InvalidParameters`."""
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(connection, limited=not unlimited) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        sorts = dict.fromkeys([*ABOUT, *await audited(connection)])
        wanted = AuditQuery(
            since=read_since(reader, snapshot),
            about=reader.one_of("about", sorts),
            subject=reader.text("subject"),
            before=_before(reader, page),
            limit=page.one_more,
        )
        reader.check()
        entries = await read_audit(connection, wanted)
    shown = entries[: page.limit]
    cursor = page.next_cursor([shown[-1]["audit_no"]]) if len(entries) > len(shown) else None
    return answer(snapshot, page, [_row(row) for row in shown], cursor)


def _before(reader: Reader, page: Page) -> int | None:
    if page.position is None:
        return None
    match page.position:
        case [int(audit_no)] if 0 <= audit_no < 2**63:
            return audit_no
    reader.refuse("cursor", "is not a cursor of this call")
    return None


def _row(row: Row) -> dict[str, Any]:
    return {
        "at": as_text(row["changed_at"]),
        "by": row["actor"],
        "login": row["login"],
        "about": row["about"],
        "subject": row["subject"],
        "before": row["before"],
        "after": row["after"],
    }
