"""Flags in the answer to a post: what is odd about it, as far as that can be told at once.

What is usual is kept behind the batch log by the tracker, which flags every reading in the list too. Here it
only informs: a post is never refused or held up for it. Without an answer of the database within a moment, or
in a large post, there are no flags here.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from schemas.measurement import Measurement
from schemas.odd_values import Flag, Series, Usual, flags_of, of_team, readings_of
from services.intake.database import Database, Unreachable
from services.store.flags import read_usual

LONGEST_SECONDS = 0.1
QUIET_SECONDS = 10.0  # after the database was too slow
KEPT_SECONDS = 5.0
MOST_SERIES = 2_000
MOST_EVENTS = 500

log = logging.getLogger(__name__)


class OddValues:
    """What is usual, as read within the last seconds and with what was posted here since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Series, tuple[float, Usual]] = {}
        self._quiet_until = 0.0

    async def flags(self, accepted: Sequence[tuple[Measurement, dict[str, Any]]]) -> list[list[Flag]]:
        """The flags of each measurement, none for any when they cannot be told now."""
        flags: list[list[Flag]] = [[] for _ in accepted]
        if len(accepted) > MOST_EVENTS or time.monotonic() < self._quiet_until:
            return flags
        readings = [readings_of(measurement) for measurement, _ in accepted]
        wanted = {series for found in readings for own, _ in found for series in (own, of_team(own))}
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._read(wanted)
        except (Unreachable, TimeoutError, psycopg.Error):
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            return flags
        for place, ((measurement, _), found) in enumerate(zip(accepted, readings, strict=True)):
            for series, entry in found:
                own, team = self._known[series][1], self._known[of_team(series)][1]
                own.remove(entry.id)
                team.remove(entry.id)
                flag = flags_of(series, entry, measurement.method or "", own, team)
                if flag is not None:
                    flags[place].append(flag)
                    entry = entry._replace(odd=flag.rule)
                own.add(entry)
                team.add(entry)
        return flags

    async def _read(self, wanted: set[Series]) -> None:
        now = time.monotonic()
        stale = {
            series
            for series in wanted
            if series not in self._known or now - self._known[series][0] > KEPT_SECONDS
        }
        if not stale:
            return
        if len(self._known) > MOST_SERIES:
            self._known = {series: self._known[series] for series in wanted - stale}
        found = await self._database.call(lambda connection: read_usual(connection, stale), LONGEST_SECONDS)
        for series, usual in found.items():
            self._known[series] = (now, usual)
