"""Targets as a table on the terminal, in Dutch or English: from the rows of `GET /v1/targets`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from services.tracking.spelling import amount_text, counted_text, percent_text, unit_text

Language = Literal["nl", "en"]
Row = Mapping[str, Any]

_NUMBERS = (2, 3, 4)
_TONNES_FROM = 100_000

# The symbol says it to whoever sees no colours, and where there are none.
_LOOKS = {"green": ("✔", "green"), "amber": ("▲", "yellow"), "red": ("✖", "red"), "unknown": ("?", "dim")}


@dataclass(frozen=True)
class _Words:
    columns: Sequence[str]
    bands: Mapping[str, str]
    outcomes: Mapping[str, str]
    themes: Mapping[str, str]
    behind: str
    ahead: str
    missing: str
    days: tuple[str, str]
    footer: str


_WORDS: Mapping[Language, _Words] = {
    "nl": _Words(
        ("doel", "status", "nu", "mag nu", "jaareinde", "eenheid"),
        {"green": "groen", "amber": "oranje", "red": "rood", "unknown": "onbekend"},
        {"met": "gehaald", "missed": "niet gehaald", "cannot-tell": "niet te zeggen"},
        {
            "health": "gezondheid",
            "knowledge": "kennis",
            "co2": "CO2",
            "circular": "circulair",
            "medication": "medicatie",
        },
        "{} achter",
        "{} voor",
        "ontbreekt: {}",
        ("dag", "dagen"),
        "{rows} doelen, gegevens van {as_of}, dagen van {time_zone}",
    ),
    "en": _Words(
        ("target", "status", "actual", "limit now", "year's end", "unit"),
        {"green": "green", "amber": "amber", "red": "red", "unknown": "unknown"},
        {"met": "met", "missed": "missed", "cannot-tell": "cannot tell"},
        {
            "health": "health",
            "knowledge": "knowledge",
            "co2": "CO2",
            "circular": "circular",
            "medication": "medication",
        },
        "{} behind",
        "{} ahead",
        "missing: {}",
        ("day", "days"),
        "{rows} targets, as of {as_of}, days of {time_zone}",
    ),
}


def target_table(rows: Iterable[Row], language: Language) -> Table:
    """A line for each target, by theme; large masses in tonnes."""
    words = _WORDS[language]
    table = Table(box=None, pad_edge=False)
    for position, name in enumerate(words.columns):
        justify: Literal["left", "right"] = "right" if position in _NUMBERS else "left"
        table.add_column(name, justify=justify)
    for theme, of_theme in groupby(rows, lambda row: str(row["theme"])):
        table.add_row(Text(words.themes[theme], style="bold"))
        for row in of_theme:
            per, unit = _shown_unit(row, language)
            table.add_row(
                _titled(row, words, language),
                _status(row, words, language),
                Text(_amount(row["actual"], per, language)),
                Text(_amount(row["limit_now"], per, language)),
                Text(_projection(row, per, language)),
                Text(unit),
            )
    return table


def footer(answer: Mapping[str, Any], language: Language) -> str:
    """What the table is of."""
    return _WORDS[language].footer.format(**{**answer, "rows": len(answer["rows"])})


def _titled(row: Row, words: _Words, language: Language) -> Text:
    """The title, and below it what is missing."""
    title = Text(f"  {row['title'][language]}")
    return title.append("".join(f"\n    {line}" for line in _missing(row, words, language)), style="dim")


def _status(row: Row, words: _Words, language: Language) -> Text:
    symbol, colour = _LOOKS[row["band"]]
    said = (words.bands[row["band"]], words.outcomes.get(row["outcome"]), _drift(row, words, language))
    return Text(f"{symbol} {', '.join(word for word in said if word)}", style=colour)


def _shown_unit(row: Row, language: Language) -> tuple[int, str]:
    """How many of the row's unit are one of the unit that is shown, and its name."""
    unit = row["unit"]
    largest = max((Fraction(row[name]) for name in ("actual", "limit_now") if row[name]), default=Fraction(0))
    if unit.startswith("kg") and largest >= _TONNES_FROM:
        return 1000, "t" + unit.removeprefix("kg")
    return 1, "" if not largest else str(getattr(unit_text(unit), language))


def _amount(value: str | None, per: int, language: Language) -> str:
    return "" if value is None else str(getattr(amount_text(Fraction(value) / per, ""), language))


def _drift(row: Row, words: _Words, language: Language) -> str:
    if row["drift"] is None:
        return ""
    drift = Fraction(row["drift"])
    percent = getattr(percent_text(abs(drift)), language)
    return (words.behind if drift > 0 else words.ahead).format(percent)


def _projection(row: Row, per: int, language: Language) -> str:
    projection = row["projection"]
    if projection is None:
        return ""
    ends = dict.fromkeys(_amount(projection[end], per, language) for end in ("low", "high"))
    return " –\n".join(ends)


def _missing(row: Row, words: _Words, language: Language) -> list[str]:
    """Parts without measurements and sources with holes; without these why there is no verdict."""
    missing = [part[language] for part in row["coverage"] if part["state"] == "missing"]
    lines = [words.missing.format(", ".join(missing))] if missing else []
    for source in row["incomplete_sources"]:
        days = counted_text(round(Fraction(source["missing_days"])), *words.days)
        lines.append(f"{source['team']} {source['source']} {source['category']}: {days}")
    if not lines and row["band"] == "unknown":
        lines = [row["reasons"][0][language]] if row["reasons"] else []
    return lines
