import asyncio
import sqlite3
from pathlib import Path

import pytest

from services.intake.records import Record
from services.intake.spool import CHUNK_BYTES, FILE, OVERHEAD_BYTES, Spool, SpoolFull


def record(number: int, size: int = 10, events: int = 1) -> Record:
    return Record(f"r/{number}", "measurements.waste", b"a/b", b"x" * size, [("received", b"now")], events)


async def allow_pages(spool: Spool, pages: int) -> None:
    """Bound the file, as a full disk would."""
    await spool._in_thread(lambda: spool._connection.execute(f"PRAGMA max_page_count = {pages}"))


async def test_what_was_delivered_is_there_after_a_restart(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1), record(2, events=5)])

    async with Spool(tmp_path) as spool:
        assert [item.record for item in await spool.read(after=0)] == [record(1), record(2, events=5)]
        assert spool.events == 6
        assert spool.bytes_used == 2 * (10 + OVERHEAD_BYTES)


async def test_delivered_means_committed(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1)])
        # What a crash would leave behind: the files as they are, without closing.
        for name in (FILE, f"{FILE}-wal"):
            (tmp_path / "after").mkdir(exist_ok=True)
            (tmp_path / "after" / name).write_bytes((tmp_path / name).read_bytes())

    async with Spool(tmp_path / "after") as spool:
        assert len(await spool.read(after=0)) == 1


async def test_what_is_forgotten_is_gone_and_makes_room(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1), record(2)])
        await spool.forget([1])

        assert [item.number for item in await spool.read(after=0)] == [2]
        assert not spool.holds(1)
        assert (spool.events, spool.bytes_used) == (1, 10 + OVERHEAD_BYTES)


async def test_numbers_are_never_used_twice_while_it_runs(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1)])
        await spool.forget([1])
        await spool.deliver([record(2)])

        assert [item.number for item in await spool.read(after=1)] == [2]


async def test_reading_goes_on_after_a_number_in_bounded_chunks(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(number, size=CHUNK_BYTES // 2) for number in range(5)])
        first = await spool.read(after=0)

        assert [item.number for item in first] == [1, 2, 3]
        assert [item.number for item in await spool.read(after=3)] == [4, 5]
        assert await spool.read(after=5) == []


async def test_over_its_bound_it_takes_nothing_until_there_is_room(tmp_path: Path) -> None:
    async with Spool(tmp_path, most_bytes=2 * OVERHEAD_BYTES) as spool:
        await spool.deliver([record(1), record(2)])
        with pytest.raises(SpoolFull):
            await spool.deliver([record(3)])
        await spool.forget([1])
        await spool.deliver([record(3)])

        assert [item.record.record_id for item in await spool.read(after=0)] == ["r/2", "r/3"]


async def test_a_full_disk_writes_nothing_of_a_request(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1)])
        await allow_pages(spool, 8)
        with pytest.raises(SpoolFull, match="full"):
            await spool.deliver([record(2), record(3, size=100_000)])

        assert [item.record.record_id for item in await spool.read(after=0)] == ["r/1"]
        assert spool.events == 1

        await allow_pages(spool, 10_000)
        await spool.deliver([record(2), record(3, size=100_000)])
        assert [item.record.record_id for item in await spool.read(after=0)] == ["r/1", "r/2", "r/3"]


async def test_requests_at_the_same_time_share_commits(tmp_path: Path) -> None:
    statements: list[str] = []
    async with Spool(tmp_path) as spool:
        await spool._in_thread(lambda: spool._connection.set_trace_callback(statements.append))
        await asyncio.gather(*(spool.deliver([record(number)]) for number in range(200)))

        assert len(await spool.read(after=0)) == 200
        assert statements.count("COMMIT") <= 3


async def test_a_second_door_on_the_same_spool_fails_at_once(tmp_path: Path) -> None:
    async with Spool(tmp_path):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await Spool(tmp_path).__aenter__()
