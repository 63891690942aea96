"""`groenmeter sample load` and `groenmeter sample tour`: a made-up hospital, to see everything work."""

import itertools
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from schemas.calendar import pinned_zone
from services.client import Door, connect
from services.errors import UserError
from services.local import commands as local
from services.local.stack import read_state
from services.operator import operator_dsn
from services.query.commands import targets
from services.sample.generate import (
    FIGURES,
    LABEL,
    LAST_SERIES,
    ORGANISATION,
    ORGANISATION_FILE,
    Event,
    deliveries,
)
from services.settings import Settings, load_settings
from services.store.configuration import change, load_configuration

BATCH = 5_000
PATIENCE = 300

_TOUR_OF = {
    "energy": ("electricity", "district-heat", "natural-gas"),
    "waste": (),
    "food-waste": (),
    "medication-waste": (),
    "activity": ("operations", "admissions"),
}

app = typer.Typer(help="A made-up hospital, to see everything work.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands of the sample organisation."""
    root.add_typer(app, name="sample")


@app.command()
def load() -> None:
    """Apply the made-up organisation and post its measurements; again, it only adds the new days."""
    settings = load_settings()
    apply_organisation(operator_dsn(settings))
    with connect(_as_operator(settings)) as door:
        load_until(door, datetime.now(pinned_zone(ORGANISATION.time_zone)).date())


@app.command()
def tour() -> None:
    """Show what runs where, last year's totals of the sample, its targets, and what to try next."""
    settings = load_settings()
    if read_state(settings.home) is not None:
        local.status()
    last_year = datetime.now(pinned_zone(ORGANISATION.time_zone)).year - 1
    with connect(_as_operator(settings)) as door:
        typer.echo()
        Console(soft_wrap=True).print(_totals(door, last_year))
        typer.echo("CO2e: whole chain, location-based; – where no source has a factor for all of it\n")
        targets()
        typer.echo(f"\n{_dashboards(settings)}")
        rejects = sum(1 for _ in door.rows("/v1/rejects"))
        typer.echo(f"not counted, with the reason of each: {rejects} (groenmeter rejects)\n")
        typer.echo(_next_steps(door.url, last_year))


def apply_organisation(dsn: str) -> None:
    """Make the organisation of this database the made-up one; `UserError` when it is a real one."""
    name = load_configuration(dsn).current.organisation.name
    if name not in ("", ORGANISATION.name):
        raise UserError(
            f"this database is of {name!r}: made-up measurements do not belong in it. "
            "Set GROENMETER_HOME to another directory to look at the sample."
        )
    change(dsn, tomllib.loads(ORGANISATION_FILE.read_text("utf-8")), "sample organisation")


def load_until(door: Door, today: date) -> None:
    """Post what is missing of the sample up to and including the day before `today`; says what it does."""
    since = _first_missing_day(door)
    if since is not None and since >= today:
        typer.echo("The sample is loaded, up to and including yesterday.")
    else:
        _post(door, today, since)


def _as_operator(settings: Settings) -> Settings:
    """Without the token of a team that may be set: the sample speaks for all of its teams."""
    return settings.model_copy(update={"token": None})


def _first_missing_day(door: Door) -> date | None:
    """The day after the last one that is there with everything of it; None when the sample is not loaded."""
    rows = door.events(
        source=LABEL + LAST_SERIES.source,
        team=LAST_SERIES.team,
        kind=LAST_SERIES.kind,
        **{"from": str(FIGURES.daily_from)},
    )
    days = [date.fromisoformat(row["id"].removeprefix(f"{LAST_SERIES.name}-")) for row in rows]
    return max(days) + timedelta(days=1) if days else None


def _post(door: Door, today: date, since: date | None) -> None:
    """Post in the order of the deliveries, each counted before the next; shows progress."""
    delivered = list(deliveries(today, since))
    number = sum(len(delivery.events) for delivery in delivered)
    span = f"since {since}" if since else "since 2018"
    typer.echo(f"Posting {number:,} made-up measurements {span} through the door at {door.url}")
    outcome = {"new": 0, "repeats": 0, "rejected": 0}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        posted, counted = (progress.add_task(name, total=number) for name in ("posted", "counted"))
        for delivery in delivered:
            receipts = []
            for batch in _batches(delivery.events):
                receipts.append((_accepted(door.post(batch)), len(batch)))
                progress.advance(posted, len(batch))
            for receipt, size in receipts:
                answer = door.wait(receipt, PATIENCE)
                outcome = {name: total + answer[name] for name, total in outcome.items()}
                progress.advance(counted, size)
    new, repeats, rejected = outcome.values()
    typer.echo(f"{new:,} counted, {repeats:,} were there already, {rejected:,} not counted")


def _batches(events: list[Event]) -> Iterator[list[Event]]:
    remaining = iter(events)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch


def _accepted(answer: dict[str, Any]) -> str:
    """The receipt of a batch of which every event was accepted; anything else is a fault of the sample."""
    if answer["rejected"]:
        refused = [event for event in answer["events"] if event["outcome"] == "rejected"]
        raise RuntimeError(f"the door refused {len(refused)} events of the sample, the first: {refused[0]}")
    receipt: str = answer["receipt"]
    return receipt


def _totals(door: Door, year: int) -> Table:
    table = Table(title=f"{ORGANISATION.name}, {year}", title_justify="left", box=None, pad_edge=False)
    for heading in ("kind", "category", "quantity", "unit", "t CO2e now", "2023 factors"):
        table.add_column(heading, justify="left" if heading in ("kind", "category", "unit") else "right")
    for kind, categories in _TOUR_OF.items():
        query = {"kind": kind, "bucket": "all", "from": f"{year}-01-01", "to": f"{year + 1}-01-01"}
        for row in door.rows("/v1/totals", **query, by="category" if categories else None):
            if categories and row["category"] not in categories:
                continue
            table.add_row(
                kind,
                row.get("category", "all"),
                f"{Decimal(row['quantity']):,.0f}",
                row["unit"],
                *(_tonnes(row["co2e"][view]) for view in ("current", "constant")),
            )
    return table


def _dashboards(settings: Settings) -> str:
    """Where the dashboards are, or how to get them."""
    if settings.grafana_url:
        return f"dashboards: {settings.grafana_url.rstrip('/')}/dashboards/f/groenmeter"
    return (
        "dashboards: set GROENMETER_GRAFANA_URL and GROENMETER_GRAFANA_TOKEN; into your Grafana they go by\n"
        f"  {_command()} provision          (with --export DIR it writes them as files)"
    )


def _tonnes(kilograms: str | None) -> str:
    return "–" if kilograms is None else f"{Decimal(kilograms) / 1000:,.1f}"


def _next_steps(url: str, year: int) -> str:
    command = _command()
    return f"""Try next:
  {command} totals --kind waste --from {year}-01-01 --to {year + 1}-01-01 --by category
  {command} totals --kind energy --from {year + 1}-01-01 --to {year + 2}-01-01 --bucket month --by category
  {command} targets --lang nl --on {year + 1}-07-01
                                every target in Dutch, as it stood on that day
  {command} rejects            what was not counted, and why
  {command} verify             everything recomputed from the ledger, to the last unit
  {command} token create ok-centrum
                                a token to post as a team, like this:
  curl {url}/v1/events -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' -d '
    {{"specversion": "1.0", "type": "nl.groenmeter.waste.v1", "source": "/try", "id": "1",
     "time": "{year + 1}-01-15T10:00:00+01:00",
     "data": {{"stream": "paper", "quantity": "12.5", "unit": "kg"}}}}'
  {url}/docs                    every call, in the browser
  {command} down               stops it all; the data stay
"""


def _command() -> str:
    """How to call us from here: by name where that is found, else by the path of this program."""
    if shutil.which("groenmeter"):
        return "groenmeter"
    return os.path.relpath(sys.argv[0])
