"""`groenmeter publish`, `publications` and `restatements`: what was told, and what is not so any more."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from schemas.calendar import from_microseconds, pinned_zone
from schemas.catalogue import KINDS
from schemas.json_text import write_json
from schemas.moments import read_moment
from schemas.privacy import refuse_person
from schemas.problems import Refusal
from services.errors import UserError
from services.operator import operator_dsn
from services.query import publications as publications_call
from services.query import restatements as restatements_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, show
from services.query.pages import as_text
from services.query.target_table import Language
from services.settings import load_settings
from services.store.configuration import load_configuration
from services.store.connection import account, connect
from services.store.publications import Draft, publish
from services.store.snapshot import settled_batch

_LISTED = ("publication", "told_on", "told_to", "from", "to", "kinds", "as_of", "published_by", "note")
_FIGURES = ("kind", "category", "flow", "quantity", "unit", "readings", "kg CO2e", "factors")
_LONGEST_NAME = 100
_LONGEST_TEXT = 500
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 1, 1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="publish")(make_publication)
    for command in (publications, restatements):
        app.command()(command)


def make_publication(
    name: Annotated[str, typer.Argument(metavar="NAME", help='Like "quarterly report, 2026-1": for ever.')],
    from_: Annotated[str, typer.Option("--from", help="The first local day, like 2026-01-01.")],
    to: Annotated[str, typer.Option("--to", help="The local day after the last.")],
    kind: Annotated[
        str | None, typer.Option("--kind", help=f"Only these of {', '.join(KINDS)}, with commas.")
    ] = None,
    told_to: Annotated[str, typer.Option("--told-to", help="To whom: a body or a role, no name.")] = "",
    told_on: Annotated[
        str | None, typer.Option("--told-on", help="The local day; default today, or that of --as-of.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", help="As it was known at this moment: for what was told before it was published."
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Anything that belongs to it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Keep what was told: the figures of these days as they are known now, with the factors of now."""
    text = {"NAME": _text("NAME", name, _LONGEST_NAME), "--told-to": told_to, "--note": note}
    for field, value in text.items():
        _text(field, value, _LONGEST_TEXT)
    if not text["NAME"]:
        raise typer.BadParameter("is empty", param_hint="NAME")
    start, end = _day("--from", from_), _day("--to", to)
    if end <= start:
        raise typer.BadParameter("is not after --from; it is the day after the last", param_hint="--to")
    dsn = operator_dsn(load_settings())
    zone = pinned_zone(load_configuration(dsn).current.organisation.time_zone)
    moment = None if as_of is None else _moment(as_of)
    told = _day("--told-on", told_on) if told_on else (moment or datetime.now(UTC)).astimezone(zone).date()
    with connect(dsn) as connection:
        batch = None
        if moment is not None:
            batch = settled_batch(connection, moment)
            if batch is None or moment > datetime.now(UTC):
                raise UserError(f"--as-of {as_of}: nothing was known then; a moment up to now is allowed")
        published = publish(
            connection,
            Draft(
                name=text["NAME"],
                start=start,
                end=end,
                kinds=_kinds(kind),
                as_of=batch,
                told_on=told,
                told_to=told_to.strip(),
                note=note.strip(),
                published_by=account(),
            ),
        )
    if as_json:
        answer = ask_database(
            lambda reading: publications_call.publications_answer(
                reading, [("name", published.name)], unlimited=True
            )
        )
        typer.echo(write_json(answer["rows"][0]))
        return
    typer.echo(
        f"published {published.name}: {published.from_day} to {published.to_day}, "
        f"as of {as_text(published.as_of)}; `groenmeter restatements` tells when it is not so any more"
    )


