"""What the tests of publications share: publishing, and another factor."""

from datetime import date, datetime
from typing import Any

import psycopg

from services.query.publications import publications_answer
from services.query.restatements import restatements_answer
from services.store.connection import connect
from services.store.publications import Draft, Publication, publish
from tests.integration.query.asking import ask


def told(dsn: str, name: str, start: str, end: str, **fields: Any) -> Publication:
    """Publish the local days [start, end); it was told on 3 April 2026 unless the fields say otherwise."""
    draft: dict[str, Any] = {
        "kinds": None,
        "as_of": None,
        "told_on": date(2026, 4, 3),
        "told_to": "board",
        "note": "",
        "published_by": "test",
    }
    with connect(dsn) as connection:
        return publish(
            connection,
            Draft(name=name, start=date.fromisoformat(start), end=date.fromisoformat(end), **draft | fields),
        )


def restated(dsn: str, **parameters: str) -> list[dict[str, Any]]:
    """The rows of restatements."""
    rows: list[dict[str, Any]] = ask(dsn, restatements_answer, **parameters)["rows"]
    return rows


def listed(dsn: str, **parameters: str) -> list[dict[str, Any]]:
    """The rows of publications."""
    rows: list[dict[str, Any]] = ask(dsn, publications_answer, **parameters)["rows"]
    return rows


def multiply_factors(dsn: str, category: str, by: str, year: int = 2026) -> datetime:
    """Record versions of a category's factors of a year that are so many times as high; since when."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            """
            INSERT INTO emission_factor (
                kind, category, unit, base_unit, base_units_per_unit, kg_co2e, chain, market, valid_from,
                valid_to, recorded_on, source, certainty, recorded_at, recorded_by
            )
            SELECT kind, category, unit, base_unit, base_units_per_unit, kg_co2e * %(by)s::numeric, chain,
                market, valid_from, valid_to, recorded_on, source, certainty, record_change('test'), 'test'
            FROM factors_known('infinity') AS known
            JOIN (SELECT factor_no, recorded_on FROM emission_factor) AS published USING (factor_no)
            WHERE category = %(category)s AND extract(year FROM valid_from) = %(year)s
            RETURNING recorded_at
            """,
            {"by": by, "category": category, "year": year},
        ).fetchone()
    assert row is not None, f"{category} has no factor of {year}"
    recorded_at: datetime = row[0]
    return recorded_at
