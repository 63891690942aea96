"""`groenmeter flags`: what was counted and looks odd, and confirming it."""

from typing import Annotated

import typer

from services.query import flags as flags_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, show
from services.query.target_table import Language
from services.store.flags import confirm_flags


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(flags)


def flags(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="The flags to confirm.")
    ] = None,
    team: Annotated[str | None, option("team", flags_call.PARAMETERS)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was confirmed or corrected.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="The values are right.")] = False,
    language: Annotated[Language, typer.Option("--lang", help="Of the reasons.")] = "en",
    as_json: AsJson = False,
) -> None:
    """What was counted and looks odd, until it is confirmed or corrected."""
    if confirm != bool(numbers):
        raise typer.BadParameter("numbers of flags go with --confirm")
    if numbers:
        done = ask_database(lambda connection: confirm_flags(connection, numbers, "command line", None))
        typer.echo(f"{len(done)} of {len(numbers)} confirmed")
        return
    pairs = pairs_of(team=team, state="all" if everything else None)
    answer = ask_database(lambda connection: flags_call.flags_answer(connection, pairs, unlimited=True))
    columns = ("flag", "team", "kind", "source", "id", "amount", "usual", "reason", "state")
    table = new_table(*columns)
    for row in answer["rows"]:
        shown = row | {
            "amount": f"{row['base_quantity']} {row['base_unit']}",
            "reason": row["reason"][language],
        }
        table.add_row(*cells(*[shown[name] for name in columns]))
    show(answer, table, as_json)
