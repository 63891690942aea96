"""The database of a home while nothing else of its stack runs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.errors import UserError
from services.local.assembly import RECOVERY_SECONDS, bare_environment
from services.local.child import spawn
from services.local.control import end_left_overs, home_of_our_own
from services.local.embedded import prepare_cluster
from services.local.ports import free_port
from services.local.stack import LOGS
from services.settings import Settings

STOP_SECONDS = 60.0
POLL_SECONDS = 0.05


@contextmanager
def database_alone(settings: Settings, report: Callable[[str], None]) -> Iterator[str]:
    """The owner's address of the home's database, made first where there is none, and ended again.

    Nobody can start the stack meanwhile. Raises `UserError` when one runs, or the database does not start.
    """
    with home_of_our_own(settings.home) as home:
        end_left_overs(home)
        cluster, _ = prepare_cluster(home, free_port(), report)
        log = home / LOGS / "database.log"
        server = spawn(
            cluster.command(),
            log,
            environment=bare_environment(),
            account=cluster.account,
            parent_death=signal.SIGINT,
        )
        try:
            deadline = time.monotonic() + RECOVERY_SECONDS
            while not cluster.is_ready():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise UserError(f"The database does not start; its log is {log}")
                time.sleep(POLL_SECONDS)
            cluster.create_database()
            yield cluster.dsn()
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.kill(server.pid, signal.SIGKILL)
                server.wait()
