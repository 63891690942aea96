"""The baseline into a database, for every test that begins with data of an earlier version."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from services.backup.archive import Archive
from services.store.backup import restore

BACKUP = Path(__file__).with_name("database.backup")
ANSWERS = Path(__file__).with_name("answers.json")


def restore_baseline(dsn: str) -> list[str]:
    """Fill an empty database with the baseline; the names of the migrations since. `dsn` is the owner's."""
    with BACKUP.open("rb") as file:
        archive = Archive(file)
        return restore(dsn, archive.manifest.facts, archive.parts(), replace=False, name="baseline")


@cache
def recorded() -> dict[str, Any]:
    """What its own code said of it: `rows` of each table, `answers` with the `path` of the call."""
    answers: dict[str, Any] = json.loads(ANSWERS.read_bytes())
    return answers
