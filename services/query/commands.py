"""`groenmeter totals`, `targets`, `events`, `receipt`, `rejects`, `verify`: reading as the operator."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.json_text import write_json
from services.client import connect as open_door
from services.errors import UserError
from services.intake.receipts import receipt_state
from services.operator import operator_dsn
from services.query import events as events_call
from services.query import rejects as rejects_call
from services.query import targets as targets_call
from services.query import totals as totals_call
from services.query.pages import as_text
from services.query.parameters import InvalidParameters, Pairs, Parameter
from services.query.replay import replay as replay_rejects
from services.query.target_table import Language, footer, target_table
from services.settings import Settings, load_settings
from services.store import verify as verification
from services.store.configuration import load_configuration
from services.store.connection import connect, connect_async
from services.store.receipts import receipt_key
from services.store.rejects import rejects_to_replay
from services.store.tokens import Token

Answer = TypeVar("Answer")
Ask = Callable[[psycopg.AsyncConnection], Awaitable[Answer]]

_FILE_WIDTH = 250  # columns of a table that is not read on a terminal: nothing is folded

_OPERATOR = Token(0, "operator", "steward", None, "", datetime.min, datetime.max, None)  # noqa: DTZ901


def _option(name: str, parameters: Iterable[Parameter]) -> Any:
    """The option of a parameter, with the same words as in OpenAPI."""
    parameter = next(parameter for parameter in parameters if parameter.name == name)
    return typer.Option(f"--{name.replace('_', '-')}", help=parameter.description)


AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object, with all rows.")]


def register(app: typer.Typer) -> None:
    """Add the reading commands."""
    for command in (totals, targets, events, receipt, rejects, verify):
        app.command()(command)


def totals(
    kind: Annotated[str, _option("kind", totals_call.PARAMETERS)],
    from_: Annotated[str, _option("from", totals_call.PARAMETERS)],
    to: Annotated[str, _option("to", totals_call.PARAMETERS)],
    bucket: Annotated[str | None, _option("bucket", totals_call.PARAMETERS)] = None,
    by: Annotated[str | None, _option("by", totals_call.PARAMETERS)] = None,
    team: Annotated[str | None, _option("team", totals_call.PARAMETERS)] = None,
    site: Annotated[str | None, _option("site", totals_call.PARAMETERS)] = None,
    category: Annotated[str | None, _option("category", totals_call.PARAMETERS)] = None,
    flow: Annotated[str | None, _option("flow", totals_call.PARAMETERS)] = None,
    detail: Annotated[str | None, _option("detail", totals_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, _option("as_of", totals_call.PARAMETERS)] = None,
    basis: Annotated[str | None, _option("basis", totals_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Exact sums, with the CO2e that they stand for."""
    pairs = _pairs(
        kind=kind,
        from_=from_,
        to=to,
        bucket=bucket,
        by=by,
        team=team,
        site=site,
        category=category,
        flow=flow,
        detail=detail,
        as_of=as_of,
        basis=basis,
    )
    answer = _read(lambda connection: totals_call.totals_answer(connection, pairs, unlimited=True))
    dimensions = [name for name in totals_call.DIMENSIONS if any(name in row for row in answer["rows"])]
    table = _table("start", *dimensions)
    table.add_column("quantity", justify="right")
    table.add_column("unit")
    for name in ("readings", "kg CO2e (today's factors)", "kg CO2e (fixed factors, 2023)"):
        table.add_column(name, justify="right")
    for row in answer["rows"]:
        co2e = row["co2e"]
        keys = [row["start"], *[row.get(name) for name in dimensions]]
        table.add_row(
            *_cells(*keys, row["quantity"], row["unit"], row["readings"], co2e["current"], co2e["constant"])
        )
    _show(answer, table, as_json)


