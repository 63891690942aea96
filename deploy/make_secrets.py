#!/usr/bin/env python3
"""Make what must not have a default: the passwords, and the id of this installation's Kafka log.

    python3 make_secrets.py

Passwords go into `secrets/` beside this file, what Compose itself reads into `.env` there. What is there
already is kept: running it again makes only what is missing. Nothing secret is printed. Needs Python 3 only.
"""

import base64
import os
import secrets
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
DIRECTORY = HERE / "secrets"
COMPOSE_VARIABLES = HERE / ".env"
CLUSTER_ID = "KAFKA_CLUSTER_ID"
DATABASE = "database:5432/groenmeter"
LOGINS = {
    "owner": "groenmeter",
    "services": "groenmeter_services",
    "dashboards": "groenmeter_dashboards",
}
# Containers run under other users than the one who owns these files, and Compose mounts each as it is: the
# closed directory keeps the other users of this machine out, not the mode of the files in it.
DIRECTORY_MODE = 0o700
FILE_MODE = 0o644


def make() -> list[str]:
    """Make what is missing; returns the names of it."""
    DIRECTORY.mkdir(exist_ok=True)
    DIRECTORY.chmod(DIRECTORY_MODE)
    made = []
    for login, user in LOGINS.items():
        made += _database_login(login, user)
    made += _once("grafana_admin_password", _new_password())
    made += _once("grafana_secret_key", _new_password())
    made += _once("smtp_url", "")  # not made but given: empty means no mail
    return made + _compose_variables()


def _database_login(login: str, user: str) -> list[str]:
    """The login's password, and its address in the Compose network."""
    made = _once(f"{login}_password", _new_password())
    password = (DIRECTORY / f"{login}_password").read_text(encoding="ascii").strip()
    return made + _once(f"{login}_url", f"postgresql://{user}:{password}@{DATABASE}")


def _compose_variables() -> list[str]:
    """The line that the Compose file asks for, last of all: it refuses to start before this was run."""
    text = COMPOSE_VARIABLES.read_text(encoding="utf-8") if COMPOSE_VARIABLES.exists() else ""
    if any(line.startswith(f"{CLUSTER_ID}=") for line in text.splitlines()):
        return []
    # The offsets in the database belong to the log of this id. Kafka's own form: 16 bytes as base64.
    log = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    separator = "\n" if text and not text.endswith("\n") else ""
    COMPOSE_VARIABLES.write_text(f"{text}{separator}{CLUSTER_ID}={log}\n", encoding="utf-8")
    return [f".env: {CLUSTER_ID}"]


def _once(name: str, text: str) -> list[str]:
    """A file with this text, whole or not at all, unless it is there already."""
    path = DIRECTORY / name
    if path.exists():
        return []
    unfinished = DIRECTORY / f".{name}"
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.chmod(FILE_MODE)
    unfinished.rename(path)
    return [f"secrets/{name}"]


def _new_password() -> str:
    """192 random bits that need no quoting anywhere."""
    return secrets.token_hex(24)


if __name__ == "__main__":
    made = make()
    print("\n".join(f"made {HERE.name}/{name}" for name in made) or "everything is there already")
