"""The database as rows that can be kept elsewhere, and back."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import TopologicalSorter
from itertools import groupby

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from services.errors import UserError
from services.store.connection import connect
from services.store.migrate import Migration, apply_migrations, bring_up_to_date, migrating, migrations
from services.store.queries import query


@dataclass(frozen=True)
class Facts:
    """What a database holds at one moment.

    `now`: that moment by its clock. `batch_no`, `recorded_at`: its newest batch; `configuration`: the newest
    version. `migrations`: those that were applied, in order, with the SHA-256 of each. `tables`: the columns
    of each, in an order in which they can be filled. `sequences`: the last number of each, if it gave one.
    """

    database: str
    now: datetime
    installation: str
    batch_no: int
    recorded_at: datetime
    configuration: int
    migrations: dict[str, str]
    tables: dict[str, list[str]]
    sequences: dict[str, int | None]


class Copyable:
    """The database as it was at one moment, whatever is written meanwhile."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.facts = _facts(connection)

    def rows(self, table: str) -> Iterator[bytes | bytearray | memoryview]:
        """Every row of a table, as PostgreSQL's COPY writes it."""
        columns = SQL(", ").join(map(Identifier, self.facts.tables[table]))
        statement = SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, Identifier(table))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            yield from copy


@contextmanager
def open_copyable(dsn: str) -> Iterator[Copyable]:
    """Look at the database as it is now. `dsn` is the owner's.

    Raises `UserError` where there is nothing to look at.
    """
    with connect(dsn) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if not _is_there(connection, "batch_log"):
            raise UserError("There is nothing to back up: this database was never used by Groenmeter.")
        yield Copyable(connection)


def migrations_named(names: Sequence[str]) -> list[Migration]:
    """The migrations of these names. Raises `UserError` for one that only a newer version has."""
    ours = {migration.name: migration for migration in migrations()}
    if unknown := [name for name in names if name not in ours]:
        raise UserError(
            f"The backup is of a newer version of Groenmeter: this one has no {', '.join(unknown)}. "
            "Upgrade first; nothing was changed."
        )
    return [ours[name] for name in names]


def restore(
    dsn: str,
    facts: Facts,
    parts: Iterator[tuple[str, bytes]],
    *,
    replace: bool,
    name: str,
    of_another: bool = False,
) -> list[str]:
    """Put the rows of a backup in place of what is in the database, and bring that to the newest migration.

    One transaction: all of it or nothing. The tables are made as they were, by the migrations of that time,
    and brought up to date with the rows in them, as those of a database that was never away.

    Args:
        dsn: the owner's.
        facts: of the backup.
        parts: tables and rows as COPY wrote them, in the order of the facts.
        replace: also when the database holds something.
        name: of the backup, for the audit.
        of_another: also when what it holds was counted by another installation than that of the backup.

    Returns:
        the newer migrations that were applied.

    Raises:
        UserError: there is something and it is not to be replaced, or somebody may be writing to it.
    """
    made_by = migrations_named(list(facts.migrations))
    with migrating(dsn) as connection:
        given_up = _take_over(connection, None if of_another else facts.installation, replace)
        given_out = _given_out(connection)
        connection.execute(query("drop_everything"))
        apply_migrations(connection, made_by)
        put_rows(connection, _behind(facts, given_out), parts)
        applied = bring_up_to_date(connection)
        connection.execute(query("note_backup"), ("restore", name, given_up, _newest(connection)))
    with connect(dsn) as connection:
        connection.execute("ANALYZE")
    return applied


def put_rows(connection: psycopg.Connection, facts: Facts, parts: Iterator[tuple[str, bytes]]) -> None:
    """Put the rows of a backup in place of those of its tables; `parts` as of `restore`.

    What was given out since the backup is never given out again: sequences go on well behind it.
    """
    with _without_triggers(connection):
        tables = [Identifier(table) for table in facts.tables]
        connection.execute(SQL("TRUNCATE {}").format(SQL(", ").join(tables)))
        for table, group in groupby(parts, key=lambda part: part[0]):
            _fill(connection, table, facts.tables[table], (rows for _, rows in group))
    for name, last in facts.sequences.items():
        connection.execute(query("go_on_behind"), {"name": name, "last": last})


def refuse_to_overwrite(dsn: str) -> None:
    """Raise `UserError` when the database holds anything that a new one does not. `dsn` is the owner's."""
    with connect(dsn) as connection:
        if _is_there(connection, "batch_log"):
            _refuse_what_holds_anything(connection)


def note_backup(dsn: str, name: str, facts: Facts) -> None:
    """Note in the audit that somebody took a copy of everything. `dsn` is the owner's."""
    with connect(dsn) as connection:
        if _is_there(connection, "audit"):
            state = Jsonb({"batch_no": facts.batch_no, "recorded_at": facts.recorded_at.isoformat()})
            connection.execute(query("note_backup"), ("backup", name, None, state))


