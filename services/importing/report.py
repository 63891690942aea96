"""What an import found, as a person reads it before anything is posted."""

import sys
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from services.importing.comparison import Preview, Some
from services.importing.posting import describe
from services.importing.wording import content_words, differences, measurement_words

_WIDTH_OF_A_FILE = 200
_ROWS_NAMED = 8
_GONE = "Gone: in this delivery before, not any more (kept; --retract-missing retracts them)"


def print_preview(preview: Preview, zone: ZoneInfo) -> None:
    """New, changed with before and after, gone, not understood, left out, and how rows were read."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    console.print(_summary(preview))
    _print_list(console, "New", _new(preview, zone), preview.new)
    _print_list(console, "Changed", _changed(preview, zone), preview.changed)
    _print_list(console, _GONE, _gone(preview, zone), preview.gone)
    if preview.not_understood.count:
        console.print("\nNot understood")
        said: set[tuple[str, str | None]] = set()
        for row in preview.not_understood.first:
            for problem in row.problems:
                repeated = (problem.field, problem.allowed) in said
                said.add((problem.field, problem.allowed))
                shown = replace(problem, allowed=None) if repeated else problem
                console.print("  " + describe(f"row {row.row}", shown), soft_wrap=True)
        _print_more(console, preview.not_understood)
    for title, groups in (("Left out", preview.left_out), ("How rows were read", preview.notes)):
        if groups:
            console.print(f"\n{title}")
        for reason, rows in groups.items():
            console.print(f"  {rows.count:,} x {reason} ({_rows(rows)})")


def _summary(preview: Preview) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, count in (
        ("new", preview.new.count),
        ("changed", preview.changed.count),
        ("gone", preview.gone.count),
        ("not understood", preview.not_understood.count),
        ("unchanged", preview.same),
        ("left out", sum(rows.count for rows in preview.left_out.values())),
    ):
        table.add_row(name, f"{count:,}")
    return table


def _new(preview: Preview, zone: ZoneInfo) -> Table:
    table = _table("row", "id", "when", "what", "amount")
    for reading in preview.new.first:
        words = measurement_words(reading.measurement, reading.event["data"], zone)
        table.add_row(str(reading.row), reading.event["id"], words["when"], words["what"], words["amount"])
    return table


def _changed(preview: Preview, zone: ZoneInfo) -> Table:
    table = _table("row", "id", "field", "before", "after")
    for change in preview.changed.first:
        for field, before, after in differences(change, zone):
            table.add_row(str(change.reading.row), change.reading.event["id"], field, before, after)
    return table


def _gone(preview: Preview, zone: ZoneInfo) -> Table:
    table = _table("id", "when", "what", "amount")
    for known in preview.gone.first:
        words = content_words(known.content, zone)
        table.add_row(known.id, words["when"], words["what"], words["amount"])
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=True, header_style="dim")


def _print_list(console: Console, title: str, table: Table, items: Some[Any]) -> None:
    if items.count:
        console.print(f"\n{title}")
        console.print(table)
        _print_more(console, items)


def _print_more(console: Console, items: Some[Any]) -> None:
    if items.count > len(items.first):
        console.print(f"  and {items.count - len(items.first):,} more")


def _rows(rows: Some[int]) -> str:
    named = ", ".join(map(str, rows.first[:_ROWS_NAMED]))
    more = ", ..." if rows.count > _ROWS_NAMED else ""
    return f"{'row' if rows.count == 1 else 'rows'} {named}{more}"
