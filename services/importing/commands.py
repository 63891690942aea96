"""`groenmeter post`, `import`, `template`."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from schemas.calendar import pinned_zone
from schemas.catalogue import KINDS
from schemas.privacy import refuse_email
from schemas.problems import Refusal
from services.client import Door, as_json, connect
from services.errors import UserError
from services.importing.comparison import Comparison, Outgoing
from services.importing.event_files import STDIN, EventText, read_events
from services.importing.judge import Judge
from services.importing.ledger import Ledger
from services.importing.posting import Posted, post, progress, wait_until_counted
from services.importing.profile import BOOLEAN_FIELDS, Profile, built_in_names, load_profile
from services.importing.reader import Outcome, Reader
from services.importing.report import print_preview
from services.importing.template import write_template
from services.settings import PREFIX, Settings, load_settings

ROWS_BETWEEN_PROGRESS = 1_000  # showing it costs as much as reading a row

Wait = Annotated[bool, typer.Option("--wait", help="Wait until everything is counted.")]


def register(app: typer.Typer) -> None:
    """Add the commands that bring measurements in."""
    app.command(name="post")(post_files)
    app.command(name="import")(import_file)
    app.command(name="template")(template)


def post_files(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="JSON or NDJSON; - is standard input.")
    ],
    wait: Wait = False,
) -> None:
    """Post CloudEvents from files: a JSON object, a JSON array, or one event on each line.

    What is refused is listed on stderr, the rest counts; exit code 1 when anything was refused.
    """
    for name in files:
        if name != STDIN and not Path(name).is_file():
            raise UserError(f"there is no file {name}; nothing is posted")
    with connect(load_settings()) as door:
        posted = post(door, itertools.chain.from_iterable(map(read_events, files)))
        ok = _finish(door, posted, wait)
    if not ok:
        raise typer.Exit(1)


def import_file(
    file: Annotated[Path, typer.Argument(help="A spreadsheet or a CSV file.")],
    profile: Annotated[
        str,
        typer.Option(help=f"How to read it: the path of a .toml file, or {', '.join(built_in_names())}."),
    ],
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field for all rows, like team=keuken."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be posted, and stop.")] = False,
    retract_missing: Annotated[
        bool,
        typer.Option("--retract-missing", help="Retract what this delivery held before and holds no more."),
    ] = False,
    delivery: Annotated[
        str | None, typer.Option(help="The name of the delivery; the file's name if not given.")
    ] = None,
    wait: Wait = False,
) -> None:
    """Import a spreadsheet or a meter's export: rows become events, by a profile.

    Importing again changes nothing; a changed amount becomes the next revision. Exit code 1 when a row was
    not understood or refused; the other rows count.
    """
    settings = load_settings()
    rules = load_profile(profile, _constants(constants or []))
    name = _delivery(file, delivery)
    _check_team(rules, settings)
    with connect(settings) as door, tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:
        zone = door.time_zone()
        judge = Judge(zone)
        reader = Reader(rules, name, judge)
        comparison = Comparison(reader, Ledger(door, rules), judge)
        number = _store(comparison.outgoing(_shown(reader, file)), waiting)
        missing = list(comparison.retractions())
        typer.echo(f"{file} by {profile} ({rules.en}), delivery {name}")
        print_preview(comparison.preview, pinned_zone(zone))
        understood = not comparison.preview.not_understood.count
        if retract_missing and missing and not understood:
            typer.echo(
                "Nothing is retracted: a row that is not understood may be the one that is missing.", err=True
            )
        elif retract_missing:
            number += _store(iter(missing), waiting)
        ok = dry_run or _finish(door, post(door, _stored(waiting), number), wait)
    if not (ok and understood):
        raise typer.Exit(1)


def template(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; groenmeter-KIND.xlsx if not given.")
    ] = None,
) -> None:
    """Write a spreadsheet to fill in, with lists to choose from; the profile template-KIND reads it."""
    if kind not in KINDS:
        raise UserError(f"{kind!r} is not a kind of measurement: choose from {', '.join(KINDS)}")
    path = output or Path(f"groenmeter-{kind}.xlsx")
    write_template(load_profile(f"template-{kind}"), path)
    typer.echo(
        f"{path} is ready to fill in. Then: groenmeter import {path} --profile template-{kind} --dry-run"
    )


def _constants(texts: list[str]) -> dict[str, str | bool]:
    constants: dict[str, str | bool] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not (field and equals and value):
            raise UserError(f"--set {text}: write FIELD=VALUE, like --set team=keuken")
        constants[field] = value == "true" if field in BOOLEAN_FIELDS else value
    return constants


def _delivery(file: Path, given: str | None) -> str:
    name = given or file.name
    try:
        refuse_email(name)
    except Refusal as refusal:
        raise UserError(f"the name of the delivery {refusal.problem}: give another with --delivery") from None
    return name


def _check_team(profile: Profile, settings: Settings) -> None:
    """A team's token says whose rows they are; without one the profile or the command must."""
    if settings.token is None and "team" not in profile.columns and "team" not in profile.constants:
        raise UserError(f"name the team: --set team=SLUG, or set {PREFIX}TOKEN to the token of the team")


def _shown(reader: Reader, path: Path) -> Iterator[Outcome]:
    """The outcome of every row, with progress meanwhile; how many rows a file has only its end tells."""
    with progress() as bar:
        task = bar.add_task("reading, in percent", total=100)
        for number, outcome in enumerate(reader.read(path), 1):
            yield outcome
            if number % ROWS_BETWEEN_PROGRESS == 0:
                bar.update(task, completed=100 * reader.share_read)


def _store(events: Iterator[Outgoing], file: TextIO) -> int:
    """Put events aside on disk: a large file is read once, and posted after everything is shown.

    Returns how many there were.
    """
    number = 0
    for outgoing in events:
        place = "gone" if outgoing.row is None else f"row {outgoing.row}"
        file.write(f"{place}\t{as_json(outgoing.event)}\n")
        number += 1
    return number


def _stored(file: TextIO) -> Iterator[EventText]:
    file.seek(0)
    for line in file:
        place, _, text = line.rstrip("\n").partition("\t")
        yield EventText(place, text)


def _finish(door: Door, posted: Posted, wait: bool) -> bool:
    """Say what became of it, and how to follow the rest; whether all of it was accepted and counted."""
    if not posted.accepted and not posted.refused:
        typer.echo("nothing to post")
        return True
    typer.echo(f"{posted.accepted:,} accepted, {posted.refused:,} refused")
    if posted.odd:
        typer.echo(
            f"{posted.odd:,} odd: post the next revision, or say that it is right: groenmeter flags", err=True
        )
    if wait:
        counted = wait_until_counted(door, posted)
        typer.echo(f"{counted.new:,} new, {counted.repeats:,} repeats, {counted.rejected:,} not counted")
        if counted.rejected:
            typer.echo("Why they are not counted: groenmeter rejects", err=True)
        return not (posted.refused or counted.rejected)
    for receipt in posted.receipts:
        typer.echo(f"to follow it: groenmeter receipt {receipt}")
    return not posted.refused
