"""What an import of a list found, for people and as JSON."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import typer

from schemas.factor_versions import FactorVersion
from services.factors.comparison import Change
from services.factors.official_list import ListedRow


def readable(version: FactorVersion) -> str:
    """A version in one line."""
    what = f"{version.category} ({version.chain}, {version.market})"
    of_meter = f" of meter {version.meter}" if version.meter else ""
    value = "withdrawn" if version.withdrawn else f"{version.kg_co2e} kg CO2e/{version.unit}"
    return f"{what}{of_meter}: {value}, {version.valid_from} to {version.valid_to}"


def as_object(version: FactorVersion) -> dict[str, Any]:
    """A version as `--json` prints it."""
    return {
        "kind": version.kind,
        "category": version.category,
        "layer": version.layer,
        "meter": version.meter,
        "chain": version.chain,
        "market": version.market,
        "kg_co2e": format(version.kg_co2e, "f"),
        "unit": version.unit,
        "valid_from": version.valid_from.isoformat(),
        "valid_to": version.valid_to.isoformat(),
        "withdrawn": version.withdrawn,
        "repeats": version.repeats,
    }


def import_object(rows: Sequence[ListedRow], changes: Sequence[Change], recorded: bool) -> dict[str, Any]:
    """What an import found, as `--json` prints it: every factor and every row of the file."""
    return {
        "recorded": recorded,
        "counts": dict(Counter(row.outcome for row in rows)),
        "factors": [
            as_object(change.version)
            | {
                "change": change.sort,
                "before": [format(item.kg_co2e, "f") for item in change.before],
                "sheet": change.row.sheet,
                "row": change.row.number,
            }
            for change in changes
        ],
        "rows": [
            {
                "sheet": row.sheet,
                "row": row.number,
                "section": row.section,
                "name": row.label,
                "outcome": row.outcome,
                "reason": row.reason,
            }
            for row in rows
        ],
    }


def show_import(rows: Sequence[ListedRow], changes: Sequence[Change], recorded: bool) -> None:
    """Print what is new, changed and not understood, and how many rows became what."""
    for change in changes:
        if change.sort != "same":
            before = " and ".join(format(item.kg_co2e, "f") for item in change.before) or "none"
            typer.echo(
                f"{change.sort}: row {change.row.number}, {readable(change.version)} (before: {before})"
            )
    for outcome, words in (("not-understood", "not understood"), ("withdrawn", "withdrawn by the list")):
        for row in rows:
            if row.outcome == outcome:
                typer.echo(
                    f"{words}: {row.sheet}, row {row.number}, {row.section}, {row.label}: {row.reason}"
                )
    others: defaultdict[str, list[ListedRow]] = defaultdict(list)
    for row in rows:
        if row.outcome == "no-category":
            others[row.section].append(row)
    for section, listed in others.items():
        names = ", ".join(
            f"{row.number} {row.label}" + (" (TTW only)" if row.reason else "") for row in listed
        )
        typer.echo(f"no category: {section}: {names}")
    sorts = Counter(change.sort for change in changes)
    outcomes = Counter(row.outcome for row in rows)
    factors_said = ", ".join(
        f"{sorts[sort]} {sort}" for sort in ("new", "changed", "withdrawn", "older", "same")
    )
    typer.echo(
        f"{len(rows)} rows: {outcomes['factor']} with factors ({factors_said}), "
        f"{outcomes['withdrawn']} withdrawn, {outcomes['no-category']} without a category here, "
        f"{outcomes['not-understood']} not understood, {outcomes['heading']} headings. "
        + ("Recorded." if recorded else "Nothing was recorded."),
        err=True,
    )
