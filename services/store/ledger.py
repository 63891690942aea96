"""Writing one batch: ledger, identities, rollups, rejects, offsets and batch log in one transaction.

Locks are taken in one order by every worker: offsets, replays, sources, identities, leaves, rollups (days,
months, hours, days of sources, days and hours of meters), each sorted, and last the lock of the batch log.
Unsorted, workers deadlock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb
from psycopg.types.string import BytesBinaryDumper
from pydantic_core import to_json

from schemas.calendar import Calendar, from_microseconds, to_microseconds
from schemas.json_text import write_json
from schemas.layouts import Written
from schemas.measurement import Measurement
from schemas.problems import Problem
from schemas.redaction import Identity, Redactions, marks, without_quotes
from services.fail_points import fail_point
from services.store.deltas import Change, Deltas, Leaf, meter_rows
from services.store.queries import query
from services.store.redactions import load_redactions
from services.store.rejects import Replay, close_replays, lock_replays
from services.store.revisions import Outcome, Revision, conflict_problem, settle
from services.store.side_tables import SideRows, side_rows

SourceKey = tuple[str, str, str]
IdentityKey = tuple[int, str]

# The types of the columns of `copy_identities` and `copy_measurements`, in binary: a third of the time of
# text. A moment is eight bytes of microseconds since 2000; jsonb is a text behind the number of its format.
_IDENTITY_TYPES = ("int4", "text", "int4", "bytea")
_MEASUREMENT_TYPES = (
    *("int8", "int8", "int4", "text", "int4", "bool", "bytea", "int8", "int4", "text", "int8", "int8"),
    *("text", "text", "text", "text", "bool", "int8", "text", "int8", "int8", "text", "text"),
)
_FREE_TEXT_TYPES = ("int4", "text", "int4", "text", "text")
_BINARY_EPOCH = to_microseconds(datetime(2000, 1, 1, tzinfo=UTC))
_BINARY_JSONB = "\x01"
_IDENTITY_KEY = "identity_pkey"


class Span(NamedTuple):
    """Records of one partition of one log that a batch holds: offsets `first` to `last`, inclusive."""

    log: str
    topic: str
    partition: int
    first: int
    last: int


class Provenance(NamedTuple):
    """Where an event came from.

    `origin` names the record for ever (the door's record id, or log/topic/partition/offset), `position` the
    event within it. `received`: the moment of receipt, microseconds since 1970. `receipt`: the door's, None
    on an integrator's topic. `event`: the event as it came (the bytes of a record that could not be read),
    kept for a reject only.
    """

    origin: str
    position: int
    topic: str
    received: int
    token_no: int | None
    receipt: str | None
    event: object


@dataclass(frozen=True, slots=True)
class Reject:
    """An event, or a record that could not be read as events, that does not count, and why."""

    provenance: Provenance
    problems: tuple[Problem, ...]
    kind: str | None = None
    team: str | None = None
    source: str | None = None
    id: str | None = None


@dataclass(slots=True)  # frozen, making one would take three times as long
class Accepted:
    """A measurement that was accepted, where it came from, and what was erased of it: which field when.

    `alike`: what else may stand in the ledger for the same content.
    """

    provenance: Provenance
    measurement: Measurement
    erased: Mapping[str, datetime] | None = None
    alike: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Batch:
    """What one worker read and judged; everything in it is committed together or not at all.

    `receipts`: the receipt of each record id of the door in this batch. `replays`: those that have records
    in it, by their receipts.
    """

    worker: str
    spans: list[Span] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)


class Counts(NamedTuple):
    """What became of the events of a batch."""

    added: int
    repeats: int
    rejected: int


class FencedError(Exception):
    """A part of these records was counted already, by this or another worker; nothing was written."""

    def __init__(self, spans: Sequence[Span]) -> None:
        super().__init__(", ".join(f"{span.topic}/{span.partition} at {span.first}" for span in spans))
        self.spans = spans


class _NewOwnMeter(Exception):
    """While this batch was written a meter got a factor of its own: its sums are kept apart from now on."""


class Ledger:
    """Writes batches over one connection; remembers the numbers of sources and leaves it has seen.

    And the meters with factors of their own. There are never fewer of them, so their number tells, at the end
    of a batch and under the lock of the batch log, whether another one came; then it is written again.
    """

    def __init__(self, connection: psycopg.AsyncConnection, calendar: Calendar) -> None:
        self._connection = connection
        self._calendar = calendar
        self._sources: dict[SourceKey, int] = {}
        self._leaves: dict[Leaf, int] = {}
        self._redactions = Redactions(b"")
        self._repeats_come = False
        self._own_meters: frozenset[tuple[str, str]] | None = None

    async def record(self, batch: Batch) -> Counts:
        """Commit a batch. Raises `FencedError`, and whatever psycopg raises; then nothing was written."""
        while True:
            try:
                return await self._record_once(batch)
            except _NewOwnMeter:
                self._own_meters = None

    async def _record_once(self, batch: Batch) -> Counts:
        committed = False
        try:
            async with self._connection.transaction():
                counts = await self._record(batch)
            committed = self._connection.info.transaction_status == TransactionStatus.IDLE
            return counts
        finally:
            if not committed:
                # Numbers that were given out in a transaction that did not commit, or not yet, are void.
                self._sources.clear()
                self._leaves.clear()

    async def _record(self, batch: Batch) -> Counts:
        await self._advance_offsets(batch.spans)
        batch_id, written_at, redactions = await self._begin()
        own_meters = await self._read_own_meters()
        accepted, second = await self._without_second_replays(batch)
        if redactions:
            accepted = [_without_erased(item, redactions) for item in accepted]
        arrivals = await self._settle(accepted)
        deltas = Deltas(self._calendar, own_meters)
        for arrival in arrivals:
            if arrival.superseded is not None:
                deltas.add(arrival.superseded, -1)
            if arrival.counts:
                deltas.add(arrival.item.measurement, 1)
        added = [arrival for arrival in arrivals if arrival.outcome == "new"]
        side = side_rows(added)
        await self._write_measurements(batch_id, written_at, added)
        await self._write_side_rows(batch_id, written_at, side)
        await self._write_rollups(deltas)
        rejects = sorted(
            [*batch.rejects, *second, *(arrival.as_reject() for arrival in arrivals if arrival.conflicts)],
            key=lambda reject: (reject.provenance.origin, reject.provenance.position),
        )
        await self._write_rejects(batch_id, rejects, redactions)
        await self._write_receipts(batch.receipts, arrivals, rejects)
        if batch.replays:
            await close_replays(self._connection, batch_id, sorted(batch.replays))
        counts = Counts(
            len(added),
            sum(arrival.outcome == "repeat" for arrival in arrivals),
            len(rejects),
        )
        await self._connection.execute(query("lock_batch_log"))
        cursor = await self._connection.execute(
            query("close_batch"),
            {
                "batch_id": batch_id,
                "worker": batch.worker,
                "events": sum(counts),
                **counts._asdict(),
                "oldest": side.oldest,
            },
        )
        if await cursor.fetchone() != (len(own_meters),):
            raise _NewOwnMeter
        fail_point("before-commit")
        return counts

    async def _read_own_meters(self) -> frozenset[tuple[str, str]]:
        if self._own_meters is None:
            cursor = await self._connection.execute(query("own_meters"))
            self._own_meters = frozenset([(category, meter) async for category, meter in cursor])
        return self._own_meters

    async def _begin(self) -> tuple[int, datetime, Redactions]:
        """The batch's id, the moment of its rows, and what is erased: that stays so until the commit."""
        row = await (await self._connection.execute(query("begin_batch"))).fetchone()
        if row is None:
            raise RuntimeError("the database gave no batch id")
        batch_id, written_at, newest = row
        if self._redactions.number != (newest or 0):
            self._redactions = await load_redactions(self._connection)
        return batch_id, written_at, self._redactions

    async def _advance_offsets(self, spans: Sequence[Span]) -> None:
        fenced = []
        for span in sorted(spans):
            cursor = await self._connection.execute(query("advance_offset"), span._asdict())
            if cursor.rowcount == 0:
                fenced.append(span)
        if fenced:
            raise FencedError(fenced)

    async def _without_second_replays(self, batch: Batch) -> tuple[list[Accepted], list[Reject]]:
        """What was accepted; apart, what was posted for a reject of which another replay counts."""
        if not batch.replays:
            return batch.accepted, []
        counting = await lock_replays(self._connection, batch.replays.values())
        second = batch.replays.keys() - counting
        return (
            [item for item in batch.accepted if item.provenance.receipt not in second],
            [_second_replay(item) for item in batch.accepted if item.provenance.receipt in second],
        )

    async def _settle(self, accepted: Sequence[Accepted]) -> "list[Arrival]":
        """Lock every identity of the batch and decide about each event.

        First as if every measurement were new, which is mostly true and then takes one statement.
        """
        keys = [_source_key(item.measurement) for item in accepted]
        await self._number_sources(set(keys))
        arrivals = [Arrival(item, self._sources[key]) for item, key in zip(accepted, keys, strict=True)]
        rows = {arrival.identity: arrival.as_identity() for arrival in arrivals}
        if len(rows) < len(arrivals):
            for identity, group in _by_identity(arrivals).items():
                if len(group) > 1:
                    rows[identity] = (*identity, *_settle_group(group, {}))
        existing = await self._insert_identities(sorted(rows.values()))
        if existing:
            await self._settle_existing(existing, _by_identity(arrivals))
        return arrivals

    async def _number_sources(self, keys: set[SourceKey]) -> None:
        unknown = sorted(keys - self._sources.keys())
        if not unknown:
            return
        columns = [list(column) for column in zip(*unknown, strict=True)]
        await self._connection.execute(query("insert_sources"), columns)
        cursor = await self._connection.execute(query("number_sources"), columns)
        async for team, kind, source, number in cursor:
            self._sources[team, kind, source] = number

    async def _insert_identities(self, rows: list[tuple[int, str, int, bytes]]) -> list[IdentityKey]:
        """Insert what is new; returns the identities that were there already.

        Of what is all new, copying takes half the time that inserting beside what is there takes; it is tried
        as long as no repeats come.
        """
        if not rows:
            return []
        if not self._repeats_come and await self._copy_identities(rows):
            return []
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor = await self._connection.execute(query("insert_identities"), columns)
        existing = [(number, id_) async for number, id_ in cursor]
        self._repeats_come = bool(existing)
        return existing

    async def _copy_identities(self, rows: list[tuple[int, str, int, bytes]]) -> bool:
        """Whether all were new; if not, nothing was written."""
        try:
            async with self._connection.transaction():
                await self._copy("copy_identities", _IDENTITY_TYPES, rows)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name != _IDENTITY_KEY:
                raise
            return False
        return True

    async def _copy(self, name: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        async with self._connection.cursor() as cursor:
            # psycopg would take the slow one, of the DB-API's Binary.
            cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
            async with cursor.copy(query(name)) as copy:
                copy.set_types(types)
                for row in rows:
                    # `write_row` of `copy` does the same in a coroutine of its own for each row.
                    if block := copy.formatter.write_row(row):
                        await copy.write(block)

    async def _settle_existing(
        self, existing: list[IdentityKey], groups: "Mapping[IdentityKey, list[Arrival]]"
    ) -> None:
        columns = [list(column) for column in zip(*sorted(existing), strict=True)]
        cursor = await self._connection.execute(query("lock_identities"), columns)
        known: dict[IdentityKey, dict[int, bytes]] = {
            (number, id_): {revision: fingerprint} async for number, id_, revision, fingerprint in cursor
        }
        corrected = [
            identity
            for identity in sorted(existing)
            if any(arrival.item.measurement.revision not in known[identity] for arrival in groups[identity])
        ]
        ledger = await self._revisions(corrected, groups)
        changed = []
        for identity in sorted(existing):
            revisions = {number: row.fingerprint for number, row in ledger[identity].items()}
            counted = _settle_group(groups[identity], revisions or known[identity])
            winner = next((arrival for arrival in groups[identity] if arrival.counts), None)
            if winner is not None:
                winner.superseded = ledger[identity][max(revisions)]
                changed.append((*identity, *counted))
        if changed:
            columns = [list(column) for column in zip(*changed, strict=True)]
            await self._connection.execute(query("update_identities"), columns)

    async def _revisions(
        self, identities: list[IdentityKey], groups: "Mapping[IdentityKey, list[Arrival]]"
    ) -> defaultdict[IdentityKey, dict[int, Measurement]]:
        """Every revision in the ledger of these identities."""
        ledger: defaultdict[IdentityKey, dict[int, Measurement]] = defaultdict(dict)
        if identities:
            columns = [list(column) for column in zip(*identities, strict=True)]
            cursor = await self._connection.execute(query("revisions"), columns)
            async for number, id_, *row in cursor:
                team, kind, source = _source_key(groups[number, id_][0].item.measurement)
                measurement = _from_row(team, kind, source, id_, row)
                ledger[number, id_][measurement.revision] = measurement
        return ledger

    async def _write_measurements(self, batch_id: int, written_at: datetime, added: "list[Arrival]") -> None:
        if not added:
            return
        moment = to_microseconds(written_at) - _BINARY_EPOCH
        rows = (arrival.as_row(moment, batch_id) for arrival in added)
        await self._copy("copy_measurements", _MEASUREMENT_TYPES, rows)
        fail_point("after-copy")
        texts = [
            (*arrival.identity, arrival.item.measurement.revision, *_text_columns(arrival.item))
            for arrival in added
            if arrival.item.measurement.free_text or arrival.item.erased
        ]
        if texts:
            await self._copy("copy_free_text", _FREE_TEXT_TYPES, texts)

    async def _write_side_rows(self, batch_id: int, written_at: datetime, side: SideRows) -> None:
        for name, rows in (("insert_received_late", side.late), ("insert_corrections", side.corrections)):
            if rows:
                columns = [list(column) for column in zip(*rows, strict=True)]
                await self._connection.execute(query(name), (written_at, batch_id, *columns))

    async def _write_rollups(self, deltas: Deltas) -> None:
        unknown = sorted(deltas.leaves() - self._leaves.keys(), key=_sortable)
        if unknown:
            columns = [list(column) for column in zip(*unknown, strict=True)]
            await self._connection.execute(query("insert_leaves"), columns)
            cursor = await self._connection.execute(query("number_leaves"), columns)
            async for number, *leaf in cursor:
                self._leaves[Leaf(*leaf)] = number
        days = deltas.days
        await self._add_up("add_to_days", days.items())
        await self._add_up("add_to_months", days.items())
        hours = (((leaf, from_microseconds(hour)), change) for (leaf, hour), change in deltas.hours.items())
        await self._add_up("add_to_hours", hours)
        await self._add_cover(deltas)
        for name, sums in meter_rows(deltas, self._leaves).items():
            columns = [list(column) for column in zip(*sums, strict=True)]
            await self._connection.execute(query(name), columns)

    async def _add_up(self, name: str, rows: Iterable[tuple[tuple[Leaf, Any], Change]]) -> None:
        sums = sorted(
            (self._leaves[leaf], bucket, change.quantity, change.readings)
            for (leaf, bucket), change in rows
            if change.quantity or change.readings
        )
        if sums:
            columns = [list(column) for column in zip(*sums, strict=True)]
            await self._connection.execute(query(name), columns)

    async def _add_cover(self, deltas: Deltas) -> None:
        covers = sorted(
            (
                self._leaves[series.leaf],
                self._sources[series.leaf.team, series.leaf.kind, series.source],
                series.span,
                day,
                cover.readings,
                cover.microseconds,
            )
            for (series, day), cover in deltas.covers.items()
            if cover.readings or cover.microseconds
        )
        if covers:
            columns = [list(column) for column in zip(*covers, strict=True)]
            await self._connection.execute(query("add_to_source_days"), columns)

    async def _write_rejects(self, batch_id: int, rejects: Sequence[Reject], redactions: Redactions) -> None:
        if not rejects:
            return
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                query("insert_reject"), [(batch_id, *_reject_row(reject, redactions)) for reject in rejects]
            )

    async def _write_receipts(
        self, receipts: Mapping[str, str], arrivals: "list[Arrival]", rejects: Sequence[Reject]
    ) -> None:
        if not receipts:
            return
        parts = {record_id: [0, 0, 0] for record_id in receipts}
        outcomes = [
            *(
                (arrival.item.provenance, arrival.outcome == "repeat")
                for arrival in arrivals
                if not arrival.conflicts
            ),
            *((reject.provenance, 2) for reject in rejects),
        ]
        told = set()  # a record that was sent again may be in one batch with itself
        for provenance, column in outcomes:
            event = provenance.origin, provenance.position
            if provenance.origin in parts and event not in told:
                told.add(event)
                parts[provenance.origin][column] += 1
        rows = [(record_id, receipts[record_id], *parts[record_id]) for record_id in sorted(parts)]
        async with self._connection.cursor() as cursor:
            await cursor.executemany(query("insert_receipt_part"), rows)


class Arrival:
    """An accepted event on its way into the ledger, and what became of it: new as far as we know."""

    __slots__ = ("counts", "highest", "identity", "item", "outcome", "superseded")

    def __init__(self, item: Accepted, source_no: int) -> None:
        self.item = item
        self.identity: IdentityKey = (source_no, item.measurement.id)
        self.outcome: Outcome = "new"
        self.counts = True
        self.highest = item.measurement.revision
        self.superseded: Measurement | None = None

    def as_identity(self) -> tuple[int, str, int, bytes]:
        """The columns of `copy_identities`, for the only arrival of its measurement."""
        measurement = self.item.measurement
        source_no, id_ = self.identity
        return source_no, id_, measurement.revision, measurement.fingerprint

    @property
    def revision(self) -> Revision:
        """Its revision, as it is settled."""
        measurement = self.item.measurement
        return Revision(measurement.revision, measurement.fingerprint, self.item.alike)

    @property
    def conflicts(self) -> bool:
        """Whether other content is in the ledger under its revision."""
        return self.outcome == "conflict"

    def as_reject(self) -> Reject:
        """The reject that a conflict is."""
        return _as_reject(self.item, conflict_problem(self.item.measurement.revision, self.highest))

    def as_row(self, written_at: int, batch_id: int) -> tuple[Any, ...]:
        """The columns of `copy_measurements`; `written_at` as binary."""
        measurement, provenance = self.item.measurement, self.item.provenance
        start, end, posted = measurement.start, measurement.end, measurement.posted
        source_no, id_ = self.identity
        return (
            written_at,
            batch_id,
            source_no,
            id_,
            measurement.revision,
            measurement.retracted,
            measurement.fingerprint,
            provenance.received - _BINARY_EPOCH,
            provenance.token_no,
            provenance.origin,
            None if start is None else start - _BINARY_EPOCH,
            None if end is None else end - _BINARY_EPOCH,
            measurement.category,
            measurement.flow,
            measurement.site,
            measurement.method,
            measurement.detail,
            measurement.quantity,
            measurement.unit,
            measurement.pieces,
            measurement.cost,
            measurement.meter,
            None if posted is None else _BINARY_JSONB + posted,
        )


def _as_reject(item: Accepted, problem: Problem) -> Reject:
    measurement = item.measurement
    return Reject(
        item.provenance,
        (problem,),
        measurement.kind,
        measurement.team,
        measurement.source,
        measurement.id,
    )


def _second_replay(item: Accepted) -> Reject:
    problem = "its reject was posted again twice, before and after a restore, and only one of them counts"
    hint = "`groenmeter rejects --all` shows which; put this one aside with --dismiss, or replay it as well"
    return _as_reject(item, Problem("", problem, None, hint))


def _settle_group(group: list[Arrival], known: Mapping[int, bytes]) -> tuple[int, bytes]:
    """Decide about the arrivals of one measurement; returns the revision that counts now, and its content."""
    settled = settle(known, [arrival.revision for arrival in group])
    for index, (arrival, outcome) in enumerate(zip(group, settled.outcomes, strict=True)):
        arrival.outcome = outcome
        arrival.counts = index == settled.winner
        arrival.highest = settled.counted.number
    return settled.counted.stored


def _by_identity(arrivals: Iterable[Arrival]) -> dict[IdentityKey, list[Arrival]]:
    groups: defaultdict[IdentityKey, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        groups[arrival.identity].append(arrival)
    return groups


def _source_key(measurement: Measurement) -> SourceKey:
    return measurement.team, measurement.kind, measurement.source


def _sortable(leaf: Leaf) -> tuple[str, ...]:
    return tuple(str(part) for part in leaf)


def _from_row(team: str, kind: str, source: str, id_: str, row: Sequence[Any]) -> Measurement:
    revision, retracted, fingerprint, starts_at, ends_at, *rest = row
    category, flow, site, method, detail, quantity, unit, pieces, cost, meter = rest
    return Measurement(
        team=team,
        kind=kind,
        source=source,
        id=id_,
        revision=revision,
        retracted=retracted,
        fingerprint=fingerprint,
        start=None if starts_at is None else to_microseconds(starts_at),
        end=None if ends_at is None else to_microseconds(ends_at),
        category=category,
        flow=flow,
        site=site,
        method=method,
        detail=detail,
        quantity=quantity,
        unit=unit,
        pieces=pieces,
        cost=cost,
        meter=meter,
    )


def _without_erased(item: Accepted, redactions: Redactions) -> Accepted:
    """What arrives without what was erased; one that lost a text on its way has its keyed fingerprint."""
    measurement, erased = redactions.applied(item.measurement)
    if item.erased:
        measurement = replace(measurement, fingerprint=item.measurement.fingerprint)
        erased = {**item.erased, **erased}
    if not erased:
        return item
    return Accepted(item.provenance, measurement, erased, redactions.alike(item.measurement, erased))


def _text_columns(item: Accepted) -> tuple[str, str | None]:
    """The free text of a measurement, and the marks of what was erased of it."""
    erased = _as_binary_jsonb(marks(item.erased)) if item.erased else None
    return _as_binary_jsonb(item.measurement.free_text or {}), erased


def _as_binary_jsonb(fields: Mapping[str, str]) -> str:
    return _BINARY_JSONB + to_json(fields).decode()


def _reject_row(reject: Reject, redactions: Redactions) -> tuple[Any, ...]:
    """The columns of `insert_reject` behind the batch's id, without what was erased."""
    provenance, source, id_ = reject.provenance, reject.source, reject.id
    problems = [problem.as_dict() for problem in reject.problems]
    payload, erased_at = _payload(provenance.event), None
    if redactions:
        if erased_at := redactions.of_payload(payload):
            payload, source, id_ = b"", None, None
        elif reject.team and reject.kind and source and id_:
            payload, erased_at = redactions.scrubbed(Identity(reject.team, reject.kind, source, id_), payload)
        if erased_at:
            problems = without_quotes(problems)
    return (
        provenance.origin,
        provenance.position,
        provenance.topic,
        reject.kind,
        reject.team,
        source,
        id_,
        from_microseconds(provenance.received),
        provenance.token_no,
        provenance.receipt,
        Jsonb(problems),
        payload,
        erased_at,
    )


def _payload(event: object) -> bytes:
    """The event as it came; of one that is nested too deep to be written again, only that."""
    if isinstance(event, bytes):
        return event
    try:
        return write_json(event.read() if isinstance(event, Written) else event).encode()
    except RecursionError:
        return b'"nested too deep to be kept"'
