"""An explanation in sentences, in Dutch and English: what is in the numbers beside them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.catalogue import UNITS, category_names
from schemas.factors import REFERENCE_YEAR
from schemas.grams import kilograms, whole_grams
from services.query.explained_sums import Segment
from services.query.explained_total import Explained, ExplainedTotal, why_left_out
from services.store.explain import KnownFactor
from services.tracking import words_of_data
from services.tracking.completeness import Check, ratio
from services.tracking.spelling import (
    Both,
    amount_text,
    counted_text,
    date_text,
    last_day_text,
    percent_text,
    precise_text,
    rounded,
)

_KINDS = {
    "energy": Both("energie", "energy"),
    "waste": Both("afval", "waste"),
    "food-waste": Both("voedselverspilling", "food waste"),
    "medication-waste": Both("medicijnverspilling", "medication waste"),
    "activity": Both("activiteit", "activity"),
}
_VIEWS = {
    "current": Both("met de factoren van nu", "with today's factors"),
    "constant": Both(
        f"met de vaste factoren van {REFERENCE_YEAR}", f"with the fixed factors of {REFERENCE_YEAR}"
    ),
}
_WHY = {
    "detail": Both("al meegeteld in een andere meting", "already in another measurement"),
    "no-detail": Both("niet al meegeteld in een andere meting", "not already in another measurement"),
    "team": Both("van andere teams", "of other teams"),
    "site": Both("van andere locaties", "of other sites"),
    "flow": Both("van een andere stroom (teruglevering, opwek)", "of another flow (fed in, generated)"),
    "method": Both("op een andere manier bepaald", "determined in another way"),
}
_MOST_LINES = 6

_MOST_AMOUNTS = 12

# Of an amount: as few decimals as give the grams that are said beside it.
_DECIMALS = range(3, 10)


def total_words(explained: Explained) -> dict[str, list[str]]:
    """What is to be said of a total."""
    if not explained.totals:
        return _both([_nothing(explained)])
    lines = [line for total in explained.totals for line in _of_total(total, explained)]
    return _both([*lines, *_factors(explained.factors)])


def target_words(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is to be said of a target, from its explanation."""
    return _both(_of_target(row))


def _both(lines: Iterable[Both]) -> dict[str, list[str]]:
    said = list(dict.fromkeys(lines))
    return {"nl": [line.nl for line in said], "en": [line.en for line in said]}


def _ended(text: str) -> str:
    """With one full stop: the words of a list or an organisation may have theirs."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _days(start: date, end: date) -> Both:
    first, last = date_text(start), last_day_text(end)
    if first == last:
        return Both(f"op {first.nl}", f"on {first.en}")
    return Both(f"van {first.nl} tot en met {last.nl}", f"from {first.en} up to and including {last.en}")


def _subject(explained: Explained, category: str | None) -> Both:
    kind = explained.asked.total.kind
    if category is None:
        return _KINDS[kind]
    names = category_names(kind)[category]
    return Both(f"{_KINDS[kind].nl} ({names.nl})", f"{_KINDS[kind].en} ({names.en})")


def _nothing(explained: Explained) -> Both:
    wanted = explained.asked.total
    subject, days = _subject(explained, wanted.category), _days(wanted.start, wanted.end)
    return Both(
        f"Er is {days.nl} geen {subject.nl} geteld die hierbij hoort: geen gegevens is iets anders dan nul.",
        f"No {subject.en} that fits was counted {days.en}: no data is not the same as zero.",
    )


def _of_total(item: ExplainedTotal, explained: Explained) -> Iterator[Both]:
    wanted = explained.asked.total
    subject = _subject(explained, item.total.category or wanted.category)
    days, amount = _days(wanted.start, wanted.end), _shown(item, item.total.base_quantity)
    yield Both(
        f"{subject.nl.capitalize()} {days.nl}: {amount.nl}, "
        f"precies {item.total.base_quantity} {item.total.base_unit}.",
        f"{subject.en.capitalize()} {days.en}: {amount.en}, "
        f"exactly {item.total.base_quantity} {item.total.base_unit}.",
    )
    counted = [row for row in explained.sums if why_left_out(row, wanted) is None]
    teams = sorted({row.team for row in counted if row.base_unit == item.total.base_unit})
    readings = item.total.readings
    nl, en = counted_text(readings, "meting", "metingen"), counted_text(readings, "reading", "readings")
    begins_nl, begins_en = ("begint", "begins") if readings == 1 else ("beginnen", "begin")
    yield Both(
        f"Daarin: {nl} die op deze dagen {begins_nl}, en de delen van eerder begonnen metingen; van "
        f"{'team' if len(teams) == 1 else 'de teams'} {', '.join(teams)}.",
        f"In it: {en} that {begins_en} on these days, and the shares of readings that began before; of "
        f"{'team' if len(teams) == 1 else 'the teams'} {', '.join(teams)}.",
    )
    yield from _co2e(item)
    yield from _reported(item)
    yield from _left_out(item, explained)
    yield from _completeness(item.completeness)


def _shown(item: ExplainedTotal, base_quantity: int) -> Both:
    """An amount in the unit of the total's row."""
    unit = item.row["unit"]
    per_unit = 1 if unit == item.total.base_unit else UNITS[unit].per_unit
    return amount_text(Fraction(base_quantity, per_unit), unit)


