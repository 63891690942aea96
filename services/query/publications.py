"""`GET /v1/publications`: what was told to whom: figures, as of when, with which versions of the factors."""

from typing import Any

import psycopg

from schemas.grams import kilograms
from services.query.pages import answer, as_text, read_offset, read_page
from services.query.parameters import PAGE, Pairs, Parameter, Reader
from services.query.totals import BASIS, display_unit, read_basis, shown_quantity
from services.store.publications import Figure, Publication, read_figures, read_publications
from services.store.snapshot import open_snapshot

PARAMETERS = (
    Parameter("name", "only the publication of this name"),
    Parameter("as_of", "what was published at this moment, like the as_of of an earlier answer"),
    BASIS,
    *PAGE,
)


async def publications_answer(
    connection: psycopg.AsyncConnection, pairs: Pairs, by_whom: bool = True, unlimited: bool = False
) -> dict[str, Any]:
    """The answer to a query; the newest publication first. Raises `InvalidParameters`.

    `by_whom`: with the account that published. `unlimited`: all rows in one answer.
    """
    reader = Reader(pairs, PARAMETERS)
    async with open_snapshot(
        connection, settled=reader.text("as_of") is not None, limited=not unlimited
    ) as snapshot:
        page = await read_page(connection, reader, pairs, snapshot, unlimited)
        chain, market = read_basis(reader)
        offset = read_offset(reader, page)
        publications = await read_publications(connection, page.as_of)
        name = reader.text("name")
        if name is not None and reader.one_of("name", [each.name for each in publications]):
            publications = [each for each in publications if each.name == name]
        reader.check()
        shown = publications[offset:][: page.limit]
        rows = [_row(each, await read_figures(connection, each, chain, market), by_whom) for each in shown]
    more = len(publications) > offset + len(shown)
    return answer(snapshot, page, rows, page.next_cursor([offset + len(shown)]) if more else None)


def _row(publication: Publication, figures: list[Figure], by_whom: bool) -> dict[str, Any]:
    return {
        "publication": publication.name,
        "from": publication.from_day.isoformat(),
        "to": publication.to_day.isoformat(),
        "kinds": None if publication.kinds is None else list(publication.kinds),
        "told_on": publication.told_on.isoformat(),
        "told_to": publication.told_to,
        "note": publication.note,
        "as_of": as_text(publication.as_of),
        "configuration": publication.configuration,
        "published_at": as_text(publication.published_at),
        "published_by": publication.published_by if by_whom else None,
        "figures": [_figure(figure) for figure in figures],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    unit = display_unit(figure.base_unit, figure.category)
    return {
        "kind": figure.kind,
        "category": figure.category,
        "flow": figure.flow,
        "unit": unit,
        "quantity": shown_quantity(figure.base_quantity, figure.base_unit, unit),
        "base_unit": figure.base_unit,
        "base_quantity": str(figure.base_quantity),
        "readings": figure.readings,
        "co2e": kilograms(figure.reported),
        "factors": list(figure.factors),
    }