def publications(
    as_of: Annotated[str | None, option("as_of", publications_call.PARAMETERS)] = None,
    basis: Annotated[str | None, option("basis", publications_call.PARAMETERS)] = None,
    name: Annotated[str | None, typer.Argument(help="Only this one, with its figures.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was told to whom, the newest first."""
    pairs = pairs_of(as_of=as_of, basis=basis, name=name)
    answer = ask_database(
        lambda connection: publications_call.publications_answer(connection, pairs, unlimited=True)
    )
    if name is None:
        table = new_table(*_LISTED)
        for row in answer["rows"]:
            kinds = "all" if row["kinds"] is None else ", ".join(row["kinds"])
            table.add_row(*cells(*[(row | {"kinds": kinds})[column] for column in _LISTED]))
    else:
        table = new_table(*_FIGURES)
        for figure in answer["rows"][0]["figures"]:
            factors = ", ".join(str(number) for number in figure["factors"])
            shown = figure | {"kg CO2e": figure["co2e"], "factors": factors}
            table.add_row(*cells(*[shown[column] for column in _FIGURES]))
    show(answer, table, as_json)


def restatements(
    publication: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Since this publication.")
    ] = None,
    kind: Annotated[str | None, option("kind", restatements_call.PARAMETERS)] = None,
    team: Annotated[str | None, option("team", restatements_call.PARAMETERS)] = None,
    bucket: Annotated[str | None, option("bucket", restatements_call.PARAMETERS)] = None,
    by: Annotated[str | None, option("by", restatements_call.PARAMETERS)] = None,
    detail: Annotated[str | None, option("detail", restatements_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", restatements_call.PARAMETERS)] = None,
    basis: Annotated[str | None, option("basis", restatements_call.PARAMETERS)] = None,
    language: Annotated[Language, typer.Option("--lang", help="Of the sentences.")] = "en",
    as_json: AsJson = False,
) -> None:
    """What is not so any more since it was published: before, after, and why."""
    pairs = pairs_of(
        publication=publication,
        kind=kind,
        team=team,
        bucket=bucket,
        by=by,
        detail=detail,
        as_of=as_of,
        basis=basis,
    )
    answer = ask_database(
        lambda connection: restatements_call.restatements_answer(connection, pairs, unlimited=True)
    )
    table = new_table("what changed")
    for name in ("before", "after", "unit", "kg CO2e before", "after", "activity", "factors"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    for row in answer["rows"]:
        table.add_row(*cells(row["text"][language], *_numbers(row)))
    show(answer, table, as_json)


def _numbers(row: dict[str, Any]) -> list[object]:
    co2e = row["co2e"]
    amounts = [row["before"], row["after"], row["unit"]]
    return [*amounts, *[co2e[name] for name in ("before", "after", "activity", "factors")]]


def _text(field: str, text: str, longest: int) -> str:
    """A text that people will read, stripped; wrong usage when it cannot be one."""
    stripped = text.strip()
    if len(stripped) > longest:
        raise typer.BadParameter(f"has {len(stripped)} characters; at most {longest}", param_hint=field)
    if not stripped.isprintable():
        raise typer.BadParameter("holds a control character", param_hint=field)
    try:
        refuse_person(stripped)
    except Refusal as refusal:
        raise typer.BadParameter(f"{refusal.problem}; {refusal.hint}", param_hint=field) from None
    return stripped


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date like 2026-03-01", param_hint=field) from None
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise typer.BadParameter(f"{day} is out of reach: {_FIRST_DAY} to {_LAST_DAY}", param_hint=field)
    return day


def _moment(text: str) -> datetime:
    try:
        return from_microseconds(read_moment(text))
    except Refusal as refusal:
        hint = "; ".join(filter(None, (refusal.problem, refusal.allowed, refusal.hint)))
        raise typer.BadParameter(hint, param_hint="--as-of") from None


def _kinds(text: str | None) -> list[str] | None:
    if text is None:
        return None
    kinds = sorted({part.strip() for part in text.split(",")})
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong:
        raise typer.BadParameter(
            f"{', '.join(wrong)}: not known; allowed: {', '.join(KINDS)}", param_hint="--kind"
        )
    return kinds
