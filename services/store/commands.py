"""`groenmeter migrate`, `team`, `token`, `integrator`, `organisation`: for the owner of the database."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from aiokafka.errors import KafkaError
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.table import Table

from schemas.catalogue import KINDS
from schemas.organisation import Organisation
from schemas.topics import Topic
from services.access import Outcome, commands, permissions_of
from services.broker import Administration
from services.errors import UserError
from services.operator import operator_dsn, with_broker
from services.settings import Settings, load_settings
from services.store.configuration import apply_file, change, load_configuration
from services.store.connection import Role, connect, ensure_login
from services.store.migrate import migrate, pending
from services.store.redactions import apply_redactions
from services.store.tokens import ONE_YEAR, Sort, create_token, list_tokens, revoke_token

_BY = "command line"
_ROLES: Mapping[str, Role] = {"writer": "writer", "reader": "reader"}

AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
Dutch = Annotated[str | None, typer.Option("--nl", help="Its name in Dutch.")]
English = Annotated[str | None, typer.Option("--en", help="Its name in English.")]

team = typer.Typer(help="The Green Teams.", no_args_is_help=True)
token = typer.Typer(help="Tokens to post and to read with.", no_args_is_help=True)
integrator = typer.Typer(help="Machines that write to topics of their own.", no_args_is_help=True)
organisation = typer.Typer(help="Sites, teams, integrators and meters from a file.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of the store."""
    app.command(name="migrate")(bring_up_to_date)
    app.add_typer(team, name="team")
    app.add_typer(token, name="token")
    app.add_typer(integrator, name="integrator")
    app.add_typer(organisation, name="organisation")


def bring_up_to_date(
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be applied.")] = False,
    logins: Annotated[
        list[str] | None,
        typer.Option(
            "--login",
            metavar="ROLE=FILE",
            help="Then make sure of a login with the role writer or reader; the file holds its DSN.",
        ),
    ] = None,
) -> None:
    """Bring the database to the newest migration."""
    accounts = [_account(text) for text in logins or ()]
    settings = load_settings()
    dsn = operator_dsn(settings)
    if plan:
        with connect(dsn) as connection:
            names = [migration.name for migration in pending(connection)]
    else:
        names = migrate(dsn)
        _erase_again(dsn, settings)
    for name in names:
        typer.echo(name)
    if not names:
        typer.echo("the database is up to date", err=True)
    for login, password, role in accounts if not plan else ():
        ensure_login(dsn, login, password, role)
        typer.echo(f"login {login} has the role {role}", err=True)


def _erase_again(dsn: str, settings: Settings) -> None:
    """An older copy of the database, put back by hand, may hold text that was erased since."""
    try:
        applied = apply_redactions(dsn, settings.redactions_file)
    except UserError as error:
        typer.echo(f"what was erased could not be compared: {error}", err=True)
    else:
        if applied.texts or applied.rejects:
            typer.echo(f"erased again: {applied.texts} texts, and from {applied.rejects} rejects", err=True)


@team.command(name="add")
def add_team(
    slug: str,
    detail: Annotated[
        bool | None,
        typer.Option("--detail/--no-detail", help="What it posts is also in another's measurement."),
    ] = None,
    nl: Dutch = None,
    en: English = None,
) -> None:
    """Add a team, or change its names or setting; the slug is for ever."""
    entry = {"detail": detail, "nl": nl, "en": en}
    given = {name: value for name, value in entry.items() if value is not None}
    version = change(operator_dsn(load_settings()), {"teams": {slug: given}}, _BY)
    typer.echo(f"team {slug} is in configuration {version.number}", err=True)


@team.command(name="list")
def show_teams(as_json: AsJson = False) -> None:
    """Show the teams."""
    rows = [
        {"team": slug, "nl": entry.nl, "en": entry.en, "detail": entry.detail}
        for slug, entry in sorted(_organisation().teams.items())
    ]
    _show(rows, as_json)


@token.command(name="create")
def make_token(
    slug: Annotated[str | None, typer.Argument(help="The team that posts with it.")] = None,
    steward: Annotated[bool, typer.Option("--steward", help="Posts for several teams, reads all.")] = False,
    teams: Annotated[
        str | None, typer.Option("--team", help="A steward's teams, with commas; all when left out.")
    ] = None,
    viewer: Annotated[bool, typer.Option("--viewer", help="Reads totals, targets and factors.")] = False,
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="The first day without it.")
    ] = None,
) -> None:
    """Make a token: a team's, a steward's or a viewer's. It is printed once and kept nowhere."""
    if (slug is not None) + steward + viewer != 1:
        raise typer.BadParameter("name a team, or give one of --steward and --viewer")
    if teams is not None and not steward:
        raise typer.BadParameter("--team goes with --steward")
    sort: Sort = "steward" if steward else "viewer" if viewer else "team"
    names = [slug] if slug is not None else [] if viewer else _names(teams)
    lifetime = _end_of(expires.date()) - datetime.now(UTC) if expires else ONE_YEAR
    if lifetime.total_seconds() <= 0:
        raise typer.BadParameter("--expires must be in the future")
    typer.echo(create_token(operator_dsn(load_settings()), sort, names, lifetime=lifetime))


