"""`groenmeter factors`: which factors count; adding, correcting and importing them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from schemas.catalogue import UNITS
from schemas.factor_versions import FactorVersion, Period, RecordedFactor, periods, withdrawal
from schemas.json_text import write_json
from schemas.own_factors import OwnFactor, read_day, read_kilograms, units_of
from schemas.privacy import refuse_email
from schemas.problems import Problem, Refusal, problem_of
from services.errors import UserError
from services.factors.comparison import Change, compare
from services.factors.official_list import read_factor_list
from services.factors.report import as_object, import_object, readable, show_import
from services.operator import operator_dsn
from services.query import factors as factors_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, show
from services.settings import load_settings
from services.store.connection import connect
from services.store.factors import change_factors, counted_meters, read_recorded

BY = "command line"

factors = typer.Typer(help="Emission factors: which count, and adding, correcting and importing them.")

_OPTIONS = {"valid_from": "--from", "valid_to": "--to", "meters": "--meter", "category": "CATEGORY"}

Note = Annotated[str, typer.Option("--note", help="What else is to be known of it.")]
Json = Annotated[bool, typer.Option("--json", help="As a JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands of factors."""
    app.add_typer(factors, name="factors")


@factors.callback(invoke_without_command=True)
def list_factors(
    context: typer.Context,
    kind: Annotated[str | None, option("kind", factors_call.PARAMETERS)] = None,
    category: Annotated[str | None, option("category", factors_call.PARAMETERS)] = None,
    meter: Annotated[str | None, option("meter", factors_call.PARAMETERS)] = None,
    on: Annotated[str | None, option("on", factors_call.PARAMETERS)] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every version, also corrected and withdrawn ones.")
    ] = False,
    as_of: Annotated[str | None, option("as_of", factors_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Show which factor counts on which days, with where it comes from."""
    if context.invoked_subcommand is not None:
        return
    asked = "yes" if history else None
    pairs = pairs_of(kind=kind, category=category, meter=meter, on=on, history=asked, as_of=as_of)
    answer = ask_database(lambda connection: factors_call.factors_answer(connection, pairs, unlimited=True))
    days = ("valid_from", "valid_to") if history else ("from", "to")
    more = ("published", "recorded_at", "recorded_by", "state") if history else ()
    columns = ("factor", "kind", "category", "meter", "layer", "chain", "market", "kg_co2e", "unit", *days)
    table = new_table(*columns, *more, "certainty", "source", "note")
    for row in _both_markets(answer["rows"]):
        table.add_row(*cells(*[row[name] for name in (*columns, *more, "certainty", "source", "note")]))
    show(answer, table, as_json)


@factors.command(name="add")
def add_factor(
    category: Annotated[str, typer.Argument(help="The carrier, stream, stage, reason or indicator.")],
    unit: Annotated[str, typer.Option("--unit", help="What one of it is, like GJ.")],
    from_: Annotated[str, typer.Option("--from", help="The first day, like 2026-01-01.")],
    to: Annotated[str, typer.Option("--to", help="The day after the last.")],
    source: Annotated[str, typer.Option("--source", help="Where it stands, so that others find it.")],
    wtw: Annotated[str | None, typer.Option("--wtw", help="kg CO2e per unit, whole chain.")] = None,
    ttw: Annotated[str | None, typer.Option("--ttw", help="kg CO2e per unit, direct emissions only.")] = None,
    meter: Annotated[
        list[str] | None, typer.Option("--meter", help="Only for this energy meter (several times for more).")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="Of what, unless energy.")] = "energy",
    market: Annotated[
        str | None,
        typer.Option("--market", help="location, market or both: both, and market for electricity."),
    ] = None,
    certainty: Annotated[str, typer.Option("--certainty", help="seen, computed, background.")] = "seen",
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Add the organisation's own factor: its supplier's, for all readings or for some meters."""
    given: dict[str, Any] = {
        "kind": kind,
        "category": category,
        "unit": unit,
        "wtw": wtw,
        "ttw": ttw,
        "market": market,
        "valid_from": from_,
        "valid_to": to,
        "meters": tuple(meter or ()),
        "source": source,
        "certainty": certainty,
        "note": note,
    }
    entry = _own_factor({name: value for name, value in given.items() if value is not None})

    def decide(recorded: Sequence[RecordedFactor]) -> Sequence[FactorVersion]:
        for version in entry.versions():
            for period in _periods(recorded, version):
                if period.recorded is not None and period.version is not None:
                    number = period.recorded.factor_no
                    raise UserError(
                        f"factor {number} of your own holds already from {period.start} to {period.end}: "
                        f"correct it with `groenmeter factors correct {number}`"
                    )
        return entry.versions()

    dsn = operator_dsn(load_settings())
    _tell(change_factors(dsn, decide, BY), as_json)
    with connect(dsn) as connection:
        counted = counted_meters(connection, entry.category, entry.meters)
    for name in entry.meters:
        if name not in counted:
            typer.echo(
                f"nothing was counted of {entry.category} of meter {name} yet: is it its name?", err=True
            )


@factors.command(name="correct")
def correct_factor(
    number: Annotated[int, typer.Argument(metavar="FACTOR", help="Its number, of `groenmeter factors`.")],
    why: Annotated[str, typer.Option("--why", help="What was wrong; it stays beside the correction.")],
    kg: Annotated[str | None, typer.Option("--kg", help="kg CO2e per unit as it should be.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Of --kg, when another.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Only from this day on.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only before this day.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Where it stands, when elsewhere.")] = None,
    withdraw: Annotated[
        bool,
        typer.Option(
            "--withdraw", help="It never was: what it corrected counts again, else the layer below."
        ),
    ] = False,
    market: Annotated[
        str | None, typer.Option("--market", help="Only location or market, of a factor of both.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Correct or withdraw a factor by a newer version; the one before stays and can be read as of then."""
    if (kg is None) == (not withdraw):
        raise typer.BadParameter("give --kg, or --withdraw")
    if market not in (None, "location", "market"):
        raise typer.BadParameter("--market is location or market")
    why = _words("--why", why, "what was wrong")
    if source is not None:
        source = _words("--source", source, "where it stands")
    try:
        value = None if kg is None else read_kilograms(kg)
        first, end = (None if text is None else read_day(text) for text in (from_, to))
    except Refusal as refusal:
        raise typer.BadParameter(_sentence(refusal.at(""))) from None
    if first is not None and end is not None and end <= first:
        lies = "lies before" if end < first else "is"
        raise typer.BadParameter(
            f"--to {end} {lies} --from {first}; it is the first day without the correction"
        )

    def decide(recorded: Sequence[RecordedFactor]) -> Sequence[FactorVersion]:
        versions: list[FactorVersion] = []
        for item in _to_correct(recorded, number, market):
            before = item.version
            start, last = first or before.valid_from, end or before.valid_to
            if not before.valid_from <= start < last <= before.valid_to:
                raise UserError(f"factor {item.factor_no} is of {before.valid_from} to {before.valid_to}")
            if unit is not None and unit not in units_of(before.kind, before.category):
                allowed = ", ".join(units_of(before.kind, before.category))
                raise UserError(f"{before.category} has no factor per {unit!r}; allowed: {allowed}")
            _refuse_corrected(recorded, item, start, last)
            published = _not_before(before.published)
            if withdraw:
                versions += [
                    replace(after, published=published, note=why)
                    for after in withdrawal(_same(recorded, before), item, start, last)
                ]
                continue
            after = replace(
                before,
                kg_co2e=before.kg_co2e if value is None else value,
                unit=unit or before.unit,
                valid_from=start,
                valid_to=last,
                source=source or before.source,
                published=published,
                repeats=None,
                note=why,
            )
            if after.says_the_same_as(before):
                raise UserError(f"factor {item.factor_no} is {before.kg_co2e} per {before.unit} already")
            versions.append(after)
        return versions

    changed = change_factors(operator_dsn(load_settings()), decide, BY)
    _tell(changed, as_json, _counting(changed) if withdraw else None)


@factors.command(name="import")
def import_list(
    file: Annotated[
        Path, typer.Argument(help="The list of CO2emissiefactoren.nl, as it is downloaded (XLSX).")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be recorded.")] = False,
    as_json: Json = False,
) -> None:
    """Record the official list: shows what is new, changed, the same, and what is not understood and why."""
    rows = read_factor_list(file)
    dsn = operator_dsn(load_settings())
    changes: list[Change] = []

    def decide(recorded: Sequence[RecordedFactor]) -> Sequence[FactorVersion]:
        changes[:] = compare(rows, recorded)
        return [change.version for change in changes if change.is_recorded]

    if dry_run:
        with connect(dsn) as connection:
            decide(read_recorded(connection))
    else:
        change_factors(dsn, decide, f"list {file.name}")
    if as_json:
        typer.echo(write_json(import_object(rows, changes, recorded=not dry_run)))
    else:
        show_import(rows, changes, recorded=not dry_run)


def _words(option: str, text: str, said: str) -> str:
    """A text without blanks around it, as a factor of the organisation's file has it."""
    text = text.strip()
    if not 1 <= len(text) <= 300:
        raise typer.BadParameter(f"{option} says in 1 to 300 characters {said}")
    try:
        refuse_email(text)
    except Refusal as refusal:
        raise typer.BadParameter(f"{option} {_sentence(refusal.at(''))}") from None
    return text


def _own_factor(given: Mapping[str, Any]) -> OwnFactor:
    try:
        entry = OwnFactor.model_validate(given)
        problems = entry.problems()
    except ValidationError as error:
        problems = [problem_of(item, OwnFactor.model_fields) for item in error.errors()]
    if problems:
        lines = [f"{_OPTIONS.get(name, f'--{name}')}: {_sentence(item)}" for name, item in _named(problems)]
        raise UserError("nothing was added:\n  " + "\n  ".join(lines))
    return entry


def _named(problems: Iterable[Problem]) -> list[tuple[str, Problem]]:
    return [(problem.field.partition(".")[0], problem) for problem in problems]


def _sentence(problem: Problem) -> str:
    extra = "; ".join(filter(None, (problem.allowed and f"allowed: {problem.allowed}", problem.hint)))
    return problem.problem + (f" ({extra})" if extra else "")


def _same(recorded: Sequence[RecordedFactor], version: FactorVersion) -> list[RecordedFactor]:
    return [item for item in recorded if item.version.thing == version.thing]


def _periods(recorded: Sequence[RecordedFactor], version: FactorVersion) -> list[Period]:
    return periods(_same(recorded, version), version.valid_from, version.valid_to)


def _to_correct(recorded: Sequence[RecordedFactor], number: int, market: str | None) -> list[RecordedFactor]:
    """The factor and its twin of the other market basis, recorded together with it."""
    asked = next((item for item in recorded if item.factor_no == number), None)
    if asked is None:
        raise UserError(f"there is no factor {number}: `groenmeter factors --history` shows all")
    if asked.version.withdrawn:
        raise UserError(f"factor {number} says that there is none: `groenmeter factors add` adds one")
    twins = [
        item
        for item in recorded
        if item.recorded_at == asked.recorded_at
        and replace(item.version, market=asked.version.market, repeats=asked.version.repeats) == asked.version
        and item.version.market in (market, *(() if market else ("location", "market")))
    ]
    if not twins:
        raise UserError(f"factor {number} is not of basis {market}")
    return twins


def _refuse_corrected(
    recorded: Sequence[RecordedFactor], item: RecordedFactor, start: date, end: date
) -> None:
    """Refuse to correct what does not count any more: the one that does is what has to be looked at."""
    newer = {
        period.recorded.factor_no
        for period in periods(_same(recorded, item.version), start, end)
        if period.recorded is not None and period.recorded.factor_no != item.factor_no
    }
    if newer:
        numbers = " and ".join(str(number) for number in sorted(newer))
        raise UserError(f"factor {item.factor_no} was corrected already, by {numbers}: correct that")


def _not_before(published: date | None) -> date | None:
    """A correction is published today; never before what it corrects, which then would go on to count."""
    today = datetime.now(UTC).date()
    return published if published is not None and published > today else None


def _both_markets(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for people: a factor that holds on both market bases is one."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(value for name, value in row.items() if name not in ("factor", "market"))
        if key in found:
            found[key]["factor"] = f"{found[key]['factor']}, {row['factor']}"
            found[key]["market"] = "both"
        else:
            state = "withdrawn" if row["withdrawn"] else "counts" if row["counts"] else "does not count"
            found[key] = row | {"state": state, "recorded_at": row["recorded_at"][:19].replace("T", " ")}
    return list(found.values())


def _counting(changed: Sequence[RecordedFactor]) -> list[dict[str, Any]]:
    """What counts now on the days of a withdrawal, whose versions differ in days and market basis only."""
    version = changed[0].version
    start = min(item.version.valid_from for item in changed).isoformat()
    end = max(item.version.valid_to for item in changed).isoformat()
    pairs = pairs_of(kind=version.kind, category=version.category, meter=version.meter)
    answer = ask_database(lambda connection: factors_call.factors_answer(connection, pairs, unlimited=True))
    markets = {item.version.market for item in changed}
    return [
        row | {"from": max(row["from"], start), "to": min(row["to"], end)}
        for row in answer["rows"]
        if version.meter is not None or row["meter"] is None
        if row["chain"] == version.chain and row["market"] in markets
        if UNITS[row["unit"]].base_unit == version.thing.base_unit
        if row["from"] < end and start < row["to"]
    ]


def _tell(
    recorded: Sequence[RecordedFactor], as_json: bool, counting: Sequence[dict[str, Any]] | None = None
) -> None:
    """What was recorded, and of a withdrawal what counts now."""
    if as_json:
        objects = [as_object(item.version) | {"factor": item.factor_no} for item in recorded]
        counts = {} if counting is None else {"counting": counting}
        typer.echo(write_json({"recorded": objects} | counts))
        return
    for item in recorded:
        again = f", which is factor {item.version.repeats} again" if item.version.repeats else ""
        typer.echo(f"{item.factor_no}: {readable(item.version)}{again}")
    if counting is None:
        return
    for row in _both_markets(counting):
        of_layer = "of your own" if row["layer"] == "own" else "of the list"
        typer.echo(
            f"now counts: factor {row['factor']} {of_layer} ({row['chain']}, {row['market']}): "
            f"{row['kg_co2e']} kg CO2e/{row['unit']}, {row['from']} to {row['to']}"
        )
    if not counting:
        typer.echo("now counts: no factor, so these days have no CO2e")
