"""A database of the first baseline, brought to this version: nothing of it is lost, changed or told anew."""

import hashlib
import json
from collections.abc import Iterator

import pytest

from services.backup.archive import Archive
from services.settings import load_settings
from services.store.connection import connect_async
from services.store.migrate import migrations
from services.store.verify import verify
from tests.baseline.questions import differences
from tests.baseline.restoring import BACKUP, recorded
from tests.door_client import Client
from tests.integration.baseline.schema import schema_of
from tests.integration.intake.conftest import start_door
from tests.integration.store.recording import batch_of, query, record, value


@pytest.fixture(scope="module")
def client(baseline: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A steward who reads the baseline over HTTP; no broker is needed for that."""
    home = tmp_path_factory.mktemp("door")
    settings = {"DATABASE_URL": baseline, "BROKER": "127.0.0.1:9", "SPOOL": str(home), "HOME": str(home)}
    with pytest.MonkeyPatch.context() as patch:
        for name, setting in settings.items():
            patch.setenv(f"GROENMETER_{name}", setting)
        door = start_door(load_settings(), baseline)
    yield door.client("steward")
    door.stop()


def test_a_migration_that_was_released_is_never_edited() -> None:
    """What an old database has and what a new one gets must be the same."""
    with BACKUP.open("rb") as file:
        released = Archive(file).manifest.facts.migrations
    ours = {migration.name: hashlib.sha256(migration.sql.encode()).hexdigest() for migration in migrations()}

    assert {name: ours.get(name) for name in released} == released


def test_every_row_is_there(baseline: str) -> None:
    fewer = {
        table: (number, found)
        for table, number in recorded()["rows"].items()
        if (found := value(baseline, f"SELECT count(*) FROM {table}")) < number  # noqa: S608
    }
    assert fewer == {}


async def test_what_is_derived_agrees_with_the_ledger(baseline: str) -> None:
    async with await connect_async(baseline, "owner") as connection:
        assert (await verify(connection, lambda _: None)).differences == []


def test_every_answer_is_what_the_baseline_answered(client: Client) -> None:
    """Totals of every kind and bucket, also as of a moment in between; targets, events, rejects, receipts.

    Since then replayed rejects are listed when asked for, and who posted for an integrator is known.
    """
    wrong = {}
    for name, entry in recorded()["answers"].items():
        path = entry["path"]
        answer = client.get(f"{path}&state=all" if path.startswith("/v1/rejects") else path)
        lines = differences(entry["answer"], answer.json) if answer.status == 200 else [answer.body]
        wrong[name] = [
            line for line in lines if "posted_by: None was recorded, 'integrator/" not in str(line)
        ]

    assert {name: lines for name, lines in wrong.items() if lines} == {}
    assert len(wrong) > 90


def test_the_schema_is_that_of_a_new_database(baseline: str, database: str) -> None:
    assert schema_of(baseline) == schema_of(database)


async def test_it_counts_on(baseline: str) -> None:
    """New measurements, and a correction of an old one, under the identities and sums that are there."""
    source_no, team, source, id_, revision = query(
        baseline,
        "SELECT source_no, team, source, identity.id, revision FROM identity JOIN source USING (source_no)"
        " WHERE kind = 'waste' AND team = 'ok-centrum' AND source = '/hand' ORDER BY identity.id LIMIT 1",
    )[0]
    event = {
        "specversion": "1.0",
        "type": "nl.groenmeter.waste.v1",
        "team": team,
        "source": source,
        "id": id_,
        "revision": revision + 1,
        "time": "2026-03-01T14:30:00+01:00",
        "data": {"stream": "residual", "quantity": 4, "unit": "kg"},
    }
    new = event | {"id": "new after the upgrade", "revision": 1}
    before = query(baseline, "SELECT max(batch_no), max(recorded_at) FROM batch_log")[0]
    await record(baseline, [batch_of([json.dumps(event), json.dumps(new)])])

    after = query(baseline, "SELECT max(batch_no), max(recorded_at) FROM batch_log")[0]
    assert (after[0], after[1] > before[1]) == (before[0] + 1, True)
    revisions = (
        f"SELECT max(revision), count(*) FROM measurement WHERE source_no = {source_no} AND id = '{id_}'"  # noqa: S608
    )
    assert query(baseline, revisions)[0][0] == revision + 1
    async with await connect_async(baseline, "owner") as connection:
        assert (await verify(connection, lambda _: None)).differences == []
