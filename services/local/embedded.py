"""What a home keeps from start to start: its ports, and where its database and the passwords to it are."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from services.errors import UserError
from services.local.account import can_enter, database_account
from services.local.ports import free_port, is_free
from services.local.postgres import SUPERUSER, Cluster, new_password
from services.local.stack import write_private
from services.local.timescale import obtain
from services.store.connection import Role

RECORD_FILE = "database.json"
PORTS_FILE = "ports.json"
INSIDE = "database"
LOGINS: dict[Role, str] = {"writer": "groenmeter_services", "reader": "groenmeter_dashboards"}
OUTSIDE = Path("/var/lib/groenmeter")


class DatabaseRecord(BaseModel):
    """What must outlive a restart. `data` is relative to the home, or absolute when it lies elsewhere."""

    data: Path
    passwords: dict[str, str]


def prepare_cluster(home: Path, port: int, report: Callable[[str], None]) -> tuple[Cluster, dict[str, str]]:
    """The home's database, made first where there is none, and the password of each login.

    Raises:
        UserError: the programs cannot be had, or the data are there without their passwords.
    """
    programs = obtain(report)
    record = _read_record(home)
    data = home / record.data
    cluster = Cluster(programs, data, database_account(data), port, record.passwords[SUPERUSER])
    if not (data / "PG_VERSION").exists():
        report("making an empty database")
        cluster.initialise()
    return cluster, record.passwords


def _read_record(home: Path) -> DatabaseRecord:
    path = home / RECORD_FILE
    if path.exists():
        return DatabaseRecord.model_validate_json(path.read_bytes())
    data = _new_data_directory(home)
    if (home / data).exists():
        raise UserError(
            f"{home / data} is there, but {path} with its passwords is not. Put that file back, "
            "or move the directory away to begin with an empty database."
        )
    record = DatabaseRecord(
        data=data, passwords={login: new_password() for login in (SUPERUSER, *LOGINS.values())}
    )
    write_private(path, record.model_dump_json(indent=1))
    return record


def _new_data_directory(home: Path) -> Path:
    """`database` in the home, or a place below `OUTSIDE` when the account that serves it cannot get there."""
    account = database_account(home / INSIDE)
    if account is None or can_enter(home, account):
        return Path(INSIDE)
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    earlier = len(list(OUTSIDE.glob(f"{name}*")))  # of homes at this path that were removed
    return OUTSIDE / (f"{name}-{earlier}" if earlier else name)


def keep_ports(home: Path, host: str, wanted: int | None) -> dict[str, int]:
    """The ports of `broker`, `database` and `door`: those of the last time where they are still free.

    Args:
        home: remembers them.
        host: where the door listens.
        wanted: the door's port by the settings.

    Raises:
        UserError: the wanted port is in use, or this machine has no such host.
    """
    path = home / PORTS_FILE
    earlier: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    ports = {}
    try:
        for name, address in (("broker", "127.0.0.1"), ("database", "127.0.0.1"), ("door", host)):
            kept = earlier.get(name)
            ports[name] = kept if kept and is_free(kept, address) else free_port(address)
        if wanted is not None:
            if not is_free(wanted, host):
                raise UserError(f"GROENMETER_PORT = {wanted}: something else listens there already.")
            ports["door"] = wanted
    except OSError as error:
        raise UserError(f"The door cannot listen on {host}, port {wanted or 'any'}: {error}.") from error
    write_private(path, json.dumps(ports))
    return ports
