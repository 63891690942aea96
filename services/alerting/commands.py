"""`groenmeter subscriber` and `messages`: who is told, and what became of each message."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.catalogue import SLUG, SLUG_RULE
from schemas.json_text import write_json
from schemas.problems import unknown
from schemas.targets import targets_of
from services.alerting.chat import is_apprise_url, service_of
from services.alerting.delivery import mail_server, send
from services.alerting.message import compose_test
from services.alerting.smtp_url import EMAIL
from services.alerting.webhook import key_of, new_secret
from services.errors import UserError
from services.operator import operator_dsn
from services.settings import load_settings
from services.store.configuration import load_configuration
from services.store.connection import connect
from services.store.outbox import list_messages
from services.store.subscribers import (
    Channel,
    Language,
    NewSubscriber,
    Severity,
    add_subscriber,
    list_subscribers,
    remove_subscriber,
)

_FILE_WIDTH = 250  # columns of a table that is not read on a terminal: nothing is folded

subscriber = typer.Typer(help="Who is told when a target slips.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
Name = Annotated[str, typer.Argument(help="What it is called here; see `subscriber list`.")]


def register(app: typer.Typer) -> None:
    """Add the commands of alerting."""
    app.add_typer(subscriber, name="subscriber")
    app.command()(messages)


@subscriber.command(name="add")
def add(
    name: Annotated[str, typer.Argument(help="What to call it: lower-case letters, digits and hyphens.")],
    email: Annotated[str | None, typer.Option("--email", help="Send e-mail to this address.")] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", help="Post to this web address, signed; - reads it from stdin.")
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option("--apprise", help="Send through apprise to this address; - reads it from stdin."),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file", help="Holds the webhook's secret; without it one is made and printed once."
        ),
    ] = None,
    targets: Annotated[
        list[str] | None, typer.Option("--target", help="Only this target; may be given several times.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only the targets of this team.")] = None,
    severity: Annotated[
        Severity, typer.Option("--severity", help="From which status on: amber tells of red too.")
    ] = "amber",
    language: Annotated[Language, typer.Option("--language", help="Of its messages.")] = "nl",
) -> None:
    """Tell somebody when a target slips: by e-mail, a signed webhook, or any service that apprise knows."""
    given: dict[Channel, str | None] = {"email": email, "webhook": webhook, "apprise": chat}
    channels = [channel for channel, value in given.items() if value is not None]
    if len(channels) != 1:
        raise typer.BadParameter("give one of --email, --webhook and --apprise")
    if secret_file is not None and webhook is None:
        raise typer.BadParameter("--secret-file goes with --webhook")
    if not re.fullmatch(SLUG, name):
        raise UserError(f"the name {name!r} cannot be used; allowed: {SLUG_RULE}")
    dsn = operator_dsn(load_settings())
    _check_scope(dsn, targets or [], team)
    new = NewSubscriber(
        name=name,
        channel=channels[0],
        address=_address(channels[0], given[channels[0]] or ""),
        secret=_secret(secret_file) if webhook is not None else None,
        targets=targets or None,
        team=team,
        severity=severity,
        language=language,
    )
    with connect(dsn) as connection:
        if not add_subscriber(connection, new):
            raise UserError(f"there is a subscriber {name} already: choose another name, or remove it first")
    typer.echo(f"{name} is told from now on; try it with `groenmeter subscriber test {name}`", err=True)
    if new.secret and secret_file is None:
        typer.echo("the secret that its messages are signed with, shown once:", err=True)
        typer.echo(new.secret)


@subscriber.command(name="list")
def show(as_json: AsJson = False) -> None:
    """Show who is told of what; addresses that may hold a secret are cut short."""
    with connect(operator_dsn(load_settings())) as connection:
        rows = [
            {
                "subscriber": entry.name,
                "channel": entry.channel,
                "address": shown_address(entry),
                "targets": entry.targets,
                "team": entry.team,
                "severity": entry.severity,
                "language": entry.language,
                "created": entry.created_at.isoformat(timespec="seconds"),
                "disabled": entry.disabled_why,
            }
            for entry in list_subscribers(connection)
        ]
    _show(rows, as_json)


@subscriber.command(name="remove")
def remove(name: Name) -> None:
    """Tell it nothing more, and forget its address and what was sent to it."""
    with connect(operator_dsn(load_settings())) as connection:
        if not remove_subscriber(connection, name):
            raise _no_subscriber(name)
    typer.echo(f"{name} is removed", err=True)


@subscriber.command(name="test")
def test(name: Name) -> None:
    """Send it a test message now; exit code 1 and the reason when it is not taken."""
    settings = load_settings()
    with connect(operator_dsn(settings)) as connection:
        found = next((entry for entry in list_subscribers(connection) if entry.name == name), None)
    if found is None:
        raise _no_subscriber(name)
    message = compose_test(uuid4(), found.language, name)
    outcome = send(mail_server(settings), found, message)
    if outcome.state != "sent":
        raise UserError(f"the test message for {name} was not taken: {outcome.problem}")
    typer.echo(f"test message {message.id} was handed over", err=True)


def messages(
    most: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """What became of each message: waiting, sent or given up, and why."""
    with connect(operator_dsn(load_settings())) as connection:
        rows = [
            {name: _json_value(value) for name, value in vars(row).items()}
            for row in list_messages(connection, most)
        ]
    _show(rows, as_json)


def shown_address(entry: NewSubscriber) -> str:
    """The address without what may be secret: of a web address only the host, of apprise the service."""
    if entry.channel == "email":
        return entry.address
    if entry.channel == "apprise":
        return f"{service_of(entry.address)}://..."
    address = urlsplit(entry.address)
    return f"{address.scheme}://{address.hostname}/..."


def _check_scope(dsn: str, targets: Sequence[str], team: str | None) -> None:
    """Raise `UserError` for a target or team that is not there."""
    organisation = load_configuration(dsn).current.organisation
    known = {target.slug: target for target in targets_of(organisation)}
    problems = [unknown("--target", slug, known, longest=40) for slug in targets if slug not in known]
    if team is not None and team not in organisation.teams:
        problems.append(unknown("--team", team, organisation.teams))
    if problems:
        lines = [
            f"{problem.field} {problem.problem}; allowed: {problem.allowed}"
            + (f"; {problem.hint}" if problem.hint else "")
            for problem in problems
        ]
        raise UserError("\n".join(lines))


def _address(channel: Channel, text: str) -> str:
    """The address as it is stored. Raises `UserError`, which shows nothing of one that may be secret."""
    if channel != "email" and text == "-":
        text = sys.stdin.readline().strip()
    if channel == "email" and not EMAIL.fullmatch(text):
        raise UserError(f"--email {text!r} is not one e-mail address, like name@hospital.nl")
    if channel == "apprise" and not is_apprise_url(text):
        raise UserError(
            "--apprise: apprise cannot read this address; it needs that service's form, like "
            "slack://TOKEN_A/TOKEN_B/TOKEN_C or matrixs://USER:PASSWORD@HOST/ROOM "
            "(https://appriseit.com lists all)"
        )
    if channel == "webhook" and not _is_web_address(text):
        raise UserError("--webhook must be an http:// or https:// address without spaces")
    return text


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return bool(
            address.scheme in ("http", "https")
            and address.hostname
            and address.port != 0
            and re.fullmatch(r"[\x21-\x7e]{1,2000}", text)
        )
    except ValueError:
        return False


def _secret(file: Path | None) -> str:
    if file is None:
        return new_secret()
    try:
        secret = file.expanduser().read_text(encoding="utf-8").strip()
        key_of(secret)
    except (OSError, ValueError) as error:
        raise UserError(f"--secret-file {file}: {error}") from None
    return secret


def _no_subscriber(name: str) -> UserError:
    return UserError(f"there is no subscriber {name!r}: `groenmeter subscriber list` shows them")


def _show(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(write_json({"rows": list(rows)}))
        return
    if not rows:
        typer.echo("none yet", err=True)
        return
    table = Table(*rows[0], box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(table)


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value) if isinstance(value, date | UUID) else value


def _cell(value: object) -> Text:
    if isinstance(value, list):
        value = ", ".join(value)
    return Text("" if value is None else str(value))