def counted_among(dsn: str, record_ids: Sequence[str]) -> set[str]:
    """Those of the door's records that are counted. `dsn` is the owner's."""
    with connect(dsn) as connection:
        return {record_id for (record_id,) in connection.execute(query("counted_among"), (list(record_ids),))}


def _facts(connection: psycopg.Connection) -> Facts:
    row = connection.execute(query("backup_facts")).fetchone()
    if row is None:
        raise RuntimeError("the batch log is empty: every migrated database has its first row")
    texts = {migration.name: migration.sql for migration in migrations()}
    applied = [name for (name,) in connection.execute(query("applied_migrations"))]
    if unknown := [name for name in applied if name not in texts]:
        raise UserError(
            f"The database was migrated by a newer version of Groenmeter ({', '.join(unknown)}): "
            "back it up with that."
        )
    tables = {
        name: (columns, parents) for name, columns, parents in connection.execute(query("backup_tables"))
    }
    order = TopologicalSorter({name: parents for name, (_, parents) in tables.items()})
    database, now, installation, batch_no, recorded_at, configuration = row
    return Facts(
        database=database,
        now=now,
        installation=installation,
        batch_no=batch_no,
        recorded_at=recorded_at,
        configuration=configuration,
        migrations={name: hashlib.sha256(texts[name].encode()).hexdigest() for name in applied},
        tables={name: tables[name][0] for name in order.static_order()},
        sequences=_given_out(connection),
    )


def _take_over(connection: psycopg.Connection, installation: str | None, replace: bool) -> Jsonb | None:
    """Let nobody in, and see to it that nobody is in who remembers what was here; what is given up."""
    if not _is_there(connection, "batch_log"):
        return None
    connection.execute("LOCK TABLE batch_log")
    others = connection.execute(query("writers_connected")).fetchall()
    if others:
        names = ", ".join(f"{name or 'without a name'} ({number})" for name, number in others)
        raise UserError(
            "Other programs are connected that may write to this database, and would go on as if nothing had "
            f"happened: {names}. Stop door, processors, tracker and teller first; nothing was changed."
        )
    if not replace:
        _refuse_what_holds_anything(connection)
    row = (
        connection.execute(query("counted_by_another"), (installation,)).fetchone() if installation else None
    )
    if row is not None:
        raise UserError(
            f"The backup is of another installation ({installation}) than what was counted here ({row[0]}, "
            f"{row[1]} events), and nothing was changed. --spool sends what was posted here to what is "
            "restored, too; --no-spool leaves it aside."
        )
    return _newest(connection)


def _given_out(connection: psycopg.Connection) -> dict[str, int | None]:
    """The last number of each sequence of what is there."""
    return dict(connection.execute(query("backup_sequences")).fetchall())


def _behind(facts: Facts, given_out: dict[str, int | None]) -> Facts:
    """The facts with the last numbers that were given out, be it by the database that is given up.

    It may have been restored from the same backup, and went on as far behind it as this one would.
    """
    sequences = {
        name: max(last or 0, given_out.get(name) or 0) or None for name, last in facts.sequences.items()
    }
    return replace(facts, sequences=sequences)


def _refuse_what_holds_anything(connection: psycopg.Connection) -> None:
    try:
        with connection.transaction():
            row = connection.execute(query("holds_anything")).fetchone()
    except psycopg.errors.UndefinedTable:  # it is damaged, and what is left of it may be wanted
        row = (True,)
    if row and row[0]:
        raise UserError(
            "The database holds data, and nothing was changed. With --replace they are given up for those of "
            "the backup."
        )


def _newest(connection: psycopg.Connection) -> Jsonb | None:
    """The newest batch, for the audit; None where there is none."""
    row = connection.execute(query("newest_batch")).fetchone()
    return Jsonb({"batch_no": row[0], "recorded_at": row[1].isoformat()}) if row else None


@contextmanager
def _without_triggers(connection: psycopg.Connection) -> Iterator[None]:
    """Rows that come back are neither new nor changed: no trigger is to check, note or refuse them."""
    triggers = connection.execute(query("our_triggers")).fetchall()
    for table, name, _ in triggers:
        statement = SQL("ALTER TABLE {} DISABLE TRIGGER {}")
        connection.execute(statement.format(Identifier(table), Identifier(name)))
    yield
    for table, name, when in triggers:
        statement = SQL("ALTER TABLE {} ENABLE {} TRIGGER {}")
        sort = SQL({"A": "ALWAYS", "R": "REPLICA"}.get(when, ""))
        connection.execute(statement.format(Identifier(table), sort, Identifier(name)))


def _fill(connection: psycopg.Connection, table: str, columns: Sequence[str], rows: Iterator[bytes]) -> None:
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(table), SQL(", ").join(map(Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in rows:
            copy.write(part)


def _is_there(connection: psycopg.Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{table}",)).fetchone()
    return bool(row and row[0])
