"""Erasing free text for good: what is erased, the marks that stay, and erasing it again when it comes back.

Redactions are kept in the database, where batches meet them, and in a file apart from it and from its
backups, so that they outlive a restore. Amounts are never touched; what stands in the ledger for the content
that held an erased text becomes a keyed fingerprint, by which a repeat is still known as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from schemas.json_text import write_json
from schemas.redaction import (
    DATA_FIELDS,
    Identity,
    Redaction,
    Redactions,
    content_fingerprint,
    event_of,
    marks,
    payload_fingerprint,
    plain,
    text_fingerprint,
    texts_of,
    without_quotes,
    without_texts,
)
from services.errors import UserError
from services.store.connection import connect
from services.store.queries import query
from services.store.redaction_file import Kept, read_file, write_file

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be erased: everything that fits all that is given.

    `receipt`: the id of a post. `rejects`: numbers. `search`: a text that stands in the free text. `fields`:
    only these fields of the free text, empty for all. `whole`: of rejects everything that was posted.
    """

    team: str | None = None
    kind: str | None = None
    source: str | None = None
    id: str | None = None
    revision: int | None = None
    receipt: str | None = None
    rejects: Sequence[int] = ()
    search: str | None = None
    fields: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True)
class FoundText:
    """Free texts of a revision of a measurement in the ledger, by field."""

    identity: Identity
    revision: int
    texts: Mapping[str, str]


@dataclass(frozen=True)
class FoundReject:
    """A reject that holds what is asked for.

    `texts`: the free texts to be erased from its payload. `whole`: the whole payload goes, because it is no
    readable event or what is searched for stands elsewhere in it. `identity` None: it names no measurement.
    """

    reject_no: int
    identity: Identity | None
    texts: Mapping[str, str]
    whole: bool
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Found:
    """What a redaction would erase. `names`: measurements whose id or source holds the searched text."""

    texts: list[FoundText]
    rejects: list[FoundReject]
    names: int = 0


@dataclass(frozen=True)
class Applied:
    """What was done: how many redactions there are now, how many of them the database did not know, and the
    texts (each field of each revision) and rejects that something was erased from."""

    known: int
    added: int
    texts: int
    rejects: int


def find(connection: psycopg.Connection, wanted: Wanted) -> Found:
    """What fits; nothing is changed. An owner's connection."""
    parameters = vars(wanted) | {"rejects": list(wanted.rejects) or None}
    texts: list[FoundText] = []
    rejects: list[FoundReject] = []
    with connection.transaction():
        if not wanted.rejects:
            texts += filter(
                None, (_found_text(row, wanted) for row in _rows(connection, "find_texts", parameters))
            )
        if wanted.revision is None:
            found = (_found_reject(row, wanted) for row in _rows(connection, "find_rejects", parameters))
            rejects += filter(None, found)
    sought = {"text": plain(wanted.search)} if wanted.search is not None else None
    named = connection.execute(query("still_named"), sought).fetchone() if sought else None
    return Found(texts, rejects, named[0] if named else 0)


def redact(dsn: str, wanted: Wanted, why: str, file: Path) -> tuple[Found, Applied]:
    """Erase what fits, for good. `dsn` is the owner's; `file` keeps the redactions apart from the database.

    Raises `UserError` when the file cannot be written; nothing is erased then.
    """
    with connect(dsn) as connection:
        with connection.transaction():
            connection.execute(query("lock_rules"))
            found = find(connection, wanted)
            kept, _ = _merged(connection, file)
            made = _redactions_of(kept.key, found, why)
            before = len(kept.redactions)
            write_file(file, kept := kept.with_more(made))
            applied = _apply(connection, kept, len(kept.redactions) - before)
        _vacuum(connection)
    return found, applied


def apply_redactions(dsn: str, file: Path) -> Applied:
    """Erase again whatever came back of what was erased: to be called behind every restore of the database.

    `dsn` is the owner's. Redactions of the file that the database does not know are added to it, and the
    other way round, so that either can be lost. Where nothing was ever erased nothing happens. Safe to
    repeat, and while batches are written.

    Raises `UserError` when the file cannot be read or written, or is another installation's.
    """
    with connect(dsn) as connection:
        with connection.transaction():
            connection.execute(query("lock_rules"))
            kept, added = _merged(connection, file)
            applied = _apply(connection, kept, added)
            if kept.redactions:
                write_file(file, kept)
        if applied.texts or applied.rejects:
            _vacuum(connection)
    return applied