def _co2e(item: ExplainedTotal) -> Iterator[Both]:
    values = {"current": item.total.current, "constant": item.total.constant}
    if not any(factor for part in item.segments for factor in part.factors.values()):
        yield Both("Hiervoor is geen CO2-factor bekend.", "No CO2 factor is known for this.")
        return
    for view, value in values.items():
        words = _VIEWS[view]
        if value is None:
            lacking = {_name(item, part.category) for part in item.segments if not part.factors[view]}
            nl, en = (
                ", ".join(sorted(getattr(name, language) for name in lacking)) for language in Both._fields
            )
            yield Both(
                f"CO2e {words.nl}: niet te zeggen, er is geen factor voor {nl}.",
                f"CO2e {words.en}: cannot be told, there is no factor for {en}.",
            )
            continue
        parts = [part for part in item.segments if part.factors[view] is not None]
        lines = [_product(item, part, view) for part in parts[:_MOST_LINES]]
        terms = [part.exact(view) or Fraction() for part in parts]
        shown = [*terms[:_MOST_LINES]]
        if more := len(parts) - len(lines):
            shown.append(sum(terms[_MOST_LINES:], Fraction()))
            number = _kilograms(shown[-1])
            nl, en = (
                counted_text(more, "ander deel", "andere delen"),
                counted_text(more, "other part", "other parts"),
            )
            lines.append(Both(f"{nl} = {number.nl}", f"{en} = {number.en}"))
        if len(lines) > 1:
            number = _kilograms(value)
            lines.append(Both(f"samen {number.nl}", f"together {number.en}"))
            if sum(map(whole_grams, shown)) != whole_grams(value):
                lines.append(Both("opgeteld vóór het afronden", "added up before rounding"))
        nl, en = "; ".join(line.nl for line in lines), "; ".join(line.en for line in lines)
        yield Both(f"CO2e {words.nl}: {nl}.", f"CO2e {words.en}: {en}.")


def _reported(item: ExplainedTotal) -> Iterator[Both]:
    if item.reported is None:
        return
    publication, compared = item.reported.publication, item.reported.compared
    day, then = date_text(publication.told_on), _shown(item, compared.then_quantity)
    number = kilograms(compared.reported)
    value = None if number is None else _decimal(number)
    yield Both(
        f"Zoals gemeld op {day.nl} ({publication.name}): {then.nl}"
        + (f", {value.nl} kg CO2e met de factoren van toen." if value else "."),
        f"As reported on {day.en} ({publication.name}): {then.en}"
        + (f", {value.en} kg CO2e with the factors of then." if value else "."),
    )


def _name(item: ExplainedTotal, category: str) -> Both:
    names = category_names(item.row["kind"])[category]
    return Both(names.nl, names.en)


def _kilograms(exact: Fraction) -> Both:
    """To the gram."""
    number = _decimal(kilograms(exact) or "")
    return Both(f"{number.nl} kg", f"{number.en} kg")


def _decimal(text: str) -> Both:
    """All digits of a number."""
    return Both(text.replace(".", ","), text)


