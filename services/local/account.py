"""The unprivileged account that PostgreSQL runs under when we are root, and the places it can reach."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A user of this machine by its numbers."""

    uid: int
    gid: int


def database_account(data: Path) -> Account | None:
    """Who runs the database: `None` means ourselves.

    PostgreSQL refuses to run as root; then it runs as whoever owns the data already there, else as
    `postgres`, else as `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        status = data.stat()
        return Account(status.st_uid, status.st_gid)
    accounts = {entry.pw_name: Account(entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def can_enter(directory: Path, account: Account) -> bool:
    """Whether the account may pass through the directory and all above it; what does not exist yet may be."""
    for place in (directory, *directory.parents):
        if place.exists():
            status = place.stat()
            if status.st_uid == account.uid:
                allowed = status.st_mode & 0o100
            elif status.st_gid == account.gid:
                allowed = status.st_mode & 0o010
            else:
                allowed = status.st_mode & 0o001
            if not allowed:
                return False
    return True
