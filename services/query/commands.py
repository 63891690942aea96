"""The commands that read as the operator: totals, targets, explanations, events, receipts, proof."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from schemas.json_text import write_json
from services.errors import UserError
from services.intake.receipts import receipt_state
from services.query import events as events_call
from services.query import targets as targets_call
from services.query import totals as totals_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, show
from services.query.explain_command import explain
from services.query.pages import as_text
from services.query.target_table import Language, footer, target_table
from services.store import verify as verification
from services.store.receipts import receipt_key
from services.store.tokens import Token

_OPERATOR = Token(0, "operator", "steward", None, "", datetime.min, datetime.max, None)  # noqa: DTZ901


def register(app: typer.Typer) -> None:
    """Add the reading commands."""
    for command in (totals, targets, explain, events, receipt, verify):
        app.command()(command)


def totals(
    kind: Annotated[str, option("kind", totals_call.PARAMETERS)],
    from_: Annotated[str, option("from", totals_call.PARAMETERS)],
    to: Annotated[str, option("to", totals_call.PARAMETERS)],
    bucket: Annotated[str | None, option("bucket", totals_call.PARAMETERS)] = None,
    by: Annotated[str | None, option("by", totals_call.PARAMETERS)] = None,
    team: Annotated[str | None, option("team", totals_call.PARAMETERS)] = None,
    site: Annotated[str | None, option("site", totals_call.PARAMETERS)] = None,
    category: Annotated[str | None, option("category", totals_call.PARAMETERS)] = None,
    flow: Annotated[str | None, option("flow", totals_call.PARAMETERS)] = None,
    method: Annotated[str | None, option("method", totals_call.PARAMETERS)] = None,
    detail: Annotated[str | None, option("detail", totals_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", totals_call.PARAMETERS)] = None,
    basis: Annotated[str | None, option("basis", totals_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Exact sums, with the CO2e that they stand for."""
    pairs = pairs_of(
        kind=kind,
        from_=from_,
        to=to,
        bucket=bucket,
        by=by,
        team=team,
        site=site,
        category=category,
        flow=flow,
        method=method,
        detail=detail,
        as_of=as_of,
        basis=basis,
    )
    answer = ask_database(lambda connection: totals_call.totals_answer(connection, pairs, unlimited=True))
    dimensions = [name for name in totals_call.DIMENSIONS if any(name in row for row in answer["rows"])]
    table = new_table("start", *dimensions)
    table.add_column("quantity", justify="right")
    table.add_column("unit")
    is_told = any(row["co2e_differences"]["since_reported"] for row in answer["rows"])
    told = ("kg CO2e (as reported)", "other amounts", "other factors") if is_told else ()
    for name in ("readings", *told, "kg CO2e (today's factors)", "kg CO2e (fixed factors, 2023)"):
        table.add_column(name, justify="right")
    for row in answer["rows"]:
        co2e = row["co2e"]
        since = row["co2e_differences"]["since_reported"] or {"activity": None, "factors": None}
        reported = [co2e["as_reported"], since["activity"], since["factors"]] if is_told else []
        keys = [row["start"], *[row.get(name) for name in dimensions]]
        shown = [row["quantity"], row["unit"], row["readings"], *reported, co2e["current"], co2e["constant"]]
        table.add_row(*cells(*keys, *shown))
    show(answer, table, as_json)


def targets(
    on: Annotated[str | None, option("on", targets_call.PARAMETERS)] = None,
    team: Annotated[str | None, option("team", targets_call.PARAMETERS)] = None,
    site: Annotated[str | None, option("site", targets_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", targets_call.PARAMETERS)] = None,
    language: Annotated[Language, typer.Option("--lang", help="Of the table.")] = "en",
    as_json: AsJson = False,
) -> None:
    """How the targets stand: by theme what is measured beside what is allowed, and what is missing."""
    pairs = pairs_of(on=on, team=team, site=site, as_of=as_of)
    answer = ask_database(lambda connection: targets_call.targets_answer(connection, pairs, unlimited=True))
    show(answer, target_table(answer["rows"], language), as_json, footer(answer, language))


def events(
    source: Annotated[str | None, option("source", events_call.PARAMETERS)] = None,
    id_: Annotated[str | None, option("id", events_call.PARAMETERS)] = None,
    team: Annotated[str | None, option("team", events_call.PARAMETERS)] = None,
    kind: Annotated[str | None, option("kind", events_call.PARAMETERS)] = None,
    from_: Annotated[str | None, option("from", events_call.PARAMETERS)] = None,
    to: Annotated[str | None, option("to", events_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", events_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Every revision of the measurements in the ledger."""
    pairs = pairs_of(source=source, id_=id_, team=team, kind=kind, from_=from_, to=to, as_of=as_of)
    answer = ask_database(lambda connection: events_call.events_answer(connection, pairs, unlimited=True))
    columns = ("team", "kind", "source", "id", "revision", "state", "start", "end", "category", "amounts")
    table = new_table(*columns)
    for row in answer["rows"]:
        identity = [row[name] for name in ("team", "kind", "source", "id")]
        for revision in row["revisions"]:
            amounts = [f"{amount['base_quantity']} {amount['base_unit']}" for amount in revision["amounts"]]
            fields = [revision[name] for name in columns[4:-1]]
            table.add_row(*cells(*identity, *fields, ", ".join(amounts)))
    show(answer, table, as_json)


def receipt(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The receipt that a post answered.")],
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """What became of a post."""

    async def ask(connection: psycopg.AsyncConnection) -> dict[str, Any] | None:
        state = await receipt_state(connection, await receipt_key(connection), id_, _OPERATOR)
        return state.model_dump() if state else None

    state = ask_database(ask)
    if state is None:
        raise UserError("this is no receipt of this installation: was it copied as a whole?")
    if as_json:
        typer.echo(write_json(state))
    else:
        typer.echo(
            f"{state['state']}: {state['events']} events, "
            f"{state['new']} new, {state['repeats']} repeats, {state['rejected']} rejected"
        )


def verify(
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Recompute everything that is derived from the ledger and compare; exit code 1 when anything differs."""
    console = Console(stderr=True)
    with console.status("") as status:
        result = ask_database(
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