def newest_number(connection: psycopg.Connection) -> int:
    """The number of the newest redaction, 0 when nothing was ever erased."""
    row = connection.execute(query("newest_redaction")).fetchone()
    return int(row[0]) if row else 0


async def newest_redaction(connection: psycopg.AsyncConnection) -> int:
    """The same, for a service."""
    row = await (await connection.execute(query("newest_redaction"))).fetchone()
    return int(row[0]) if row else 0


async def load_redactions(connection: psycopg.AsyncConnection) -> Redactions:
    """All redactions that this transaction sees, to be applied to what arrives."""
    row = await (await connection.execute(query("redaction_key"))).fetchone()
    if row is None:
        raise RuntimeError("the database was never migrated")
    rows = await (await connection.execute(query("redactions"))).fetchall()
    return Redactions.of(bytes(row[1]), rows[-1][0] if rows else 0, map(_redaction, rows))


def _merged(connection: psycopg.Connection, file: Path) -> tuple[Kept, int]:
    """The redactions of the database and of the file together; how many the database did not know."""
    row = connection.execute(query("redaction_key")).fetchone()
    if row is None:
        raise UserError("the database was never migrated: run `groenmeter migrate`")
    installation, key = str(row[0]), bytes(row[1])
    stored = Kept(installation, key, tuple(map(_redaction, connection.execute(query("redactions")))))
    written = read_file(file)
    if written is None:
        return stored, 0
    if written.installation != installation:
        raise UserError(
            f"{file} holds the redactions of another installation ({written.installation}, this one is "
            f"{installation}): set GROENMETER_REDACTIONS to the file of this one, or to a new path"
        )
    if written.key != key:
        if stored.redactions:
            raise UserError(f"{file} has another key than the database: is it of an older copy of it?")
        connection.execute(query("set_redaction_key"), (written.key,))
    merged = written.with_more(stored.redactions)
    return merged, len(merged.redactions) - len(stored.redactions)


def _apply(connection: psycopg.Connection, kept: Kept, added: int) -> Applied:
    rows = [
        (
            *(one.redacted_at, *(one.identity or (None,) * 4), one.fingerprint, one.why),
            *(one.field_name, one.reject_no),
        )
        for one in kept.redactions
    ]
    with connection.cursor() as cursor:
        cursor.executemany(query("insert_redaction"), rows)
    rules = Redactions.of(kept.key, 0, kept.redactions)
    if not rules:
        return Applied(0, 0, 0, 0)
    return Applied(len(rows), added, _erase_texts(connection, rules), _erase_from_rejects(connection, rules))


def _erase_texts(connection: psycopg.Connection, rules: Redactions) -> int:
    number = 0
    for row in list(_rows(connection, "texts_of_redacted")):
        erased = rules.erased(Identity(row["team"], row["kind"], row["source"], row["id"]), row["texts"])
        if not erased:
            continue
        number += len(erased)
        key = {name: row[name] for name in ("source_no", "id", "revision")}
        left = {name: text for name, text in row["texts"].items() if name not in erased}
        if row["erased"] is None:  # its content has its own fingerprint still
            _hide_content(connection, rules.key, key)
        connection.execute(query("erase_texts"), key | {"texts": Jsonb(left), "erased": Jsonb(marks(erased))})
    return number


def _hide_content(connection: psycopg.Connection, key: bytes, revision: Row) -> None:
    row = connection.execute(query("fingerprint_of"), revision).fetchone()
    if row is not None:
        parameters = revision | {"fingerprint": content_fingerprint(key, bytes(row[0]))}
        connection.execute(query("replace_fingerprint"), parameters)
        connection.execute(query("replace_counted_fingerprint"), parameters)


