"""Names and units of the catalogues as rows: dashboards show them."""

from collections.abc import Iterator

import psycopg

from schemas.catalogue import CARRIERS, INDICATORS, KINDS, UNITS, base_units, category_names

_NAME = """
INSERT INTO catalogue_name (kind, category, nl, en) VALUES (%s, %s, %s, %s)
ON CONFLICT (kind, category) DO UPDATE SET nl = excluded.nl, en = excluded.en
"""
_UNIT = """
INSERT INTO shown_unit (kind, category, base_unit, unit, per) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (kind, category, base_unit) DO UPDATE SET unit = excluded.unit, per = excluded.per
"""

_SHOWN = {"mg": "kg", "cent": "EUR"}


def write_names(connection: psycopg.Connection) -> None:
    """Bring the names and units in the database to those of the catalogues."""
    with connection.cursor() as cursor:
        cursor.executemany(_NAME, list(_names()))
        cursor.executemany(_UNIT, list(_units()))
    # Without figures about these small tables the planner reads the rollups once for each factor.
    connection.execute("ANALYZE catalogue_name, shown_unit, emission_factor")


def _names() -> Iterator[tuple[str, str, str, str]]:
    for kind in KINDS:
        for entry in category_names(kind).values():
            yield kind, entry.slug, entry.nl, entry.en


def _units() -> Iterator[tuple[str, str, str, str, int]]:
    for kind in KINDS:
        for category in category_names(kind):
            for base_unit in (*base_units(kind, category), "cent"):
                unit = _shown(kind, category, base_unit)
                yield kind, category, base_unit, unit, UNITS[unit].per_unit if unit in UNITS else 1


def _shown(kind: str, category: str, base_unit: str) -> str:
    """The unit of a catalogue's own where it names one, as the totals show it elsewhere."""
    if kind == "energy" and base_unit != "cent":
        return CARRIERS[category].display_unit
    if kind == "activity" and base_unit != "cent":
        return INDICATORS[category].unit
    return _SHOWN.get(base_unit, base_unit)
