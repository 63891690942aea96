"""What was refused behind the door: reading it, posting it again at most once, putting it aside."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from schemas.measurement import Measurement
from services.store.queries import query

PAYLOAD_KEPT = timedelta(days=90)
REPLAY_ID = "replay/"  # begins the id of every record of a replay: replay/RECEIPT/PART

Row = dict[str, Any]
IdentityKey = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class RejectsQuery:
    """What is asked: rejects recorded from `since` on, as they stood at `as_of`, the instant of a batch.

    `numbers`: only these. `closed_too`: also what was posted again or put aside. `after`: the number of the
    last one that was seen.
    """

    team: str | None
    since: datetime | None
    as_of: datetime
    after: int | None
    limit: int | None
    closed_too: bool = False
    numbers: Sequence[int] | None = None


@dataclass(frozen=True)
class Replay:
    """A reject that is posted again: what is sent, as whose, and as received when. It never changes.

    `origin` and `position`: what the reject is called for ever. `configuration`: the version that judges it.
    `records`: so many are sent. `content`: the JSON text of its event or events, empty when it is not known
    or no longer needed.
    """

    origin: str
    position: int
    receipt: str
    token_no: int
    received_at: datetime
    configuration: int
    corrected: bool
    records: int
    content: bytes = b""


@dataclass(frozen=True)
class Replayable:
    """A reject and all that decides whether it can be posted again.

    `payload` is empty when it is no longer kept. `teams`: those that the token it was posted with may speak
    for, None for all of them. `replay`: the one that there is and that is not counted yet.
    """

    reject_no: int
    origin: str
    position: int
    team: str | None
    topic: str
    payload: bytes
    problems: list[dict[str, str | None]]
    from_the_door: bool
    teams: list[str] | None
    is_replayed: bool
    is_dismissed: bool
    replay: Replay | None


class ReplayOutcome(NamedTuple):
    """What became of replays: how many are `waiting`, and of the others the events that are new and so on."""

    waiting: int
    added: int
    repeats: int
    rejected: int


async def read_rejects(connection: psycopg.AsyncConnection, wanted: RejectsQuery) -> list[Row]:
    """Rejects in the order in which they were recorded."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("rejects"), vars(wanted), prepare=False)
        return await cursor.fetchall()


async def rejects_to_replay(
    connection: psycopg.AsyncConnection, numbers: Iterable[int]
) -> dict[int, Replayable]:
    """Those of the numbered rejects that there are."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("rejects_to_replay"), (list(numbers),))
        return {row["reject_no"]: _replayable(row) async for row in cursor}


def _replayable(row: Row) -> Replayable:
    name = {part: row[part] for part in ("origin", "position")}
    stored = {part: row.pop(part) for part in Replay.__dataclass_fields__ if part not in name}
    waiting = stored["receipt"] is not None and not row["is_replayed"]
    return Replayable(**row, replay=Replay(**name, **stored) if waiting else None)


async def begin_replay(connection: psycopg.AsyncConnection, replay: Replay) -> bool:
    """Write down what is about to be sent; False when there is one already, or the reject was put aside."""
    return (await connection.execute(query("begin_replay"), vars(replay))).rowcount == 1


async def lock_replays(connection: psycopg.AsyncConnection, replays: Collection[Replay]) -> set[str]:
    """Lock the replays that a batch has records of; the receipts of those that count.

    A replay that is not known was posted before this database was restored, and is known from now on. If its
    reject was posted again since, in another way, that one counts instead: one replay has its effect.
    """
    rows = sorted({_told(replay) for replay in replays})
    columns = [list(column) for column in zip(*rows, strict=True)]
    await connection.execute(query("know_replays"), columns)
    cursor = await connection.execute(query("lock_replays"), columns[:2])
    return {receipt async for (receipt,) in cursor}


def _told(replay: Replay) -> tuple[Any, ...]:
    """What the records of a replay tell of it."""
    return tuple(value for name, value in vars(replay).items() if name != "content")


async def close_replays(connection: psycopg.AsyncConnection, batch_id: int, receipts: Sequence[str]) -> None:
    """Note in the transaction of a batch which replays, locked, have all their records counted."""
    await connection.execute(query("close_replays"), {"batch_id": batch_id, "receipts": list(receipts)})


async def ledger_fingerprints(
    connection: psycopg.AsyncConnection, measurements: Iterable[Measurement]
) -> Mapping[IdentityKey, Mapping[int, bytes]]:
    """The revisions that the ledger has of the identities of these measurements, with their fingerprints."""
    found: defaultdict[IdentityKey, dict[int, bytes]] = defaultdict(dict)
    wanted = {identity_of(measurement) for measurement in measurements}
    if wanted:
        columns = [list(column) for column in zip(*sorted(wanted), strict=True)]
        async for *identity, revision, fingerprint in await connection.execute(
            query("fingerprints"), columns
        ):
            team, kind, source, id_ = identity
            found[team, kind, source, id_][revision] = fingerprint
    return found


def identity_of(measurement: Measurement) -> IdentityKey:
    """What it is known by for ever."""
    return measurement.team, measurement.kind, measurement.source, measurement.id


async def replay_outcome(connection: psycopg.AsyncConnection, numbers: Sequence[int]) -> ReplayOutcome:
    """What became of the replays of these rejects so far."""
    row = await (await connection.execute(query("replay_outcome"), (list(numbers),))).fetchone()
    if row is None:
        raise RuntimeError("an aggregate without GROUP BY always answers")
    return ReplayOutcome(*row)


async def note_alarm(
    connection: psycopg.AsyncConnection, partition: tuple[str, str, int], next_offset: int, why: str
) -> None:
    """Note that the rejects of a partition (log, topic, number) became too many before an offset."""
    await connection.execute(query("note_alarm"), (*partition, next_offset, why))


async def newest_alarms(connection: psycopg.AsyncConnection) -> list[Row]:
    """The alarms of the last day, one for each partition, the newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query("newest_alarms"))
        return await cursor.fetchall()


async def dismiss(
    connection: psycopg.AsyncConnection, numbers: Sequence[int], by: str, note: str
) -> list[int]:
    """Put open rejects aside; returns the numbers of those that were open. An owner's connection."""
    async with connection.transaction():
        cursor = await connection.execute(
            query("dismiss"), {"numbers": list(numbers), "by": by, "note": note}
        )
        return sorted([reject_no async for (reject_no,) in cursor])
