"""`groenmeter partitions`: which partitions are not read, why, and letting them go on."""

import asyncio
import json
import re
import sys
from datetime import UTC
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from services.broker import Administration, bounds
from services.errors import UserError
from services.operator import operator_dsn, with_broker
from services.settings import Settings, load_settings
from services.store.connection import connect, connect_async
from services.store.partitions import StoppedPartition, resume_partition, stopped_partitions

_NAME = re.compile(r"[a-z0-9.-]+/\d{1,9}")
_FILE_WIDTH = 200  # columns of a table that is not read on a terminal
_REASONS = {
    "log-mismatch": "the log does not hold what is to be counted next",
    "newer-schema": "waits for newer processors",
    "rejects": "too many refused in a row",
}

AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands of the processors."""
    app.command()(partitions)


def partitions(
    resume: Annotated[
        str | None, typer.Option(metavar="TOPIC/PARTITION", help="Let processors read this one on.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="begin|end|OFFSET",
            help="Where to read on when the log does not hold the next record to count.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the partitions that are not read, and why; --resume lets one go on, and is in the audit log."""
    settings = with_broker(load_settings())
    if start is not None and resume is None:
        raise typer.BadParameter("--from goes with --resume")
    log_id, held = asyncio.run(_log(settings))
    stopped = asyncio.run(_stopped(operator_dsn(settings), log_id))
    if resume is not None:
        _resume(settings, log_id, _named(stopped, resume), start, held)
        return
    rows = [_row(entry, held.get(TopicPartition(entry.topic, entry.partition))) for entry in stopped]
    if as_json:
        typer.echo(json.dumps({"rows": rows}))
    elif not rows:
        typer.echo("every partition is read", err=True)
    else:
        _show(rows)


def _resume(
    settings: Settings,
    log_id: str,
    stopped: StoppedPartition,
    start: str | None,
    held: dict[TopicPartition, tuple[int, int]],
) -> None:
    begin, end = held[TopicPartition(stopped.topic, stopped.partition)]
    offset = _offset(stopped, start, begin, end)
    with connect(operator_dsn(settings)) as connection:
        resume_partition(connection, log_id, stopped.topic, stopped.partition, offset)
    typer.echo(f"{stopped.name} is read on from offset {stopped.next if offset is None else offset}")
    if offset is not None and offset > stopped.next:
        typer.echo(
            f"what was at offsets {stopped.next} to {offset - 1} is not counted: "
            "let whoever wrote it send it again (what was counted before counts once)",
            err=True,
        )


def _offset(stopped: StoppedPartition, start: str | None, begin: int, end: int) -> int | None:
    """Where to read on; None: where it was stopped. Raises `UserError` for what the log does not hold."""
    words = {"begin": begin, "end": end}
    if start is None:
        if stopped.reason == "log-mismatch" and not begin <= stopped.next <= end:
            raise UserError(
                f"{stopped.name}: {stopped.detail}. Find out what happened, then say where to go on: "
                f"--from begin ({begin}), --from end ({end}) or an offset between."
            )
        return None
    if start not in words and not re.fullmatch(r"\d{1,18}", start):
        raise typer.BadParameter("must be begin, end or an offset", param_hint="--from")
    offset = words.get(start, -1) if start in words else int(start)
    if not begin <= offset <= end:
        raise UserError(f"{stopped.name}: the log holds {begin} to {end}; {offset} is not in it")
    return offset


def _named(stopped: list[StoppedPartition], name: str) -> StoppedPartition:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("must be like measurements.waste/3", param_hint="--resume")
    for entry in stopped:
        if entry.name == name:
            return entry
    raise UserError(f"{name} is not stopped; `groenmeter partitions` shows what is")


async def _log(settings: Settings) -> tuple[str, dict[TopicPartition, tuple[int, int]]]:
    """The log's id, and what each partition of it holds."""
    try:
        async with Administration(settings) as administration:
            log_id = await administration.log_id()
            topics = await administration.our_topics()
        return log_id, await bounds(settings, topics)
    except (KafkaError, OSError) as error:
        raise UserError(f"the broker does not answer: {type(error).__name__}") from None


async def _stopped(dsn: str, log_id: str) -> list[StoppedPartition]:
    async with await connect_async(dsn, "writer") as connection:
        return await stopped_partitions(connection, log_id)


def _row(entry: StoppedPartition, held: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "partition": entry.name,
        "reason": entry.reason,
        "next": entry.next,
        "log_begins": None if held is None else held[0],
        "log_ends": None if held is None else held[1],
        "since": entry.since.astimezone(UTC).isoformat(timespec="seconds"),
        "worker": entry.worker,
        "detail": entry.detail,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("partition", "why", "next", "log holds", "since", "worker", box=None, pad_edge=False)
    for row in rows:
        holds = "" if row["log_begins"] is None else f"{row['log_begins']} to {row['log_ends']}"
        reason = _REASONS[row["reason"]]
        table.add_row(row["partition"], reason, str(row["next"]), holds, row["since"], row["worker"])
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    console = Console(soft_wrap=True, highlight=False, width=width)
    console.print(table)
    for row in rows:
        console.print(f"\n{row['partition']}: {row['detail']}")
        if row["reason"] != "newer-schema":
            place = " --from begin" if row["reason"] == "log-mismatch" else ""
            console.print(f"  to go on: groenmeter partitions --resume {row['partition']}{place}")
