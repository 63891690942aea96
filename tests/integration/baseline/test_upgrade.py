"""An upgrade while measurements come in: the baseline's processor and door beside ours; then a restore."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from services.backup.archive import Archive, Manifest, write_archive
from services.local import broker as tansu
from services.local.child import spawn
from services.local.ports import free_port
from services.local.postgres import Cluster
from services.settings import PREFIX
from services.store.backup import open_copyable, put_rows, restore
from services.store.configuration import change
from services.store.connection import connect, connect_async
from services.store.migrate import migrate
from services.store.verify import verify
from tests.acceptance.poster import Measurements, Poster
from tests.baseline.code import old_code
from tests.baseline.restoring import BACKUP
from tests.door_client import Client
from tests.integration.store.recording import day_sums, ledger_rows, query, value
from tests.oracle import expect
from tests.waiting import wait_until

TEAMS = ("noord", "zuid")
ORGANISATION = {"main_site": "main", "teams": {team: {} for team in TEAMS}, "meters": {}}
SECONDS = 90
DATABASE = "test_upgrade"
REJECTED = "SELECT DISTINCT team, kind, source, id FROM reject ORDER BY 1, 2, 3, 4"


class Upgrade:
    """A broker, a database, and processes of either code."""

    def __init__(self, dsn: str, directory: Path) -> None:
        self.dsn = dsn
        self.directory = directory
        self.code = old_code(directory)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        port = free_port()
        self.broker = f"{tansu.HOST}:{port}"
        self.running["broker"] = spawn(tansu.command(port), directory / "broker.log")
        wait_until(lambda: tansu.is_ready(port), 10)

    def environment(self, name: str, old: bool, **settings: str) -> dict[str, str]:
        """Of a process: PYTHONSAFEPATH keeps the working directory, where our own code is, out of its way."""
        others = {key: text for key, text in os.environ.items() if not key.startswith(PREFIX)}
        home = self.directory / f"home of {name}"
        home.mkdir(exist_ok=True)
        ours = {"DATABASE_URL": self.dsn, "BROKER": self.broker, "HOME": str(home), "WORKER_NAME": name}
        ours = {f"{PREFIX}{key}": text for key, text in (ours | settings).items()}
        return others | ours | {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": str(self.code)} if old else {})

    def start(self, name: str, module: str, old: bool, **settings: str) -> None:
        """Start a process of the old code or of ours."""
        environment = self.environment(name, old, SPOOL=str(self.directory / "none"), **settings)
        command = [sys.executable, "-m", module]
        self.running[name] = spawn(command, self.directory / f"{name}.log", environment=environment)

    def start_processor(self, name: str, old: bool = False) -> None:
        """Start a processor and wait until it reads."""
        ready = self.directory / f"{name}.ready"
        self.start(name, "services.processing", old, READY_FILE=str(ready))
        wait_until(ready.exists, SECONDS)

    def start_door(self, name: str, spool: str, old: bool = False) -> int:
        """Start a door on a spool and wait until it takes posts; its port."""
        port = free_port()
        environment = self.environment(name, old, SPOOL=str(self.directory / spool), PORT=str(port))
        command = [sys.executable, "-m", "services.intake"]
        self.running[name] = spawn(command, self.directory / f"{name}.log", environment=environment)
        wait_until(lambda: is_ready(port), SECONDS)
        return port

    def end(self, name: str, how: signal.Signals) -> None:
        """End a process."""
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(30)

    def run_old(self, statement: str) -> str:
        """What the old code prints."""
        command = [sys.executable, "-c", statement]
        result = subprocess.run(
            command, env=self.environment("operator", old=True), capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def counted_by(self, worker: str) -> int:
        """How many events a processor has counted."""
        rows = query(self.dsn, "SELECT worker, sum(added) FROM batch_log GROUP BY worker")
        return int(dict(rows).get(worker, 0))

    def close(self) -> None:
        """End whatever runs."""
        for name in list(self.running):
            self.end(name, signal.SIGKILL)


def is_ready(port: int) -> bool:
    """Whether a door takes posts."""
    try:
        return Client(port, "").get("/health/ready").status == 200
    except OSError:
        return False


@pytest.fixture
def upgrade(postgres: Cluster, tmp_path: Path) -> Iterator[Upgrade]:
    """A database that the old code made, with the baseline in it; nothing of ours has touched its schema."""
    postgres.create_database(DATABASE)
    dsn = postgres.dsn(DATABASE)
    upgrade = Upgrade(dsn, tmp_path)
    upgrade.run_old(f"from services.store.migrate import migrate; migrate({dsn!r})")
    with BACKUP.open("rb") as file, connect(dsn) as connection, connection.transaction():
        archive = Archive(file)
        put_rows(connection, archive.manifest.facts, archive.parts())
    yield upgrade
    upgrade.close()
    postgres.drop_database(DATABASE)


def poster_of(upgrade: Upgrade, team: str, port: int, seed: str) -> Poster:
    """A poster with a token of the old code."""
    create = f"create_token({upgrade.dsn!r}, 'team', [{team!r}])"
    token = upgrade.run_old(f"from services.store.tokens import create_token; print({create})").strip()
    return Poster(Client(port, token), Measurements(team, random.Random(f"{seed} {team}")))  # noqa: S311


def more_posts(posters: list[Poster], number: int = 4) -> None:
    """Wait until each poster has got so many more posts accepted."""
    wanted = [len(poster.receipts) + number for poster in posters]
    wait_until(
        lambda: all(
            poster.failure or len(poster.receipts) >= receipts
            for poster, receipts in zip(posters, wanted, strict=True)
        ),
        SECONDS,
    )


def check(upgrade: Upgrade, posters: list[Poster]) -> None:
    """Everything that was accepted is counted, once, and nothing else; the sums are those of the ledger."""
    expected = expect([body for poster in posters for body in poster.accepted], ORGANISATION)
    wait_until(lambda: len(ours(ledger_rows(upgrade.dsn), 0)) == len(expected.ledger), SECONDS)
    assert ours(ledger_rows(upgrade.dsn), 0) == expected.ledger
    assert ours(day_sums(upgrade.dsn), 0) == expected.days

    async def differences() -> object:
        async with await connect_async(upgrade.dsn, "owner") as connection:
            return (await verify(connection, lambda _: None)).differences

    assert asyncio.run(differences()) == []


def ours(rows: dict, place: int) -> dict:  # type: ignore[type-arg]
    """Those of the teams that post here: the baseline's own are not in the expectation."""
    return {key: row for key, row in rows.items() if key[place].team in TEAMS}


