"""What reading commands share: options, asking as the operator, tables on the terminal."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.json_text import write_json
from services.errors import UserError
from services.operator import operator_dsn
from services.query.parameters import InvalidParameters, Pairs, Parameter
from services.settings import load_settings
from services.store.connection import connect_async

Answer = TypeVar("Answer")
Ask = Callable[[psycopg.AsyncConnection], Awaitable[Answer]]

FILE_WIDTH = 250  # columns of a table that is not read on a terminal: nothing is folded

AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object, with all rows.")]


def option(name: str, parameters: Iterable[Parameter]) -> Any:
    """The option of a parameter, with the same words as in OpenAPI."""
    parameter = next(parameter for parameter in parameters if parameter.name == name)
    return typer.Option(f"--{name.replace('_', '-')}", help=parameter.description)


def pairs_of(**values: str | None) -> Pairs:
    """The parameters that were given; `from_` is `from`."""
    return [(name.rstrip("_"), value) for name, value in values.items() if value is not None]


def ask_database(ask: Ask[Answer]) -> Answer:
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


def new_table(*columns: str) -> Table:
    """An empty table that folds what is too wide."""
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def cells(*values: object) -> list[Text]:
    """Cells that show what people posted as it is, without markup or control characters."""
    return [Text("" if value is None else str(value)) for value in values]


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or, elsewhere, so wide that nothing is folded."""
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    console.print(table)


def show(answer: dict[str, Any], table: Table, as_json: bool, closing: str | None = None) -> None:
    """Print a list: as JSON, or as a table with a line on stderr that says what it is."""
    if as_json:
        typer.echo(write_json(answer))
        return
    if answer["rows"]:
        print_table(table)
    rows = f"{len(answer['rows'])} rows, as of {answer['as_of']}, days of {answer['time_zone']}"
    typer.echo(closing or rows, err=True)
