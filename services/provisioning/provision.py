"""Makes a Grafana have what is wanted, step by step, and says what it does."""

import time
from collections.abc import Callable, Iterator

from services.errors import UserError
from services.provisioning.plan import DATASOURCE, Step, plan
from services.provisioning.port import Grafana
from services.provisioning.wanted import UID, Wanted
from services.settings import PREFIX, Settings

_DONE = {"create": "created", "change": "changed", "remove": "removed"}
_REMEMBERED_SECONDS = 6.0  # for 5 of them Grafana answers from the datasource as it was
_MOST_FIELDS = 20  # of one step that are shown


def open_grafana(settings: Settings) -> Grafana:
    """The Grafana of these settings; `UserError` when its address or token is not set."""
    if settings.grafana_url is None:
        raise UserError(
            f"which Grafana? Give its address with --grafana-url or {PREFIX}GRAFANA_URL, or write files for "
            "it with --export DIR."
        )
    if settings.grafana_token is None:
        raise UserError(
            f"no token of Grafana: set {PREFIX}GRAFANA_TOKEN, or {PREFIX}GRAFANA_TOKEN_FILE to a file that "
            "holds it: that of a service account with the role Admin (in Grafana: Administration, Service "
            "accounts)."
        )
    return Grafana(settings.grafana_url, settings.grafana_token)


def provision(
    settings: Settings,
    wanted: Wanted,
    report: Callable[[str], None],
    *,
    with_alerts: bool | None = None,
    dry_run: bool = False,
) -> None:
    """Bring a Grafana up to date, or with `dry_run` only tell what would be done.

    Args:
        settings: which Grafana, and the token.
        wanted: what it is to have.
        report: hears each line for people.
        with_alerts: add our alert rules (True), remove them (False), or keep them up to date where they are.
        dry_run: write nothing.

    Raises:
        UserError: Grafana cannot be reached or refuses, or something that is not ours is in the way.
    """
    grafana = open_grafana(settings)
    steps = plan(grafana, grafana.version(), wanted, with_alerts)
    for step in steps:
        if dry_run:
            for line in _described(step):
                report(line)
        else:
            step.do()
            report(f"{_DONE[step.action]} {step.what}")
    if not steps:
        report(f"Grafana at {grafana.url}: nothing to change")
    if dry_run:
        return
    if any((step.action, step.what) == ("change", DATASOURCE) for step in steps):
        time.sleep(_REMEMBERED_SECONDS)
    if trouble := grafana.datasource_trouble(UID):
        report(
            f"Grafana cannot read the database at {wanted.datasource['url']}: {trouble}. It needs "
            f"the address that it reaches it by ({PREFIX}GRAFANA_DATABASE_URL)."
        )


def _described(step: Step) -> Iterator[str]:
    yield f"would {step.action} {step.what}"
    for found in step.fields[:_MOST_FIELDS]:
        yield f"    {found}"
    if len(step.fields) > _MOST_FIELDS:
        yield f"    and {len(step.fields) - _MOST_FIELDS} more fields"