def targets(
    on: Annotated[str | None, _option("on", targets_call.PARAMETERS)] = None,
    team: Annotated[str | None, _option("team", targets_call.PARAMETERS)] = None,
    site: Annotated[str | None, _option("site", targets_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, _option("as_of", targets_call.PARAMETERS)] = None,
    language: Annotated[Language, typer.Option("--lang", help="Of the table.")] = "en",
    as_json: AsJson = False,
) -> None:
    """How the targets stand: by theme what is measured beside what is allowed, and what is missing."""
    pairs = _pairs(on=on, team=team, site=site, as_of=as_of)
    answer = _read(lambda connection: targets_call.targets_answer(connection, pairs, unlimited=True))
    _show(answer, target_table(answer["rows"], language), as_json, footer(answer, language))


def events(
    source: Annotated[str | None, _option("source", events_call.PARAMETERS)] = None,
    id_: Annotated[str | None, _option("id", events_call.PARAMETERS)] = None,
    team: Annotated[str | None, _option("team", events_call.PARAMETERS)] = None,
    kind: Annotated[str | None, _option("kind", events_call.PARAMETERS)] = None,
    from_: Annotated[str | None, _option("from", events_call.PARAMETERS)] = None,
    to: Annotated[str | None, _option("to", events_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, _option("as_of", events_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Every revision of the measurements in the ledger."""
    pairs = _pairs(source=source, id_=id_, team=team, kind=kind, from_=from_, to=to, as_of=as_of)
    answer = _read(lambda connection: events_call.events_answer(connection, pairs, unlimited=True))
    columns = ("team", "kind", "source", "id", "revision", "state", "start", "end", "category", "amounts")
    table = _table(*columns)
    for row in answer["rows"]:
        identity = [row[name] for name in ("team", "kind", "source", "id")]
        for revision in row["revisions"]:
            amounts = [f"{amount['base_quantity']} {amount['base_unit']}" for amount in revision["amounts"]]
            fields = [revision[name] for name in columns[4:-1]]
            table.add_row(*_cells(*identity, *fields, ", ".join(amounts)))
    _show(answer, table, as_json)


def receipt(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The receipt that a post answered.")],
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """What became of a post."""

    async def ask(connection: psycopg.AsyncConnection) -> dict[str, Any] | None:
        state = await receipt_state(connection, await receipt_key(connection), id_, _OPERATOR)
        return state.model_dump() if state else None

    state = _read(ask)
    if state is None:
        raise UserError("this is no receipt of this installation: was it copied as a whole?")
    if as_json:
        typer.echo(write_json(state))
    else:
        typer.echo(
            f"{state['state']}: {state['events']} events, "
            f"{state['new']} new, {state['repeats']} repeats, {state['rejected']} rejected"
        )


def rejects(
    team: Annotated[str | None, _option("team", rejects_call.PARAMETERS)] = None,
    since: Annotated[str | None, _option("since", rejects_call.PARAMETERS)] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Post them again, to be judged by today's configuration.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What was not counted, and why."""
    pairs = _pairs(team=team, since=since)
    answer = _read(lambda connection: rejects_call.rejects_answer(connection, pairs, unlimited=True))
    if replay:
        _replay(load_settings(), [row["reject"] for row in answer["rows"]], as_json)
        return
    columns = ("reject", "recorded_at", "team", "kind", "source", "id", "problems", "replayed_at")
    table = _table(*columns)
    for row in answer["rows"]:
        problems = "; ".join(f"{problem['field']}: {problem['problem']}" for problem in row["problems"])
        table.add_row(*_cells(*[(row | {"problems": problems})[name] for name in columns]))
    _show(answer, table, as_json)


def verify(
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Recompute everything that is derived from the ledger and compare; exit code 1 when anything differs."""
    console = Console(stderr=True)
    with console.status("") as status:
        result = _read(
            lambda connection: verification.verify(
                connection, lambda check: status.update(f"comparing {check}")
            )
        )
    compared = result.compared
    statement = (
        f"{compared['ledger_rows']} ledger rows, {compared['identities']} identities, "
        f"{compared['leaves']} leaves, {compared['days']} days, {compared['hours']} hours, "
        f"{compared['source_days']} days of sources and {compared['batches']} batches, "
        f"as of {as_text(result.as_of)}"
    )
    if as_json:
        typer.echo(write_json(asdict(result) | {"as_of": as_text(result.as_of), "agrees": result.agrees}))
    elif result.agrees:
        typer.echo(f"Everything agrees: {statement}")
    else:
        for difference in result.differences:
            typer.echo(
                f"{difference.check}: {write_json(difference.key)}: "
                f"expected {difference.expected}, found {difference.found}"
            )
        counts = ", ".join(f"{count} of {check}" for check, count in result.counts.items() if count)
        typer.echo(f"{sum(result.counts.values())} differences ({counts}) in {statement}", err=True)
    if not result.agrees:
        raise typer.Exit(1)


def _replay(settings: Settings, numbers: Sequence[int], as_json: bool) -> None:
    dsn = operator_dsn(settings)
    integrators = load_configuration(dsn).current.organisation.integrators
    with connect(dsn) as connection:
        waiting = rejects_to_replay(connection, numbers)
        with open_door(settings.model_copy(update={"token": None})) as door:
            result = replay_rejects(connection, door, waiting, integrators)
    if as_json:
        typer.echo(write_json(asdict(result) | {"refused": [list(item) for item in result.refused.items()]}))
        return
    typer.echo(
        f"{result.posted} of {len(waiting)} posted again: {result.new} new, {result.repeats} repeats, "
        f"{result.rejected} refused behind the door; {len(result.refused)} not posted"
    )
    for number, reason in result.refused.items():
        typer.echo(f"{number}: {reason}")


def _pairs(**values: str | None) -> Pairs:
    return [(name.rstrip("_"), value) for name, value in values.items() if value is not None]


def _read(ask: Ask[Answer]) -> Answer:
    """What the database answers the operator; wrong options are wrong usage (exit code 2)."""
    dsn = operator_dsn(load_settings())

    async def run() -> Answer:
        async with await connect_async(dsn, "owner") as connection:
            return await ask(connection)

    try:
        return asyncio.run(run())
    except InvalidParameters as invalid:
        for problem in invalid.problems:
            extra = "; ".join(filter(None, (problem.allowed and f"allowed: {problem.allowed}", problem.hint)))
            typer.echo(
                f"--{problem.field.replace('_', '-')} {problem.problem}" + (f" ({extra})" if extra else ""),
                err=True,
            )
        raise typer.Exit(2) from None
    except psycopg.OperationalError as error:
        raise UserError(f"the database cannot be reached: {str(error).strip()}") from None


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _cells(*values: object) -> list[Text]:
    """Cells that show what people posted as it is, without markup or control characters."""
    return [Text("" if value is None else str(value)) for value in values]


def _show(answer: dict[str, Any], table: Table, as_json: bool, closing: str | None = None) -> None:
    if as_json:
        typer.echo(write_json(answer))
        return
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    if answer["rows"]:
        console.print(table)
    rows = f"{len(answer['rows'])} rows, as of {answer['as_of']}, days of {answer['time_zone']}"
    typer.echo(closing or rows, err=True)