def _product(item: ExplainedTotal, part: Segment, view: str) -> Both:
    """An amount times its factor."""
    factor = part.factors[view]
    assert factor is not None  # noqa: S101 - only parts with one are told
    quantity = Fraction(part.base_quantity, factor.base_units_per_unit)
    meter = f", meter {factor.meter}" if factor.meter else ""
    number = Both(*2 * (f"factor {factor.factor_no}{meter}",))
    return _times(quantity, factor.unit, _name(item, part.category), factor.kg_co2e, number)


def _times(quantity: Fraction, unit: str, name: Both, kg_co2e: Decimal, factor: Both) -> Both:
    """Like 2.0005 t residual waste x 40 (factor 7) = 80.020 kg: a calculator comes to the same grams."""
    exact = quantity * Fraction(kg_co2e)
    decimals = next(
        (
            decimals
            for decimals in _DECIMALS
            if whole_grams(rounded(quantity, decimals) * Fraction(kg_co2e)) == whole_grams(exact)
        ),
        _DECIMALS[-1],
    )
    amount, number = precise_text(quantity, unit, decimals), _kilograms(exact)
    value = _decimal(format(kg_co2e, "f"))
    return Both(
        f"{amount.nl} {name.nl} x {value.nl} ({factor.nl}) = {number.nl}",
        f"{amount.en} {name.en} x {value.en} ({factor.en}) = {number.en}",
    )


def _factors(factors: Sequence[KnownFactor]) -> Iterator[Both]:
    for factor in factors[:_MOST_LINES]:
        value, days = _decimal(format(factor.kg_co2e, "f")), _days(factor.valid_from, factor.valid_to)
        yield Both(
            f"Factor {factor.factor_no}: {value.nl} kg CO2e per {factor.unit}, geldig {days.nl}; "
            + _ended(f"bron: {factor.source}"),
            f"Factor {factor.factor_no}: {value.en} kg CO2e for one {factor.unit}, valid {days.en}; "
            + _ended(f"source: {factor.source}"),
        )


def _left_out(item: ExplainedTotal, explained: Explained) -> Iterator[Both]:
    wanted, base_unit = explained.asked.total, item.total.base_unit
    amounts: Counter[str] = Counter()
    for row in explained.sums:
        why = why_left_out(row, wanted)
        if why is not None and row.base_unit == base_unit and item.total.category in (None, row.category):
            amounts[why] += row.base_quantity
    for why, base_quantity in sorted(amounts.items()):
        amount, words = _shown(item, base_quantity), _WHY[why]
        yield Both(f"Er niet bij: {amount.nl} {words.nl}.", f"Not in it: {amount.en} {words.en}.")


def _completeness(checked: Check | None) -> Iterator[Both]:
    if checked is None:
        return
    complete = ratio(checked.sources)
    if complete is not None:
        share = percent_text(complete)
        yield Both(
            f"Van de dagen waarop iets te verwachten was is {share.nl} binnen.",
            f"Of the days on which something was to be expected {share.en} is in.",
        )
    for reason in words_of_data.lacking(checked.sources):
        yield Both(reason.nl, reason.en)


def _of_target(row: Mapping[str, Any]) -> Iterator[Both]:
    title, unit = row["title"], row["unit"]
    yield Both(_ended(title["nl"]), _ended(title["en"]))
    exact = {name: None if text is None else Fraction(text) for name, text in row["exact"].items()}
    base, limit = exact["base"], exact["limit"]
    if base is not None:
        amount = amount_text(base, unit)
        if row["definition"]["base_amount"] is not None:
            yield Both(f"De basis is opgegeven: {amount.nl}.", f"The base was given: {amount.en}.")
        else:
            year = row["base_year"]
            yield Both(
                f"De basis is wat in {year} is gemeten: {amount.nl}.",
                f"The base is what was measured in {year}: {amount.en}.",
            )
    yield from _path(row, limit)
    yield from _budget(row, exact["limit_now"])
    if exact["actual"] is not None and row["through"] is not None:
        day = last_day_text(date.fromisoformat(row["through"]))
        amount = amount_text(exact["actual"], unit)
        yield Both(
            f"Tot en met {day.nl} is het: {amount.nl}.", f"Up to and including {day.en} it is: {amount.en}."
        )
    if exact["drift"] is not None:
        far = percent_text(abs(exact["drift"]))
        behind = exact["drift"] > 0
        yield Both(
            f"Dat is {far.nl} {'achter' if behind else 'voor'}.",
            f"That is {far.en} {'behind' if behind else 'ahead'}.",
        )
    yield from _fixed_co2e(row)
    boundary = row["boundary"]
    yield Both(_ended(f"Wat telt: {boundary['nl']}"), _ended(f"What counts: {boundary['en']}"))
    for reason in row["reasons"]:
        yield Both(reason["nl"], reason["en"])


