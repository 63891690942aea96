"""A PostgreSQL cluster of our own: made once, then run as a direct child process."""

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from services.errors import UserError
from services.local.account import Account

INSTEAD = "Or set GROENMETER_DATABASE_URL to a TimescaleDB server of your own."
SUPERUSER = "groenmeter"
DATABASE = "groenmeter"
MAINTENANCE_DATABASE = "postgres"
HOST = "127.0.0.1"

# Sized for a machine of 2 cores and 4 GB that runs the rest of the stack as well.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",  # the Apache edition has no jobs to run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_connections": "100",
    "max_locks_per_transaction": "256",  # a query on a hypertable locks each of its chunks
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "lz4",
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
}
# For tests only: nothing in them has to outlive the machine.
FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """A data directory with the programs, the account and the port that serve it."""

    programs: Path
    data: Path
    account: Account | None
    port: int
    password: str

    def initialise(self) -> None:
        """Make the data directory, unless it is there; either it is whole afterwards or it is not there.

        Raises:
            UserError: it cannot be made here, as for a user that this machine does not know by name.
        """
        if (self.data / "PG_VERSION").exists():
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.password)
            password.flush()
            if self.account:
                os.chown(unfinished, self.account.uid, self.account.gid)
                os.chown(password.name, self.account.uid, self.account.gid)
            self._run_initdb(unfinished, password.name)
        unfinished.rename(self.data)

    def _run_initdb(self, data: Path, password_file: str) -> None:
        result = subprocess.run(  # noqa: S603 no shell, and the arguments are ours
            [
                *(self.programs / "initdb", "--pgdata", data, "--username", SUPERUSER),
                *("--auth", "scram-sha-256", "--pwfile", password_file),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C", "--data-checksums"),
            ],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if result.returncode:
            reason = "\n".join(result.stdout.splitlines()[-5:])
            raise UserError(f"The database could not be made in {self.data}:\n{reason}\n{INSTEAD}")

    def command(self, changes: dict[str, str] | None = None) -> list[str | Path]:
        """What to run in the foreground; `changes` go over `SETTINGS`."""
        settings = SETTINGS | {"port": str(self.port)} | (changes or {})
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [self.programs / "postgres", "-D", self.data, *options]

    def dsn(self, database: str = DATABASE, user: str = SUPERUSER, password: str | None = None) -> str:
        """The address with the password (the superuser's, unless another's is given)."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.dsn(MAINTENANCE_DATABASE), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, database: str = DATABASE, template: str = "template1") -> None:
        """Create the database, unless it is there."""
        known = self._administer("SELECT FROM pg_database WHERE datname = {}", sql.Literal(database))
        if not known.rowcount:
            names = (sql.Identifier(database), sql.Identifier(template))
            self._administer("CREATE DATABASE {} TEMPLATE {}", *names)

    def drop_database(self, database: str) -> None:
        """Drop the database with every session in it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(database))

    def _administer(self, statement: LiteralString, *parts: sql.Composable) -> psycopg.Cursor[TupleRow]:
        with psycopg.connect(self.dsn(MAINTENANCE_DATABASE), autocommit=True) as connection:
            return connection.execute(sql.SQL(statement).format(*parts))


def new_password() -> str:
    """A random password that needs no quoting in an address."""
    return secrets.token_hex(24)
