"""The emission factors as rows that totals join with."""

from collections.abc import Sequence

import psycopg

from schemas.catalogue import UNITS
from schemas.factors import Factor

_INSERT = """
INSERT INTO emission_factor VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def write_factors(connection: psycopg.Connection, factors: Sequence[Factor]) -> None:
    """Add the footprint factors that are not there yet; none is ever changed.

    A factor that holds on every market basis becomes a row for each, so that reading needs no rule.
    """
    rows = [
        (
            factor.kind,
            factor.category,
            factor.unit,
            UNITS[factor.unit].base_unit,
            factor.per_unit,
            factor.kg_co2e,
            factor.chain,
            market,
            factor.valid_from,
            factor.valid_to,
            factor.recorded,
            factor.source,
            factor.certainty,
        )
        for factor in factors
        if factor.purpose == "footprint"
        for market in (("location", "market") if factor.market == "any" else (factor.market,))
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
