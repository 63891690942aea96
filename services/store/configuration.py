"""The organisation's configuration, versioned in the database."""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from schemas.calendar import Calendar, UnknownZone, to_microseconds
from schemas.factor_versions import file_changes
from schemas.json_text import Number
from schemas.organisation import Organisation, OrganisationError
from services.errors import UserError
from services.store.calendar import read_calendar, write_calendar
from services.store.connection import connect
from services.store.factors import record_factors

# Factors stand apart, because a processor of a release before them refuses a field that it does not know.
_VERSIONS = (
    "SELECT version, applied_at, document || jsonb_build_object('factors', factors) FROM configuration"
)
_NEWEST = f"{_VERSIONS} ORDER BY version DESC LIMIT 1"
_KNOWN = f"""
{_VERSIONS}
WHERE known_at IS NULL OR known_at <= coalesce(%s::timestamptz, 'infinity')
ORDER BY version DESC
LIMIT 1
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('groenmeter configuration'))"


@dataclass(frozen=True)
class Version:
    """One version of the configuration, in force from `applied_at` (microseconds since 1970)."""

    number: int
    applied_at: int
    organisation: Organisation


@dataclass(frozen=True)
class Configuration:
    """Every version there was, in order, and the calendar of the time zone."""

    versions: tuple[Version, ...]
    calendar: Calendar

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    def at(self, received: int) -> Version:
        """The version in force at a moment of receipt (microseconds since 1970); the first before it."""
        index = bisect_right(self.versions, received, key=lambda version: version.applied_at)
        return self.versions[max(index - 1, 0)]

    def numbered(self, number: int) -> Version | None:
        """The version of a number, None when this reading does not know it yet."""
        return self.versions[number - 1] if 0 < number <= len(self.versions) else None


def load_configuration(dsn: str) -> Configuration:
    """The whole configuration as it is now."""
    with connect(dsn, "writer") as connection:
        rows = connection.execute(f"{_VERSIONS} ORDER BY version").fetchall()
        versions = tuple(
            Version(number, to_microseconds(applied_at), Organisation.model_validate(document))
            for number, applied_at, document in rows
        )
        return Configuration(versions, read_calendar(connection))


async def current_version(connection: psycopg.AsyncConnection, as_of: datetime | None = None) -> Version:
    """The newest version as the connection's transaction sees it, or the one that was known at a moment."""
    row = await (await connection.execute(_KNOWN, (as_of,))).fetchone()
    if row is None:
        raise RuntimeError("the database has no configuration: it was never migrated")
    return Version(row[0], to_microseconds(row[1]), Organisation.model_validate(row[2]))


def change(dsn: str, changes: Mapping[str, Any], by: str) -> Version:
    """Apply changes in the shape of the organisation's file; nothing is written when nothing differs.

    `dsn` is the owner's. Raises `UserError` that names every problem.
    """
    with connect(dsn) as connection, connection.transaction():
        connection.execute(_LOCK)
        row = connection.execute(_NEWEST).fetchone()
        if row is None:
            raise UserError("the database has no configuration yet: run `groenmeter migrate`")
        before = Version(row[0], to_microseconds(row[1]), Organisation.model_validate(row[2]))
        try:
            after = before.organisation.with_changes(changes)
        except OrganisationError as error:
            raise UserError(_readable(error)) from None
        if after == before.organisation:
            return before
        if after.time_zone != before.organisation.time_zone:
            _refuse_late_zone(connection, before.organisation.time_zone)
            write_calendar(connection, _calendar(after.time_zone))
        changed = file_changes(before.organisation.factors, after.factors)
        if changed:
            record_factors(connection, changed, by)
        return append_version(connection, after, by)


def apply_file(dsn: str, path: Path) -> Version:
    """Apply an organisation's file (TOML). Raises `UserError`."""
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Number)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    return change(dsn, changes, f"file {path.name}")


def append_version(connection: psycopg.Connection, organisation: Organisation, by: str) -> Version:
    """Write the next version, in force from now on; never earlier than the one before it."""
    row = connection.execute(
        """
        INSERT INTO configuration (version, applied_at, applied_by, document, factors)
        SELECT coalesce(max(version), 0) + 1,
            greatest(clock_timestamp(), max(applied_at) + interval '1 microsecond'), %s, %s, %s
        FROM configuration
        RETURNING version, applied_at
        """,
        (
            by,
            Jsonb(organisation.model_dump(mode="json", exclude={"factors"})),
            Jsonb({slug: entry.model_dump(mode="json") for slug, entry in organisation.factors.items()}),
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - INSERT ... RETURNING always answers
    return Version(row[0], to_microseconds(row[1]), organisation)


def _refuse_late_zone(connection: psycopg.Connection, zone: str) -> None:
    if connection.execute("SELECT 1 FROM batch_log WHERE events > 0 LIMIT 1").fetchone():
        raise UserError(
            f"time_zone: is {zone} for good, because measurements were counted in its days; "
            "a new time zone needs a new database"
        )


def _calendar(zone: str) -> Calendar:
    try:
        return Calendar.of_zone(zone)
    except UnknownZone as error:
        raise UserError(f"time_zone: {error}") from None


def _readable(error: OrganisationError) -> str:
    lines = ["the organisation's file has mistakes; nothing was applied:"]
    for problem in error.problems:
        extra = "; ".join(
            part for part in (problem.allowed and f"allowed: {problem.allowed}", problem.hint) if part
        )
        lines.append(f"  {problem.field}: {problem.problem}" + (f" ({extra})" if extra else ""))
    return "\n".join(lines)
