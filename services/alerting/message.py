"""What a message says: a change of status and its evaluation as text, HTML and data. Pure."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from services.alerting.words import WORDS, Words
from services.store.outbox import Change
from services.store.subscribers import Language
from services.tracking.spelling import Both, amount_text, date_text, last_day_text, percent_text

CHANGE_TYPE = "target.status.worse"
TEST_TYPE = "test"

# Lists that grow with the years and the sources: a receiver finds them where the link leads.
_LEFT_TO_THE_LINK = frozenset({"path", "incomplete_sources"})

# Told apart by their word; the colours also differ in lightness, for who sees no red and green.
_COLOURS = {"red": ("#8c1d18", "#ffffff"), "amber": ("#ffb300", "#000000")}


class Line(NamedTuple):
    """One fact: what it is about, and the fact."""

    label: str
    text: str


@dataclass(frozen=True)
class Message:
    """A message, the same at every attempt. `data`: what a webhook receives."""

    id: UUID
    language: Language
    subject: str
    text: str
    html: str
    data: Mapping[str, Any]


def compose(id_: UUID, change: Change, language: Language, subscriber: str, link: str | None) -> Message:
    """The message about a change. `subscriber` is its name, `link` where to see more."""
    words = WORDS[language]
    row = change.row
    what = words.what.format(
        title=_one_line(row["title"][language]),
        to=words.bands[change.to_band],
    )
    lines = [
        *_team(row, words),
        Line(words.since, _in(language, date_text(change.since))),
        Line(words.how_far, _how_far(row, language, words)),
        *_largest_cause(row, language, words),
        *_rests_on(row, language, words),
    ]
    stop = words.stop.format(subscriber, subscriber)
    text = _text(what, lines, words, link, stop, id_)
    data = {
        "type": CHANGE_TYPE,
        "timestamp": change.changed_at.isoformat(),
        "data": {
            "id": str(id_),
            "target": change.target,
            "from_band": change.from_band,
            "to_band": change.to_band,
            "since": change.since.isoformat(),
            "subject": f"Groenmeter: {what}",
            "text": text,
            "link": link,
            "evaluation": {name: value for name, value in row.items() if name not in _LEFT_TO_THE_LINK},
        },
    }
    page = _html(what, lines, words, link, stop, id_, language, _COLOURS.get(change.to_band))
    return Message(id_, language, f"Groenmeter: {what}", text, page, data)


def compose_test(id_: UUID, language: Language, subscriber: str) -> Message:
    """A message that only shows that messages arrive."""
    words = WORDS[language]
    stop = words.stop.format(subscriber, subscriber)
    text = _text(words.test_text, [], words, None, stop, id_)
    data = {"type": TEST_TYPE, "data": {"id": str(id_), "subject": words.test_subject, "text": text}}
    page = _html(words.test_text, [], words, None, stop, id_, language, None)
    return Message(id_, language, words.test_subject, text, page, data)


def _team(row: Mapping[str, Any], words: Words) -> list[Line]:
    sort, _, slug = row["scope"].partition("/")
    return [Line(words.team, slug)] if sort == "team" else []


def _how_far(row: Mapping[str, Any], language: Language, words: Words) -> str:
    """Percent and amount; for what has no amount (a milestone) the reasons."""
    if None in (row["drift"], row["actual"], row["limit_now"]):
        reasons = " ".join(_one_line(reason[language]) for reason in row["reasons"])
        return reasons or words.not_measured
    drift, unit = Fraction(row["drift"]), row["unit"]
    actual, limit = Fraction(row["actual"]), Fraction(row["limit_now"])
    to_reach = row["kind"] == "share_min"
    bound = words.at_least if to_reach else words.at_most
    excess = words.too_little if to_reach else words.too_much
    difference = amount_text(abs(actual - limit), words.points if unit == "%" else unit)
    sentence = words.behind if drift > 0 else words.ahead
    return sentence.format(
        drift=_in(language, percent_text(abs(drift))),
        actual=_in(language, amount_text(actual, unit)),
        limit=bound.format(_in(language, amount_text(limit, unit))),
        excess=excess.format(_in(language, difference)),
    )


def _largest_cause(row: Mapping[str, Any], language: Language, words: Words) -> list[Line]:
    """The first contribution: they are sorted by how far above its budget each is, of a share by size.

    A share that must be reached has no cause: what is there is never too much.
    """
    if not row["contributions"] or row["kind"] == "share_min":
        return []
    largest = row["contributions"][0]
    name = _one_line(largest[language])
    if largest["difference"] is None:
        share = percent_text(Fraction(largest["actual"]) / 100)
        cause = words.of_total.format(name=name, share=_in(language, share))
    elif (difference := Fraction(largest["difference"])) <= 0:
        cause = words.no_cause
    else:
        over = amount_text(difference, row["unit"])
        cause = words.over_budget.format(name=name, difference=_in(language, over))
    return [Line(words.cause, cause)]


def _rests_on(row: Mapping[str, Any], language: Language, words: Words) -> list[Line]:
    """Up to when, how complete, with which factors, and what of the boundary was not measured."""
    if row["kind"] == "milestone":
        return []
    through = row["through"]
    facts = [
        words.up_to.format(_in(language, last_day_text(date.fromisoformat(through))))
        if through
        else words.nothing_complete
    ]
    if row["completeness"] is not None:
        complete = percent_text(Fraction(row["completeness"]))
        facts.append(words.complete.format(_in(language, complete)))
    if basis := row["basis"]:
        years = ", ".join(str(year) for year in sorted({factor["year"] for factor in basis["factors"]}))
        facts.append(words.factors.format(years=years, chain=words.chains[basis["chain"]]))
    for state, sentence in words.coverage.items():
        parts = [_one_line(entry[language]) for entry in row["coverage"] if entry["state"] == state]
        if parts:
            facts.append(sentence.format(", ".join(parts)))
    return [Line(words.rests_on, "; ".join(facts))]


def _text(what: str, lines: list[Line], words: Words, link: str | None, stop: str, id_: UUID) -> str:
    facts = [f"{line.label}: {line.text}" for line in lines]
    see = [f"{words.look}: {link}"] if link else []
    paragraphs = [[what if what.endswith(".") else f"{what}."], facts, see, [stop, words.number.format(id_)]]
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph) + "\n"


def _html(
    what: str,
    lines: list[Line],
    words: Words,
    link: str | None,
    stop: str,
    id_: UUID,
    language: Language,
    colours: tuple[str, str] | None,
) -> str:
    background, foreground = colours or ("#ffffff", "#000000")
    rows = "\n".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding:4px 16px 4px 0">{html.escape(line.label)}'
        f'</th><td style="padding:4px 0">{html.escape(line.text)}</td></tr>'
        for line in lines
    )
    see = f'<p><a href="{html.escape(link)}">{html.escape(words.look)}</a></p>\n' if link else ""
    table = f"<table>\n{rows}\n</table>\n" if rows else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<body style="font-family:sans-serif;max-width:40em">\n'
        f'<p style="background:{background};color:{foreground};padding:12px;font-size:1.2em">'
        f"{html.escape(what)}</p>\n{table}{see}"
        f'<p style="color:#555555;font-size:0.9em">{html.escape(stop)}<br>'
        f"{html.escape(words.number.format(id_))}</p>\n</body>\n</html>\n"
    )


def _in(language: Language, both: Both) -> str:
    return both.nl if language == "nl" else both.en


def _one_line(text: str) -> str:
    """A name or sentence of the organisation's file, on one line: it may become a header."""
    return " ".join(text.split())
