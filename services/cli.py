"""The `groenmeter` command: collects the commands of every part."""

import sys
from collections.abc import Sequence
from importlib import import_module

import psycopg
import typer

from services.errors import UserError

PARTS = {
    "services.local.commands": ("up", "down", "status", "settings"),
    "services.store.commands": ("migrate", "team", "token", "integrator", "organisation"),
    "services.backup.commands": ("backup", "restore"),
    "services.importing.commands": ("post", "import", "template"),
    "services.query.commands": ("totals", "targets", "explain", "events", "receipt", "verify"),
    "services.factors.commands": ("factors",),
    "services.query.publication_commands": ("publish", "publications", "restatements"),
    "services.query.reject_commands": ("rejects",),
    "services.query.flag_commands": ("flags",),
    "services.sample.commands": ("sample",),
    "services.alerting.commands": ("subscriber", "messages"),
    "services.provisioning.commands": ("provision",),
    "services.people.commands": ("redact", "retention", "audit"),
    "services.processing.commands": ("partitions",),
}


def command_for(arguments: Sequence[str]) -> typer.Typer:
    """The command with the part that the arguments name; with all parts where they name none.

    Importing all of them takes longer than most commands do.
    """
    app = typer.Typer(
        name="groenmeter",
        help="Exact, explainable sustainability metrics for hospital Green Teams.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_group)
    first = arguments[0] if arguments else None
    named = [part for part, commands in PARTS.items() if first in commands]
    for part in named or PARTS:
        import_module(part).register(app)
    return app


def main() -> None:
    """Run the command; an error of the user's goes to stderr with exit code 1, wrong usage with 2."""
    try:
        command_for(sys.argv[1:])()
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except psycopg.OperationalError as error:
        typer.echo(f"The database does not answer: {error}\n`groenmeter status` shows what runs.", err=True)
        sys.exit(1)


def _group() -> None:
    """Without a callback typer takes a part of one command for the whole."""
