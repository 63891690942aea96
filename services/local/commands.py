"""`groenmeter up`, `down`, `status`, `settings`."""

import json
import logging
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from services.local import control
from services.local.health import SILENT, Health, read_health
from services.local.stack import ProcessState, StackState, read_state
from services.settings import describe, load_settings


def register(app: typer.Typer) -> None:
    """Add the commands of the stack on this machine."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command(name="settings")(show_settings)


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready.")] = False,
) -> None:
    """Start the stack on this machine: database, broker, teller, tracker, processors and door."""
    settings = load_settings()
    running = control.running_state(settings.home)
    if running and running.phase == "ready":
        typer.echo(f"It is up already, at {running.api}")
    elif detach:
        state = control.start_detached(settings, typer.echo)
        typer.echo(f"The stack is up, at {state.api} (logs in {settings.home / 'logs'})")
    else:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        typer.echo("Ctrl-C ends it; the data stay.")
        control.supervise(settings)


def down() -> None:
    """End the stack on this machine. The data stay."""
    home = load_settings().home
    state = read_state(home)
    if control.stop(home):
        typer.echo(f"The stack is down; its data stay in {state.data if state and state.data else home}")
    else:
        typer.echo(f"Nothing runs in {home}")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Show what runs where and how far the counting is; exit code 1 when the supervisor is dead."""
    home = load_settings().home
    state = read_state(home)
    alive = state is not None and state.is_running()
    health = read_health(state.api) if state and state.api and alive else SILENT
    if as_json:
        typer.echo(json.dumps(_as_object(state, health)))
    elif state is None:
        typer.echo(f"No stack was ever started in {home}; start it with: groenmeter up --detach")
    else:
        _show(state, health)
    if not alive:
        raise typer.Exit(1)


def show_settings() -> None:
    """Show every setting, secrets masked, and where its value came from."""
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for row in describe(load_settings()):
        table.add_row(*row)
    Console().print(table)


def _processes(state: StackState) -> list[ProcessState]:
    """The supervisor and its children, as they are at this moment."""
    alive = state.supervisor.is_alive()
    gone = "restarting" if alive else "stopped" if state.phase == "stopped" else "dead"
    return [
        process
        if process.is_alive() or (alive and process.state != "running")
        else process.model_copy(update={"pid": None, "state": gone})
        for process in (state.supervisor, *state.processes)
    ]


def _as_object(state: StackState | None, health: Health) -> dict[str, object]:
    """The contract's object."""
    running = state if state and state.is_running() else None
    return {
        "processes": [
            {"name": process.name, "pid": process.pid, "state": process.state, "restarts": process.restarts}
            for process in (_processes(state) if state else [])
        ],
        "urls": {
            "api": running.api if running else None,
            "broker": running.broker if running else None,
            "database": _without_password(running.owner_dsn) if running else None,
        },
        "lag": health.lag,
        "freshness_seconds": health.freshness_seconds,
        "stopped": health.stopped,
    }


def _show(state: StackState, health: Health) -> None:
    table = Table("process", "pid", "state", "restarts", "log", box=None, pad_edge=False)
    for process in _processes(state):
        pid = str(process.pid or "")
        table.add_row(process.name, pid, process.state, str(process.restarts), process.log.name)
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("api", state.api),
        ("broker", state.broker),
        ("database", _without_password(state.owner_dsn)),
        ("data", state.data),
        ("logs", state.supervisor.log.parent),
        ("not yet counted", health.lag),
        ("freshness", None if health.freshness_seconds is None else f"{health.freshness_seconds:.1f} s"),
    ):
        facts.add_row(name, "" if value is None else str(value))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print()
    console.print(facts)
    if health.stopped:
        number = "one partition is" if health.stopped == 1 else f"{health.stopped} partitions are"
        console.print(f"\n{number} not read: `groenmeter partitions` says which, why, and how to go on")


def _without_password(dsn: str | None) -> str | None:
    if dsn is None:
        return None
    address = urlsplit(dsn)
    host = address.netloc.rpartition("@")[2]
    user = address.username or ""
    return address._replace(netloc=f"{user}@{host}" if user else host).geturl()
