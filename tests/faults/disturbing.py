"""Disturbances that last a while: what hangs, refuses, is full, slow or wrong, or waits."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psutil
import psycopg

from services.fail_points import FailPoint
from services.settings import PREFIX
from tests.faults.campaign import Campaign
from tests.faults.killing import RUNNING_SECONDS, pids_of
from tests.stacks import Stack
from tests.waiting import wait_until

HOURS, DAYS = 3600, 86400
JUMPS = (-2 * DAYS, -HOURS, -1, 1, HOURS, 2 * DAYS)  # farther, and "last year" is another


@contextmanager
def hanging(stack: Stack, name: str) -> Iterator[None]:
    """A part that does nothing meanwhile, with all its own children."""
    process = psutil.Process(pids_of(stack, name)[name])
    family = [process, *process.children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.suspend()
    try:
        yield
    finally:
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.resume()


def hang(*names: str) -> Callable[[Campaign], AbstractContextManager[None]]:
    return lambda campaign: hanging(campaign.stack, campaign.random.choice(names))


@contextmanager
def refuse_connections(campaign: Campaign) -> Iterator[None]:
    """The database ends every session and lets nobody in."""
    state = campaign.stack.state
    assert state.data is not None
    rules = state.data / "pg_hba.conf"
    before = rules.read_text()
    with wait_until(lambda: _connection(str(state.owner_dsn)), RUNNING_SECONDS) as connection:
        rules.write_text("host all all all reject\n")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    try:
        yield
    finally:
        rules.write_text(before)
        with suppress(ProcessLookupError):  # one that is started now reads them anyway
            os.kill(pids_of(campaign.stack, "database")["database"], signal.SIGHUP)


def _connection(dsn: str) -> psycopg.Connection | None:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        return None


@contextmanager
def visitor(campaign: Campaign) -> Iterator[None]:
    """One more worker joins, takes partitions over, and leaves."""
    pid = pids_of(campaign.stack, "processor-1")["processor-1"]
    environment = psutil.Process(pid).environ() | {f"{PREFIX}WORKER_NAME": "processor-3"}
    environment.pop(f"{PREFIX}FAIL_POINT", None)
    environment.pop(f"{PREFIX}READY_FILE", None)
    with (campaign.stack.home / "logs" / "processor-3.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "services.processing"], env=environment, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        if campaign.random.random() < 0.5:
            worker.terminate()
        else:
            worker.kill()
        try:
            worker.wait(15)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


@contextmanager
def slow_broker(campaign: Campaign) -> Iterator[None]:
    """The broker answers, but mostly after half a second or more."""
    over = threading.Event()
    chance = random.Random(campaign.random.random())  # noqa: S311 no secret

    def brake() -> None:
        while not over.is_set():
            with _broker_hangs(campaign, chance):
                over.wait(chance.uniform(0.3, 0.9))
            over.wait(chance.uniform(0.05, 0.3))

    thread = threading.Thread(target=brake, name="brake")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _broker_hangs(campaign: Campaign, chance: random.Random) -> AbstractContextManager[None]:
    if campaign.cluster is None:
        return hanging(campaign.stack, "broker")
    return node_hangs(campaign, chance.choice(list(campaign.cluster.nodes)))


@contextmanager
def node_hangs(campaign: Campaign, number: int) -> Iterator[None]:
    assert campaign.cluster is not None
    with suppress(ProcessLookupError):
        campaign.cluster.suspend(number)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            campaign.cluster.resume(number)


def hang_broker(campaign: Campaign) -> AbstractContextManager[None]:
    return _broker_hangs(campaign, campaign.random)


@contextmanager
def kill_nodes(campaign: Campaign, number: int) -> Iterator[None]:
    """Nodes of the cluster are killed, and started again."""
    assert campaign.cluster is not None
    victims = campaign.random.sample(list(campaign.cluster.nodes), min(number, len(campaign.cluster.nodes)))
    campaign.cluster.kill(*victims)
    try:
        yield
    finally:
        campaign.cluster.start(*victims)


@contextmanager
def full_spool(campaign: Campaign) -> Iterator[None]:
    """The disk of the spool is full. What is closed gives way; then posts are refused with 503."""
    assert campaign.spool_disk is not None
    pids_of(campaign.stack, "door")
    with campaign.spool_disk.full():
        yield


@contextmanager
def clock_jumps(campaign: Campaign, names: tuple[str, ...]) -> Iterator[None]:
    """The time of day of a process is another at once, and at once the right one again."""
    assert campaign.clocks is not None
    name = campaign.random.choice(names)
    campaign.clocks.set(name, campaign.random.choice(JUMPS))
    try:
        yield
    finally:
        campaign.clocks.set(name, 0)


@contextmanager
def die_at(campaign: Campaign, place: FailPoint) -> Iterator[None]:
    """The first process that gets there dies."""
    file = campaign.fail_point_file
    new = file.with_name("new")
    new.write_text(place)
    new.replace(file)
    yield
    try:
        wait_until(lambda: not file.exists(), RUNNING_SECONDS)
    finally:
        file.unlink(missing_ok=True)
