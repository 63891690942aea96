"""What the ledger already holds of a profile's sources."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from schemas.calendar import from_microseconds, to_microseconds
from schemas.measurement import Measurement
from services.client import Door
from services.importing.profile import KEY_WORDS, Profile
from services.importing.reader import Reading

Name = tuple[str | None, str, str]

_DAY = timedelta(days=1)
_MOST_ROWS = "10000"


class Known(NamedTuple):
    """The revision of a measurement that counts.

    `evidence`: the delivery that it came from; `content`: the revision as the door shows it.
    """

    team: str
    source: str
    id: str
    revision: int
    retracted: bool
    fingerprint: bytes
    evidence: str | None
    content: Mapping[str, Any]

    def measured_the_same(self, measurement: Measurement) -> bool:
        """Whether all but free text is the same: with an erased text the fingerprint tells nothing.

        The site is not compared: here the real organisation's main site is not known.
        """
        shown = self.content
        amounts = [(amount["base_unit"], int(amount["base_quantity"])) for amount in shown["amounts"]]
        posted = None if measurement.posted is None else json.loads(measurement.posted)
        return (
            (measurement.start, measurement.end) == (_instant(shown["start"]), _instant(shown["end"]))
            and all(
                getattr(measurement, name) == shown[name] for name in ("category", "flow", "method", "meter")
            )
            and (measurement.amounts() == amounts or posted == shown["posted"])
        )


class Ledger:
    """Looks up what is known of rows, over HTTP.

    When the key holds the time, rows are looked up by source and the days that they cover; otherwise a row
    may have moved to another day, and the whole of each source is read once.
    """

    def __init__(self, door: Door, profile: Profile) -> None:
        self._door = door
        self._kind = profile.kind
        self._by_period = not KEY_WORDS.isdisjoint(profile.key)
        self._whole: dict[str, dict[Name, Known]] = {}

    def known(self, readings: Sequence[Reading]) -> dict[Name, Known]:
        """What is known of these rows, by team, source and id, and by None for the team as well."""
        by_source = defaultdict(list)
        for reading in readings:
            by_source[reading.event["source"]].append(reading)
        found: dict[Name, Known] = {}
        for source, rows in by_source.items():
            if self._by_period:
                found |= _by_name(self._read(source, *self._days(rows)))
            else:
                if source not in self._whole:
                    self._whole[source] = _by_name(self._read(source))
                found |= self._whole[source]
        return found

    def of_delivery(self, source: str, delivery: str) -> Iterator[Known]:
        """What counts in a source and came with this delivery."""
        return (known for known in self._read(source) if not known.retracted and known.evidence == delivery)

    def _read(self, source: str, first: date | None = None, end: date | None = None) -> Iterator[Known]:
        period = {"from": first.isoformat(), "to": end.isoformat()} if first and end else {}
        return map(_known, self._door.events(kind=self._kind, source=source, limit=_MOST_ROWS, **period))

    def _days(self, readings: Sequence[Reading]) -> tuple[date, date]:
        """Whole days that hold the rows in the organisation's zone, whichever that is."""
        starts = [reading.measurement.start or 0 for reading in readings]
        first, last = (from_microseconds(instant).date() for instant in (min(starts), max(starts)))
        return first - _DAY, last + 2 * _DAY


def _by_name(rows: Iterable[Known]) -> dict[Name, Known]:
    found: dict[Name, Known] = {}
    for known in rows:
        found[known.team, known.source, known.id] = known
        found[None, known.source, known.id] = known
    return found


def _instant(text: str | None) -> int | None:
    return None if text is None else to_microseconds(datetime.fromisoformat(text))


def _known(row: Mapping[str, Any]) -> Known:
    newest = row["revisions"][0]
    return Known(
        team=row["team"],
        source=row["source"],
        id=row["id"],
        revision=row["revision"],
        retracted=newest["retracted"],
        fingerprint=bytes.fromhex(newest["fingerprint"]),
        evidence=(newest["texts"] or {}).get("evidence"),
        content=newest,
    )