def _erase_from_rejects(connection: psycopg.Connection, rules: Redactions) -> int:
    changes = []
    if rules.has_payloads:
        changes += [
            ("erase_whole_reject", b"", moment, row)
            for row in _rows(connection, "kept_payloads")
            if (moment := rules.of_payload(bytes(row["payload"])))
        ]
    for row in _rows(connection, "rejects_of_redacted"):
        identity = Identity(row["team"], row["kind"], row["source"], row["id"])
        payload, moment = rules.scrubbed(identity, bytes(row["payload"]))
        if moment is not None:
            changes.append(("erase_reject", payload, moment, row))
    erased = set()
    for name, payload, moment, row in changes:
        if row["reject_no"] not in erased:  # one that went as a whole has no texts left
            erased.add(row["reject_no"])
            problems = Jsonb(without_quotes(row["problems"]))
            parameters = {"reject_no": row["reject_no"], "payload": payload, "erased_at": moment}
            connection.execute(query(name), parameters | {"problems": problems})
    return len(erased)


def _redactions_of(key: bytes, found: Found, why: str) -> list[Redaction]:
    """The redactions that erase what was found."""
    now = datetime.now(UTC)
    made: dict[tuple[Identity | None, bytes], Redaction] = {}
    holders: list[FoundText | FoundReject] = [*found.texts, *found.rejects]
    for holder in holders:
        if holder.identity is not None:
            for name, value in holder.texts.items():
                fingerprint = text_fingerprint(key, holder.identity, value)
                one = Redaction(fingerprint, now, holder.identity, why, field_name=_shown_field(name))
                made.setdefault((holder.identity, fingerprint), one)
    for reject in found.rejects:
        if reject.whole:
            fingerprint = payload_fingerprint(key, reject.payload)
            one = Redaction(fingerprint, now, None, why, reject_no=reject.reject_no)
            made.setdefault((None, fingerprint), one)
    return list(made.values())


def _shown_field(name: str) -> str:
    """The field's name, unless the poster made it up: then a person may be in it."""
    return name if name in DATA_FIELDS else "…"


def _found_text(row: Row, wanted: Wanted) -> FoundText | None:
    texts = _chosen(row["texts"], wanted)
    identity = Identity(row["team"], row["kind"], row["source"], row["id"])
    return FoundText(identity, row["revision"], texts) if texts else None


def _found_reject(row: Row, wanted: Wanted) -> FoundReject | None:
    payload = bytes(row["payload"])
    event = event_of(payload)
    parts = [row[name] for name in ("team", "kind", "source", "id")]
    identity = None if None in parts else Identity(*parts)
    texts = _chosen(texts_of(event), wanted)
    if wanted.search is not None:
        rest = payload if event is None else write_json(without_texts(event, texts)).encode()
        shown = rest.decode("utf-8", errors="replace") + write_json(row["problems"])
        elsewhere = plain(wanted.search) in plain(shown)
    else:
        elsewhere = event is None or (not texts and bool(wanted.rejects))
    if not texts and not elsewhere:
        return None
    whole = wanted.whole or elsewhere or identity is None or event is None
    return FoundReject(row["reject_no"], identity, texts, whole, payload)


def _chosen(texts: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    sought = None if wanted.search is None else plain(wanted.search)
    return {
        name: text
        for name, text in texts.items()
        if (not wanted.fields or name in wanted.fields) and (sought is None or sought in plain(text))
    }


def _rows(connection: psycopg.Connection, name: str, parameters: Row | None = None) -> Iterator[Row]:
    """The rows of a query, some at a time: there may be millions. Within a transaction."""
    with connection.cursor(name, row_factory=dict_row) as cursor:
        yield from cursor.execute(query(name), parameters)


def _redaction(row: Sequence[Any]) -> Redaction:
    _, redacted_at, team, kind, source, id_, fingerprint, why, field_name, reject_no = row
    identity = None if team is None else Identity(team, kind, source, id_)
    return Redaction(bytes(fingerprint), redacted_at, identity, why, field_name, reject_no)


def _vacuum(connection: psycopg.Connection) -> None:
    """Let the database overwrite the old rows, and take its samples anew: in them are texts too."""
    connection.execute("VACUUM (ANALYZE) free_text, reject")
