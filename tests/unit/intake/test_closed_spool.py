"""What is counted stays in the spool for some days, for a database that is restored from a backup."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from services.intake.spool import CLOSED_SECONDS, FILE, OVERHEAD_BYTES, Spool, SpoolFull, reopen
from tests.unit.intake.test_spool import allow_pages, record


def none_of(record_ids: Sequence[str]) -> set[str]:
    """A database that knows of none of these."""
    assert record_ids
    return set()


async def ids(spool: Spool) -> list[str]:
    """What would be sent to a new log."""
    return [item.record.record_id for item in await spool.read(after=0)]


async def filled(directory: Path, records: int) -> None:
    """A spool of which everything is counted."""
    async with Spool(directory) as spool:
        await spool.deliver([record(number, events=2) for number in range(1, records + 1)])
        await spool.forget(list(range(1, records + 1)))


async def test_what_is_counted_is_not_sent_again_after_a_restart(tmp_path: Path) -> None:
    await filled(tmp_path, 2)

    async with Spool(tmp_path) as spool:
        assert await ids(spool) == []
        assert (spool.events, spool.bytes_used) == (0, 0)
        assert spool.closed_bytes == 2 * (10 + OVERHEAD_BYTES)


async def test_a_restored_database_gets_again_what_it_does_not_know(tmp_path: Path) -> None:
    await filled(tmp_path, 1200)
    known = {f"r/{number}" for number in range(1, 1001)}

    reopened = reopen(tmp_path, lambda record_ids: known & set(record_ids))

    assert (reopened.records, reopened.events) == (200, 400)
    async with Spool(tmp_path) as spool:
        assert await ids(spool) == [f"r/{number}" for number in range(1001, 1201)]
        assert spool.events == 400
        await spool.forget([1001])
    assert reopen(tmp_path, none_of).records == 1001


async def test_it_is_sent_before_what_comes_in_later(tmp_path: Path) -> None:
    """As it was accepted first, so that it wins a conflict again."""
    await filled(tmp_path, 2)
    reopen(tmp_path, none_of)

    async with Spool(tmp_path) as spool:
        await spool.deliver([record(3)])
        assert await ids(spool) == ["r/1", "r/2", "r/3"]


async def test_no_number_is_given_out_again_while_its_record_is_there(tmp_path: Path) -> None:
    await filled(tmp_path, 2)

    async with Spool(tmp_path) as spool:
        await spool.deliver([record(3)])
        assert [item.number for item in await spool.read(after=0)] == [3]


async def test_records_that_an_earlier_version_wrote_over_closed_ones_are_sent(tmp_path: Path) -> None:
    """It removes what is counted, knows nothing of the list of closed numbers and begins at 1 again."""
    await filled(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / FILE)) as earlier, earlier:
        earlier.execute("DELETE FROM record")
        earlier.execute("INSERT INTO record VALUES (1, 'r/other', 'measurements.waste', 'k', 'v', '[]', 1)")

    async with Spool(tmp_path) as spool:
        assert await ids(spool) == ["r/other"]


async def test_a_spool_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    await filled(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / FILE)) as earlier, earlier:
        earlier.execute("DROP TABLE closed")
        earlier.execute("DROP TABLE complete")

    async with Spool(tmp_path) as spool:
        assert await ids(spool) == ["r/1", "r/2"]
        await spool.forget([1, 2])
    assert time.time() - reopen(tmp_path, none_of).complete_since < 60


async def test_what_is_old_goes(tmp_path: Path) -> None:
    await filled(tmp_path, 600)
    counted_at = time.time()

    async with Spool(tmp_path) as spool:
        assert await spool.drop_old(counted_at + CLOSED_SECONDS - 60) == 0
        assert await spool.drop_old(counted_at + CLOSED_SECONDS + 60) == 600 * (10 + OVERHEAD_BYTES)
        assert spool.closed_bytes == 0
    reopened = reopen(tmp_path, none_of)
    assert (reopened.records, reopened.complete_since <= counted_at) == (0, True)


async def test_too_many_go_the_oldest_first_and_that_is_noted(tmp_path: Path) -> None:
    async with Spool(tmp_path, most_closed_bytes=2 * (10 + OVERHEAD_BYTES)) as spool:
        await spool.deliver([record(number) for number in range(1, 5)])
        await spool.forget([1, 2])
        between = time.time()
        await spool.forget([3, 4])
        await spool.drop_old(time.time())

    reopened = reopen(tmp_path, none_of)
    assert (reopened.records, reopened.complete_since < between) == (2, True)


async def test_on_a_full_disk_what_is_counted_gives_way(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.deliver([record(1, size=100_000), record(2, size=100_000)])
        await spool.forget([1, 2])
        await allow_pages(spool, 60)
        await spool.deliver([record(3, size=100_000), record(4, size=10_000)])

        assert await ids(spool) == ["r/3", "r/4"]
    assert reopen(tmp_path, none_of).records < 2


async def test_nothing_is_opened_while_a_door_runs(tmp_path: Path) -> None:
    async with Spool(tmp_path):
        with pytest.raises(SpoolFull, match="locked"):
            reopen(tmp_path, none_of)