@token.command(name="list")
def show_tokens(as_json: AsJson = False) -> None:
    """Show the tokens there are and were, never their secrets."""
    now = datetime.now(UTC)
    rows = [
        {
            "token": entry.name,
            "sort": entry.sort,
            "teams": "all" if entry.sort == "steward" and entry.teams is None else sorted(entry.teams or ()),
            "created": entry.created_at.isoformat(timespec="seconds"),
            "expires": entry.expires_at.isoformat(timespec="seconds"),
            "state": "valid" if entry.is_valid(now) else "revoked" if entry.revoked_at else "expired",
            "label": entry.label,
        }
        for entry in list_tokens(operator_dsn(load_settings()))
    ]
    _show(rows, as_json)


@token.command(name="revoke")
def end_token(name: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name, or itself.")]) -> None:
    """Revoke a token: it opens nothing from now on."""
    revoked = revoke_token(operator_dsn(load_settings()), name)
    typer.echo(f"token {revoked.name} is revoked", err=True)


@integrator.command(name="add")
def add_integrator(
    slug: str,
    teams: Annotated[str, typer.Option("--teams", help="The teams it may speak for, with commas.")],
    principal: Annotated[
        str | None,
        typer.Option(help="Who it is to the cluster's ACLs; User:SLUG when left out.", metavar="User:NAME"),
    ] = None,
    nl: Dutch = None,
    en: English = None,
) -> None:
    """Add an integrator, or change its teams; makes its topics, one for each kind, and prints them.

    On a cluster with ACLs only it may write to them; what we may not allow is printed as Kafka's commands.
    """
    settings = load_settings()
    names = {name: value for name, value in {"nl": nl, "en": en}.items() if value is not None}
    change(operator_dsn(settings), {"integrators": {slug: {"teams": _names(teams), **names}}}, _BY)
    topics = [Topic(kind, slug).name for kind in KINDS]
    try:
        notes = asyncio.run(_make_topics(settings, topics, principal or f"User:{slug}"))
    except (KafkaError, OSError, UserError):
        notes = ["the broker does not answer; the door makes the topics when it does"]
    for note in notes:
        typer.echo(note, err=True)
    for topic in topics:
        typer.echo(topic)


@integrator.command(name="list")
def show_integrators(as_json: AsJson = False) -> None:
    """Show the integrators, the teams they may speak for and their topics."""
    rows = [
        {
            "integrator": slug,
            "nl": entry.nl,
            "en": entry.en,
            "teams": list(entry.teams),
            "topics": [Topic(kind, slug).name for kind in KINDS],
        }
        for slug, entry in sorted(_organisation().integrators.items())
    ]
    _show(rows, as_json)


@organisation.command(name="apply")
def apply(file: Annotated[Path, typer.Argument(help="The organisation's file (TOML).")]) -> None:
    """Add and change what the file names; what it does not name stays."""
    version = apply_file(operator_dsn(load_settings()), file)
    typer.echo(f"configuration {version.number} is in force", err=True)


async def _make_topics(settings: Settings, topics: Sequence[str], principal: str) -> list[str]:
    """Make the topics, and let only the principal write to them; what there is to say about that."""
    cluster = with_broker(settings)
    async with Administration(cluster) as administration:
        await administration.ensure_topics(topics)
        if settings.broker is None:
            return ["the embedded broker has no logins: whoever reaches it can write to these topics"]
        permissions = permissions_of(principal, topics)
        outcome = await administration.allow(permissions)
        faults = await administration.faults(topics)
    if outcome is Outcome.ALLOWED:
        return [f"{principal} may write to these topics", *faults]
    if outcome is Outcome.NO_ACLS:
        return ["the cluster has no ACLs: whoever reaches it can write to these topics", *faults]
    asked = "\n".join(commands(permissions, cluster.broker or ""))
    return [f"we may not change the cluster's ACLs; ask its administrator for:\n{asked}", *faults]


def _organisation() -> Organisation:
    return load_configuration(operator_dsn(load_settings())).current.organisation


def _account(text: str) -> tuple[str, str, Role]:
    """Login, password and role of `ROLE=FILE`; what the file holds is never shown."""
    name, _, file = text.partition("=")
    role = _ROLES.get(name)
    if role is None or not file:
        raise typer.BadParameter(f"{text!r} is not writer=FILE or reader=FILE", param_hint="--login")
    try:
        parameters = conninfo_to_dict(Path(file).read_text(encoding="utf-8").strip())
        return str(parameters["user"]), str(parameters["password"]), role
    except OSError as error:
        raise UserError(f"--login: cannot read {file}: {error}") from error
    except (UnicodeDecodeError, psycopg.ProgrammingError, KeyError):
        raise UserError(f"--login: {file} must hold postgresql://user:password@host:port/database") from None


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _show(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"rows": rows}, ensure_ascii=False))
        return
    if not rows:
        typer.echo("none yet", err=True)
        return
    table = Table(*rows[0], box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            *(", ".join(value) if isinstance(value, list) else str(value) for value in row.values())
        )
    Console(soft_wrap=True).print(table)
