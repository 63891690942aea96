"""Follows the batch log and flags odd readings, whoever posted them; keeps what is usual up to date.

A pass judges the readings of the next batches and keeps what it found with its cursor in one transaction: a
crash repeats a pass and never loses or doubles one.
"""

import psycopg

from schemas.odd_values import Series, Usual, flags_of, of_team, readings_of
from services.store.flags import Judged, forget_replaced, keep, learn_confirmed, next_readings, read_usual


class OddValues:
    """The follower, over one connection of the writer."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def step(self) -> bool:
        """One pass; whether there was anything new. Raises whatever psycopg raises; then nothing was kept."""
        async with self._connection.transaction():
            until, readings = await next_readings(self._connection)
            await learn_confirmed(self._connection)
            if until is None:
                return False
            await forget_replaced(
                self._connection, [measurement for _, measurement in readings if measurement.revision > 1]
            )
            wanted = {
                series
                for _, measurement in readings
                for own, _ in readings_of(measurement)
                for series in (own, of_team(own))
            }
            usual = await read_usual(self._connection, wanted)
            flags: list[Judged] = []
            for source_no, measurement in readings:
                for series, entry in readings_of(measurement):
                    own, team = usual[series], usual[of_team(series)]
                    own.remove(entry.id)
                    team.remove(entry.id)
                    flag = flags_of(series, entry, measurement.method or "", own, team)
                    if flag is not None:
                        entry = entry._replace(odd=flag.rule)
                        flags.append(
                            Judged(source_no, entry.id, measurement.revision, series.unit, entry.amount, flag)
                        )
                    own.add(entry)
                    team.add(entry)
            await keep(self._connection, until, _changed(usual), flags)
        return True


def _changed(usual: dict[Series, Usual]) -> dict[Series, Usual]:
    return {series: found for series, found in usual.items() if found.entries}