def test_nothing_is_lost_or_counted_twice_while_the_code_is_replaced(upgrade: Upgrade) -> None:
    """Schema, processors, doors, in this order, while two teams post; then all of it lost and restored."""
    seed = os.environ.get("UPGRADE_SEED") or str(time.time_ns())
    print(f"UPGRADE_SEED={seed}")
    assert conninfo_to_dict(upgrade.dsn)["dbname"] == DATABASE
    upgrade.start_processor("old", old=True)
    old_port = upgrade.start_door("old door", "spool", old=True)
    posters = [poster_of(upgrade, team, old_port, seed) for team in TEAMS]
    for poster in posters:
        poster.start()
    try:
        more_posts(posters)
        assert migrate(upgrade.dsn)
        counted = upgrade.counted_by("old")
        wait_until(lambda: upgrade.counted_by("old") > counted, SECONDS)

        upgrade.start_processor("new")
        wait_until(lambda: upgrade.counted_by("new") > 0, SECONDS)
        counted = upgrade.counted_by("old")
        wait_until(lambda: upgrade.counted_by("old") > counted, SECONDS)  # both, beside each other
        change(upgrade.dsn, {"teams": {"extra": {"nl": "Nieuw team"}}}, "test")
        more_posts(posters)

        posters[1].client = Client(upgrade.start_door("new door", "second spool"), posters[1].client.token)
        more_posts(posters)
        upgrade.end("old", signal.SIGTERM)
        with open_copyable(upgrade.dsn) as copyable, (upgrade.directory / "backup").open("wb") as file:
            rows = ((table, copyable.rows(table)) for table in copyable.facts.tables)
            write_archive(file, Manifest(groenmeter="test", facts=copyable.facts), rows)
        upgrade.end("old door", signal.SIGKILL)
        posters[0].client = Client(upgrade.start_door("upgraded door", "spool"), posters[0].client.token)
        more_posts(posters)
    finally:
        for poster in posters:
            poster.stop()
    check(upgrade, posters)

    before = query(upgrade.dsn, REJECTED)
    for name in ("new", "new door", "upgraded door"):
        upgrade.end(name, signal.SIGTERM)
    with (upgrade.directory / "backup").open("rb") as file:
        archive = Archive(file)
        restore(upgrade.dsn, archive.manifest.facts, archive.parts(), replace=True, name="test")
    counted = value(upgrade.dsn, "SELECT count(*) FROM measurement")
    # The broker's log goes on, as that of a real cluster does: what came since is read from it again.
    upgrade.start_processor("restored")
    check(upgrade, posters)
    assert (
        upgrade.counted_by("restored") == value(upgrade.dsn, "SELECT count(*) FROM measurement") - counted > 0
    )
    wait_until(lambda: query(upgrade.dsn, REJECTED) == before, SECONDS)