def _fixed_co2e(row: Mapping[str, Any]) -> Iterator[Both]:
    """How the amounts of a target in CO2e become kg."""
    factors = {factor["factor"]: factor for factor in row["factors"]}
    counted = [item for item in row["amounts"] if item["factor"] in factors and item["base_quantity"] != "0"]
    for item in counted[:_MOST_AMOUNTS]:
        factor, names = factors[item["factor"]], category_names(item["kind"])[item["category"]]
        number, year = factor["factor"], factor["year"]
        terms = _times(
            Fraction(int(item["base_quantity"]), int(factor["base_units_per_unit"])),
            factor["unit"],
            Both(names.nl, names.en),
            Decimal(factor["kg_co2e"]),
            Both(
                f"vaste factor {number} van de lijst van {year}",
                f"fixed factor {number} of the list of {year}",
            ),
        )
        days = _days(*(date.fromisoformat(item[end]) for end in ("from", "to")))
        yield Both(
            f"{days.nl[0].upper()}{days.nl[1:]}: {terms.nl}.",
            f"{days.en[0].upper()}{days.en[1:]}: {terms.en}.",
        )
    more = len(counted) - _MOST_AMOUNTS
    if more > 0:
        nl = counted_text(more, "andere hoeveelheid", "andere hoeveelheden")
        en = counted_text(more, "other amount", "other amounts")
        yield Both(f"Net zo {nl}.", f"In the same way {en}.")
    if counted:
        yield Both(
            "De vraag naast een hoeveelheid legt uit hoe die is gemeten; de factor ligt voor dit doel vast.",
            "The call beside an amount explains how it was measured; the factor is fixed for this target.",
        )


def _path(row: Mapping[str, Any], limit: Fraction | None) -> Iterator[Both]:
    level = row["level"]
    if level is None:
        return
    year, value = level["year"], Fraction(level["value"])
    number = amount_text(value, "%" if row["unit"] == "%" else "")
    between = level["between"]
    nl = en = ""
    if len(between) == 2:
        ends = [(end["year"], amount_text(Fraction(end["value"]), "")) for end in between]
        nl = f", recht tussen {ends[0][1].nl} in {ends[0][0]} en {ends[1][1].nl} in {ends[1][0]}"
        en = f", straight between {ends[0][1].en} in {ends[0][0]} and {ends[1][1].en} in {ends[1][0]}"
    if row["kind"] != "reduction_vs_base":
        yield Both(
            f"Het pad geeft voor {year}: {number.nl}{nl}.", f"The path gives for {year}: {number.en}{en}."
        )
        return
    amount = amount_text(limit, row["unit"]) if limit is not None else None
    yield Both(
        f"Het pad geeft voor {year}: {number.nl} van de 100{nl}"
        + (f"; dat is {amount.nl} in het hele jaar." if amount else "."),
        f"The path gives for {year}: {number.en} of 100{en}"
        + (f"; that is {amount.en} in the whole year." if amount else "."),
    )


def _budget(row: Mapping[str, Any], limit_now: Fraction | None) -> Iterator[Both]:
    budget = row["budget"]
    if budget is None or limit_now is None:
        return
    day = last_day_text(date.fromisoformat(row["through"]))
    amount = amount_text(limit_now, row["unit"])
    years = sorted({year["year"] for stream in budget["streams"] for year in stream["season"]["years"]})
    if years:
        listed = ", ".join(map(str, years))
        yield Both(
            f"Van het jaarbudget is {amount.nl} voor de dagen tot en met {day.nl}, zoals in {listed}.",
            f"Of the year's budget {amount.en} is for the days up to and including {day.en}, as in {listed}.",
        )
    else:
        yield Both(
            f"Van het jaarbudget is {amount.nl} voor de dagen tot en met {day.nl}.",
            f"Of the year's budget {amount.en} is for the days up to and including {day.en}.",
        )
