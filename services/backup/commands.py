"""`groenmeter backup` and `restore`."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, BinaryIO

import psycopg
import typer

from services.backup.archive import Archive, Manifest, write_archive
from services.errors import UserError
from services.intake.spool import FILE, SpoolFull, reopen
from services.local import control
from services.settings import Settings, load_settings
from services.store.backup import (
    Facts,
    counted_among,
    migrations_named,
    note_backup,
    open_copyable,
    refuse_to_overwrite,
    restore,
)
from services.store.connection import connect_async
from services.store.redactions import apply_redactions
from services.store.verify import Verification, verify

STANDARD = Path("-")


def register(app: typer.Typer) -> None:
    """Add the commands of backups."""
    app.command(name="backup")(back_up)
    app.command(name="restore")(put_back)


def back_up(
    file: Annotated[Path, typer.Argument(help="Where to put it; - is standard output.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also when there is such a file.")] = False,
) -> None:
    """Write the whole database to one file, as it is at this moment; everything goes on meanwhile.

    The file holds what the database holds: measurements with their free text, addresses of subscribers and
    the secrets of their webhooks, hashes of tokens, the key of receipts. Keep it like the database.
    """
    began = time.monotonic()
    with _database(load_settings()) as dsn, open_copyable(dsn) as copyable:
        facts = copyable.facts
        manifest = Manifest(groenmeter=version("groenmeter"), facts=facts)
        with _new_file(file, replace) as opened:
            rows = write_archive(opened, manifest, ((name, copyable.rows(name)) for name in facts.tables))
            size = opened.tell() if file != STANDARD else None
        note_backup(dsn, file.name, facts)
    _say(f"Backed up {_state(facts)}: {sum(rows.values()):,} rows of {len(rows)} tables")
    if size is not None:
        _say(f"{file}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s. Keep it like the database.")


def put_back(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote; - is standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give up what the database holds for what the backup has.")
    ] = False,
    spool: Annotated[
        bool | None,
        typer.Option(
            "--spool/--no-spool",
            help="Whether what was posted here since is counted again; needed only where that was counted by "
            "another installation than that of the backup.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Recompute every total from the ledger afterwards.")
    ] = True,
) -> None:
    """Put a backup in place of what the database holds; with what came since, as far as that is kept.

    A stack that runs here is ended first and started again. Either all is restored or nothing is changed.
    """
    settings = load_settings()
    with _existing_file(file) as opened:
        archive = Archive(opened)
        migrations_named(list(archive.manifest.facts.migrations))
        running = control.running_state(settings.home)
        if running is not None:
            if not replace and running.owner_dsn:
                with suppress(
                    psycopg.OperationalError
                ):  # it is lost; it is looked at again before the restore
                    refuse_to_overwrite(running.owner_dsn)
            _say("ending the stack")
            control.stop(settings.home)
        try:
            verification = _restore(settings, archive, file.name, replace=replace, spool=spool, check=check)
        finally:
            if running is not None:
                control.start_detached(settings, _say)
    if running is None and settings.database_url is None:
        _say("Start the stack with: groenmeter up --detach")
    if verification is not None and not verification.agrees:
        raise UserError(
            f"What was restored does not agree with its own ledger ({sum(verification.counts.values())} "
            "differences, `groenmeter verify` shows them): the backup is of a database that was wrong."
        )


def _restore(
    settings: Settings, archive: Archive, name: str, *, replace: bool, spool: bool | None, check: bool
) -> Verification | None:
    facts = archive.manifest.facts
    with _database(settings) as dsn:
        applied = restore(
            dsn, facts, archive.parts(), replace=replace, name=name, of_another=spool is not None
        )
        _say(f"Restored {_state(facts)}")
        if applied:
            _say(f"Brought up to date: {', '.join(applied)}")
        erased = apply_redactions(dsn, settings.redactions_file)
        if erased.known:
            _say(f"Erased again: {erased.texts} texts, of {erased.rejects} rejects what was in them")
        if spool is False:
            _put_aside(settings.home / "spool")
        else:
            _send_again(settings, dsn, facts)
        if not check:
            return None
        verification = asyncio.run(_verified(dsn))
        if verification.agrees:
            _say(f"Everything agrees: {verification.compared['ledger_rows']:,} rows of the ledger")
        return verification


def _send_again(settings: Settings, dsn: str, facts: Facts) -> None:
    """See to it that what was counted since the backup is counted again."""
    if settings.broker is not None:
        _say("What came since is read again from the topics, from the offsets in the backup on.")
        return
    spool = settings.home / "spool"
    if not (spool / FILE).exists():
        _say("There is no spool here: what came since the backup is not known here. Post it again.")
        return
    try:
        reopened = reopen(spool, lambda record_ids: counted_among(dsn, record_ids))
    except SpoolFull as failure:
        raise UserError(f"The database is restored, but {failure}; do it again with --replace.") from failure
    _say(
        f"The door sends again what was counted since: {reopened.records} records, {reopened.events} events."
    )
    if reopened.complete_since > facts.now.timestamp():
        lacking = datetime.fromtimestamp(reopened.complete_since, UTC)
        _say(
            f"The spool no longer has all that was counted from {_moment(facts.now)} to {_moment(lacking)}. "
            "Post again what came then: what is there already changes nothing."
        )


def _put_aside(spool: Path) -> None:
    """Leave what was posted here where no door finds it."""
    if spool.exists():
        aside = spool.with_name(f"spool-until-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        spool.rename(aside)
        _say(f"What was posted here is left aside in {aside}")


async def _verified(dsn: str) -> Verification:
    async with await connect_async(dsn, "owner") as connection:
        return await verify(connection, lambda _: None)


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The owner's address of the database: of the settings, of the running stack, or started for this."""
    running = control.running_state(settings.home)
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    elif running is not None and running.owner_dsn is not None:
        yield running.owner_dsn
    else:
        from services.local.alone import database_alone  # not above: it brings all parts of a stack along

        with database_alone(settings, _say) as dsn:
            yield dsn


@contextmanager
def _new_file(path: Path, replace: bool) -> Iterator[BinaryIO]:
    """A file that is there when it is whole, readable by its owner only."""
    if path == STANDARD:
        if sys.stdout.isatty():
            raise UserError("a backup is not for a terminal: send it to a file or a program")
        yield sys.stdout.buffer
        return
    if path.exists() and not replace:
        raise UserError(f"{path} is there already: choose another name, or --replace it")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _existing_file(path: Path) -> Iterator[BinaryIO]:
    if path == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        opened = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    with opened:
        yield opened


def _state(facts: Facts) -> str:
    return (
        f"the database {facts.database} as of {_moment(facts.now)} "
        f"(batch {facts.batch_no}, configuration {facts.configuration})"
    )


def _moment(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _say(line: str) -> None:
    typer.echo(line, err=True)
