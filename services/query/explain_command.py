"""`groenmeter explain`: where a number comes from, in sentences and tables."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.grams import kilograms
from schemas.json_text import write_json
from services.query.console import FILE_WIDTH, AsJson, ask_database, cells, new_table, option, pairs_of
from services.query.explain import PARAMETERS, explain_answer
from services.query.target_table import Language
from services.tracking.spelling import precise_text

_READINGS = 20
_DECIMALS = 3

_COLUMNS: Mapping[Language, Mapping[str, Sequence[str]]] = {
    "nl": {
        "sums": (
            "wat",
            "dagen",
            "basiseenheden",
            "metingen",
            "factor nu",
            "kg CO2e",
            "vaste factor",
            "kg CO2e",
        ),
        "factors": ("factor", "waarde", "geldig", "bekend sinds", "bron", "zekerheid"),
        "fixed": (
            "vaste factor",
            "waarde",
            "geldig",
            "bekend sinds",
            "bron",
            "zekerheid",
            "van de lijst van",
        ),
        "readings": (
            "meting",
            "versie",
            "ontvangen",
            "door",
            "periode",
            "gepost",
            "basiseenheden",
            "hiervan hier",
        ),
        "amounts": ("wat", "dagen", "basiseenheden", "in de eenheid van het doel", "verder met"),
    },
    "en": {
        "sums": (
            "what",
            "days",
            "base units",
            "readings",
            "factor now",
            "kg CO2e",
            "fixed factor",
            "kg CO2e",
        ),
        "factors": ("factor", "value", "valid", "known since", "source", "certainty"),
        "fixed": (
            "fixed factor",
            "value",
            "valid",
            "known since",
            "source",
            "certainty",
            "of the list of",
        ),
        "readings": (
            "reading",
            "revision",
            "received",
            "by",
            "period",
            "posted",
            "base units",
            "of which here",
        ),
        "amounts": ("what", "days", "base units", "in the target's unit", "further with"),
    },
}
_MORE: Mapping[Language, str] = {
    "nl": "er zijn er meer: --limit zegt hoeveel, --json geeft ze alle",
    "en": "there are more: --limit says how many, --json gives all of them",
}
_RULES: Mapping[Language, str] = {"nl": "Zo wordt gerekend:", "en": "How it is worked out:"}


def explain(
    kind: Annotated[str | None, option("kind", PARAMETERS)] = None,
    from_: Annotated[str | None, option("from", PARAMETERS)] = None,
    to: Annotated[str | None, option("to", PARAMETERS)] = None,
    bucket: Annotated[str | None, option("bucket", PARAMETERS)] = None,
    start: Annotated[str | None, option("start", PARAMETERS)] = None,
    by: Annotated[str | None, option("by", PARAMETERS)] = None,
    team: Annotated[str | None, option("team", PARAMETERS)] = None,
    site: Annotated[str | None, option("site", PARAMETERS)] = None,
    category: Annotated[str | None, option("category", PARAMETERS)] = None,
    flow: Annotated[str | None, option("flow", PARAMETERS)] = None,
    method: Annotated[str | None, option("method", PARAMETERS)] = None,
    detail: Annotated[str | None, option("detail", PARAMETERS)] = None,
    base_unit: Annotated[str | None, option("base_unit", PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", PARAMETERS)] = None,
    basis: Annotated[str | None, option("basis", PARAMETERS)] = None,
    target: Annotated[str | None, option("target", PARAMETERS)] = None,
    on: Annotated[str | None, option("on", PARAMETERS)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Readings that the table shows.")] = _READINGS,
    language: Annotated[Language, typer.Option("--language", "--lang", help="Of the words.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Where a total, a CO2e figure or a target comes from: readings, factors, boundary, splits, roundings.

    A total is named as for `groenmeter totals`, a target with --target.
    """
    given = pairs_of(
        kind=kind,
        from_=from_,
        to=to,
        bucket=bucket,
        start=start,
        by=by,
        team=team,
        site=site,
        category=category,
        flow=flow,
        method=method,
        detail=detail,
        base_unit=base_unit,
        as_of=as_of,
        basis=basis,
        target=target,
        on=on,
    )
    if as_json:
        answer = ask_database(lambda connection: explain_answer(connection, given, unlimited=True))
        typer.echo(write_json(answer))
        return
    pairs = [*given, ("limit", str(limit))]
    answer = ask_database(lambda connection: explain_answer(connection, pairs, patient=True))
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    _lines(console, answer["words"][language])
    columns = _COLUMNS[language]
    if "target" in answer:
        explained = answer["target"]
        amounts = (_amount_cells(row, explained, language) for row in explained["amounts"])
        _print(console, columns["amounts"], amounts)
        _print(console, columns["fixed"], map(_fixed_factor_cells, explained["factors"]))
    else:
        sums = (cell for total in answer["totals"] for cell in map(_sum_cells, total["sums"]))
        _print(console, columns["sums"], sums)
        _print(console, columns["factors"], map(_factor_cells, answer["factors"]))
        _print(console, columns["readings"], map(_reading_cells, answer["rows"]))
    if answer["cursor"]:
        console.print(Text(_MORE[language], style="dim"))
    _lines(console, [_RULES[language], *(f"- {rule[language]}" for rule in answer["rules"])], style="dim")


