"""Erasing text at the door: from open and closed records of the spool, and from what is posted once more.

A record that lost a text says so in a header, with the keyed fingerprint of the whole content: counted from
here, after a restore, the event is the same measurement as the one that was posted, and a repeat of that one
is a repeat.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from schemas.json_text import read_json, write_json
from schemas.measurement import Context, Measurement, measure
from schemas.redaction import Identity, Redactions, content_fingerprint, marks, texts_of, without_texts
from schemas.topics import ERASED, DoorHeaders, Topic
from services.intake.configuration import ConfigurationKeeper
from services.intake.database import Database, Unreachable
from services.intake.erasing_progress import erased_up_to, note_erased_up_to
from services.intake.problem_details import TryAgain
from services.intake.records import Record
from services.intake.spool import Spool, SpoolFull
from services.store.configuration import Configuration
from services.store.redactions import load_redactions, newest_redaction

LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


class Redacting:
    """Follows the redactions of the database: for what is posted, and for the spool, if there is one."""

    def __init__(
        self, database: Database, keeper: ConfigurationKeeper, spool: Spool | None, directory: Path | None
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._spool = spool
        self._directory = directory
        self._redactions = Redactions(b"")
        self._look_again_after: int | None = None

    async def run(self) -> None:
        """Follow for ever; without the database, go on with what is known."""
        if self._spool is not None:  # what comes in before the first look
            self._look_again_after = self._spool.last_number
        while True:
            try:
                newest = await self._database.call(newest_redaction)
                if newest != self._redactions.number:
                    self._redactions = await self._database.call(_load)
                await self._follow()
            except (Unreachable, TryAgain, SpoolFull, OSError) as error:
                log.debug("redactions are followed later: %s", type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    def without_erased(
        self, accepted: Iterable[tuple[Measurement, object]], records: list[Record]
    ) -> list[Record]:
        """The records of accepted measurements without the texts that are erased; mostly there are none."""
        redactions = self._redactions
        if not redactions or not any(redactions.applied(measurement)[1] for measurement, _ in accepted):
            return records
        configuration = self._keeper.current
        return [scrubbed(record, redactions, configuration) or record for record in records]

    async def _follow(self) -> None:
        """Erase from the spool; once more a little later from what was on its way into it meanwhile."""
        if self._spool is None or self._directory is None:
            return
        if self._look_again_after is not None:
            await self._rewrite(self._look_again_after)
            self._look_again_after = None
        if self._redactions.number == erased_up_to(self._directory):
            return
        after = self._spool.last_number
        await self._rewrite(0)
        note_erased_up_to(self._directory, self._redactions.number)
        self._look_again_after = after

    async def _rewrite(self, after: int) -> None:
        redactions, configuration = self._redactions, self._keeper.current
        if self._spool is not None and redactions:
            number = await self._spool.rewrite(
                lambda record: scrubbed(record, redactions, configuration), after
            )
            log.info("free text was erased from %d records of the spool", number)


def scrubbed(record: Record, redactions: Redactions, configuration: Configuration) -> Record | None:
    """The record without erased texts; None where it holds none."""
    headers = dict(record.headers)
    kind = Topic.of_name(record.topic).kind
    if not redactions.concern(kind):
        return None
    notes: dict[str, Any] = json.loads(headers.get(ERASED, b"{}"))
    events = read_json(record.value)
    changed = False
    for position, event in enumerate(events):
        identity = Identity(event["team"], kind, event["source"], event["id"])
        erased = redactions.erased(identity, texts_of(event))
        if erased:
            changed = True
            note = notes.setdefault(
                str(position), {"content": _content(event, headers, redactions, configuration)}
            )
            note["fields"] = note.get("fields", {}) | marks(erased)
            events[position] = without_texts(event, erased)
    if not changed:
        return None
    value = write_json(events).encode()
    return replace(
        record, value=value, headers=list((headers | {ERASED: json.dumps(notes).encode()}).items())
    )


def _content(
    event: Mapping[str, Any],
    headers: Mapping[str, bytes],
    redactions: Redactions,
    configuration: Configuration,
) -> str | None:
    """The keyed fingerprint of an event as it was posted, in hexadecimal digits."""
    door = DoorHeaders.decode(headers)
    if door is None:
        return None
    version = configuration.numbered(door.configuration) or configuration.at(door.received)
    measured = measure(event, Context(version.organisation, configuration.calendar, door.received))
    if not isinstance(measured, Measurement):
        return None
    return content_fingerprint(redactions.key, measured.fingerprint).hex()


async def _load(connection: psycopg.AsyncConnection) -> Redactions:
    async with connection.transaction():
        return await load_redactions(connection)
