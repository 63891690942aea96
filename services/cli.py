"""The `groenmeter` command: collects the commands of every part."""

import sys

import psycopg
import typer

from services.alerting import commands as alerting
from services.backup import commands as backup
from services.errors import UserError
from services.factors import commands as factors
from services.importing import commands as importing
from services.local import commands as local
from services.people import commands as people
from services.processing import commands as processing
from services.provisioning import commands as provisioning
from services.query import commands as query
from services.query import flag_commands as flags
from services.query import publication_commands as publishing
from services.query import reject_commands as rejects
from services.sample import commands as sample
from services.store import commands as store

app = typer.Typer(
    name="groenmeter",
    help="Exact, explainable sustainability metrics for hospital Green Teams.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for part in (
    local,
    store,
    backup,
    importing,
    query,
    factors,
    publishing,
    rejects,
    flags,
    sample,
    alerting,
    provisioning,
    people,
    processing,
):
    part.register(app)


def main() -> None:
    """Run the command; an error of the user's goes to stderr with exit code 1, wrong usage with 2."""
    try:
        app()
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except psycopg.OperationalError as error:
        typer.echo(f"The database does not answer: {error}\n`groenmeter status` shows what runs.", err=True)
        sys.exit(1)