def _lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        console.print(Text(line, style=style))
    console.print()


def _print(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table: Table = new_table(*columns)
    for row in rows:
        table.add_row(*cells(*row))
    if table.row_count:
        console.print(table)
        console.print()


def _sum_cells(row: Mapping[str, Any]) -> Sequence[object]:
    views = [_view(row[view]) for view in ("current", "constant")]
    what = [row["category"], row["flow"], row["meter"] and f"meter {row['meter']}"]
    return (
        " ".join(filter(None, what)),
        f"{row['from']} - {row['to']}",
        f"{row['base_quantity']} {row['base_unit']}",
        row["readings"],
        *views[0],
        *views[1],
    )


def _view(told: Mapping[str, Any] | None) -> tuple[object, object]:
    return ("", "") if told is None else (told["factor"], kilograms(Fraction(told["kg_co2e"])))


def _factor_cells(row: Mapping[str, Any]) -> Sequence[object]:
    meter = f" meter {row['meter']}" if row["meter"] else ""
    return (
        f"{row['factor']} {row['category']}{meter}",
        f"{row['kg_co2e']} kg / {row['unit']} ({row['chain']}, {row['market']})",
        f"{row['valid_from']} - {row['valid_to']}",
        row["recorded_at"][:10],
        row["source"],
        row["certainty"],
    )


def _fixed_factor_cells(row: Mapping[str, Any]) -> Sequence[object]:
    return *_factor_cells(row), row["year"]


def _reading_cells(row: Mapping[str, Any]) -> Sequence[object]:
    amounts = row["amounts"]
    posted = [_posted(amount["conversion"]) for amount in amounts]
    return (
        f"{row['team']} {row['source']} {row['id']}",
        row["revision"],
        row["received_at"],
        row["posted_by"],
        row["start"] if row["end"] is None else f"{row['start']} - {row['end']}",
        ", ".join(filter(None, posted)),
        ", ".join(f"{amount['base_quantity']} {amount['base_unit']}" for amount in amounts),
        ", ".join(f"{amount['counted']} {amount['base_unit']}" for amount in amounts),
    )


def _posted(conversion: Mapping[str, Any] | None) -> str:
    if conversion is None:
        return "?"
    correction = "" if conversion["correction"] == "1" else f" x {conversion['correction']}"
    return f"{conversion['posted']} {conversion['unit'] or conversion['field']}{correction}"


def _amount_cells(row: Mapping[str, Any], target: Mapping[str, Any], language: Language) -> Sequence[object]:
    flow = row["flow"] if row["kind"] == "energy" else None
    unit = row["base_unit"] if target["unit"] == "%" else target["unit"]
    if target["definition"]["measure"] == "co2e":
        unit = "kg CO2e"
    factor = f" (factor {row['factor']})" if row["factor"] else ""
    asked = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in row["explain"].items())
    return (
        " ".join(filter(None, (row["kind"], row["category"], flow))),
        f"{row['from']} - {row['to']}",
        f"{row['base_quantity']} {row['base_unit']}",
        getattr(precise_text(Fraction(row["amount"]), unit, _DECIMALS), language) + factor,
        f"groenmeter explain {asked}",
    )
