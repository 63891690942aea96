"""`groenmeter provision`: put datasource, folder, dashboards and alert rules into Grafana."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.local.stack import read_state
from services.settings import PREFIX, load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(provision)


def provision(
    grafana_url: Annotated[
        str | None, typer.Option("--grafana-url", metavar="URL", help="Instead of the setting GRAFANA_URL.")
    ] = None,
    with_alerts: Annotated[
        bool | None,
        typer.Option(
            "--with-alerts/--without-alerts",
            help="Add our alert rules, or remove them. Without either: kept up to date where they are.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be different, and write nothing.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="DIR", help="Write the same as Grafana's own provisioning files instead."
        ),
    ] = None,
) -> None:
    """Put datasource, folder and dashboards into Grafana; touches only what is ours."""
    # Imported here: no other command should wait for it.
    from services.provisioning.export import PASSWORD_VARIABLE
    from services.provisioning.export import export as export_files
    from services.provisioning.provision import provision as provision_grafana
    from services.provisioning.wanted import reader_url, wanted

    if export is not None and (dry_run or grafana_url):
        raise typer.BadParameter(
            "--export writes files and asks no Grafana: give it alone or with the alerts"
        )
    given = {f"{PREFIX}GRAFANA_URL": grafana_url} if grafana_url else {}
    settings = load_settings(os.environ | given)
    ours = wanted(reader_url(settings, read_state(settings.home)))
    if export is not None:
        files = export_files(ours, export, with_alerts=bool(with_alerts))
        typer.echo(
            f"{len(files)} files in {export}. Give Grafana the reader's password in {PASSWORD_VARIABLE}."
        )
    else:
        provision_grafana(settings, ours, typer.echo, with_alerts=with_alerts, dry_run=dry_run)
