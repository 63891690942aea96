"""Partitions that are not read on, and why: noted by processors, ended by an operator."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.errors import UserError
from services.store.queries import query

Reason = Literal["log-mismatch", "newer-schema", "rejects"]


@dataclass(frozen=True)
class StoppedPartition:
    """A partition that is not read. `next`: the first record that is not counted; `detail`: why, in words."""

    topic: str
    partition: int
    reason: Reason
    next: int
    detail: str
    worker: str
    since: datetime

    @property
    def name(self) -> str:
        """As people write it: `measurements.waste/3`."""
        return f"{self.topic}/{self.partition}"

    @property
    def waits_for_upgrade(self) -> bool:
        """Whether a newer processor goes on by itself."""
        return self.reason == "newer-schema"


async def stop_partition(
    connection: psycopg.AsyncConnection,
    log: str,
    topic: str,
    partition: int,
    *,
    reason: Reason,
    next_offset: int,
    detail: str,
    worker: str,
) -> None:
    """Note that a partition is not read on from `next_offset`. Again for the same reason: nothing changes."""
    parameters = {
        "log": log,
        "topic": topic,
        "partition": partition,
        "reason": reason,
        "next": next_offset,
        "detail": detail,
        "worker": worker,
    }
    await connection.execute(query("stop_partition"), parameters)


async def stopped_partitions(connection: psycopg.AsyncConnection, log: str) -> list[StoppedPartition]:
    """The partitions of this log that are not read now, by name."""
    async with connection.cursor(row_factory=class_row(StoppedPartition)) as cursor:
        await cursor.execute(query("stopped_partitions"), {"log": log})
        return await cursor.fetchall()


def resume_partition(
    connection: psycopg.Connection, log: str, topic: str, partition: int, start: int | None
) -> StoppedPartition:
    """Let processors read on: from `start`, or from the first record that is not counted; as it was stopped.

    The audit log tells who did. An owner's connection. Raises `UserError` when it is not stopped.
    """
    place = {"log": log, "topic": topic, "partition": partition}
    with connection.transaction(), connection.cursor(row_factory=class_row(StoppedPartition)) as cursor:
        stopped = cursor.execute(query("lock_stopped_partition"), place).fetchone()
        if stopped is None:
            raise UserError(f"{topic}/{partition} is not stopped; `groenmeter partitions` shows what is")
        if start is not None and start != stopped.next:
            cursor.execute(query("go_on_at"), place | {"start": start})
        if start is not None and start < stopped.next:
            prefix = f"{log}/{topic}/{partition}/"
            cursor.execute(query("rename_origins"), {"prefix": prefix, "start": start})
        cursor.execute(query("forget_stopped_partition"), place)
        before = {"stopped": stopped.reason, "next": stopped.next, "why": stopped.detail}
        after = {"next": stopped.next if start is None else start}
        audited = {"subject": stopped.name, "before": Jsonb(before), "after": Jsonb(after)}
        cursor.execute(query("audit_partition"), audited)
    return stopped
