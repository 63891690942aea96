"""What an import would do: which rows are new, changed, known already, gone or not understood."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from schemas.measurement import Measurement
from services.importing.judge import Judge
from services.importing.ledger import Known, Ledger
from services.importing.reader import Event, LeftOut, NotUnderstood, Outcome, Reader, Reading

CHUNK = 5_000
SHOWN = 20

T = TypeVar("T")


class Change(NamedTuple):
    """A row whose content differs from what counts; it goes out as the next revision."""

    reading: Reading
    before: Known


class Outgoing(NamedTuple):
    """An event to post, and the row that it is; a retraction has none."""

    row: int | None
    event: Event


@dataclass
class Some(Generic[T]):
    """How many there are, and the first of them for people to look at."""

    count: int = 0
    first: list[T] = field(default_factory=list)

    def add(self, item: T) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(item)


@dataclass
class Preview:
    """What was found. `notes` and `left_out`: rows by what there is to say of them."""

    new: Some[Reading] = field(default_factory=Some)
    same: int = 0
    changed: Some[Change] = field(default_factory=Some)
    gone: Some[Known] = field(default_factory=Some)
    not_understood: Some[NotUnderstood] = field(default_factory=Some)
    left_out: dict[str, Some[int]] = field(default_factory=dict)
    notes: dict[str, Some[int]] = field(default_factory=dict)


class Comparison:
    """Compares the rows of one delivery with the ledger.

    Evidence apart: a row that an earlier delivery brought, and this one brings again, has not changed.
    """

    def __init__(self, reader: Reader, ledger: Ledger, judge: Judge) -> None:
        self.preview = Preview()
        self._reader = reader
        self._ledger = ledger
        self._judge = judge
        self._teams: set[str | None] = set()
        self._sources: set[str] = set()
        self._delivered_before = False

    def outgoing(self, outcomes: Iterator[Outcome]) -> Iterator[Outgoing]:
        """The events of new and changed rows, while everything is counted in `preview`."""
        while chunk := list(itertools.islice(outcomes, CHUNK)):
            readings = [outcome for outcome in chunk if isinstance(outcome, Reading)]
            known = self._ledger.known(readings)
            for outcome in chunk:
                if isinstance(outcome, LeftOut):
                    self.preview.left_out.setdefault(outcome.reason, Some()).add(outcome.row)
                elif isinstance(outcome, NotUnderstood):
                    self.preview.not_understood.add(outcome)
                else:
                    event = outcome.event
                    before = known.get((event.get("team"), event["source"], event["id"]))
                    yield from self._compare(outcome, before)

    def retractions(self) -> Iterator[Outgoing]:
        """Retractions of what came with this delivery before and is in it no more; counted as gone.

        They are looked for in the sources that the file still has.
        """
        if not self._delivered_before:
            return
        for source in sorted(self._sources):
            for known in self._ledger.of_delivery(source, self._reader.delivery):
                if self._is_gone(known):
                    self.preview.gone.add(known)
                    yield Outgoing(None, _retraction(known, self._reader.profile.kind))

    def _compare(self, reading: Reading, before: Known | None) -> Iterator[Outgoing]:
        for note in reading.notes:
            self.preview.notes.setdefault(note, Some()).add(reading.row)
        self._teams.add(reading.event.get("team"))
        self._sources.add(reading.event["source"])
        if before is None:
            self.preview.new.add(reading)
            yield Outgoing(reading.row, reading.event)
            return
        self._delivered_before |= before.evidence == self._reader.delivery
        if self._is_same(reading, before):
            self.preview.same += 1
        else:
            self.preview.changed.add(Change(reading, before))
            yield Outgoing(reading.row, {**reading.event, "revision": before.revision + 1})

    def _is_same(self, reading: Reading, before: Known) -> bool:
        if before.retracted:
            return False
        if reading.measurement.fingerprint == before.fingerprint:
            return True
        if before.content.get("erased"):
            return before.measured_the_same(reading.measurement)
        measured = self._judge.measure(_with_evidence(reading.event, before.evidence))
        return isinstance(measured, Measurement) and measured.fingerprint == before.fingerprint

    def _is_gone(self, known: Known) -> bool:
        if not self._teams & {None, known.team}:
            return False
        identities = self._reader.identities
        return not any(identities.has_given(team, known.source, known.id) for team in (None, known.team))


def _with_evidence(event: Event, evidence: str | None) -> Event:
    data = {name: value for name, value in event["data"].items() if name != "evidence"}
    return {**event, "data": data if evidence is None else {**data, "evidence": evidence}}


def _retraction(known: Known, kind: str) -> Event:
    return {
        "specversion": "1.0",
        "type": f"nl.groenmeter.{kind}.v1",
        "source": known.source,
        "id": known.id,
        "team": known.team,
        "revision": known.revision + 1,
        "retracted": True,
    }
