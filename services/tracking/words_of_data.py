"""The reasons of a verdict that lie in its data, in words: what is missing, late, estimated, not known.

The codes are for ever; the sentences may be reworded.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction

from schemas.amounts import divide_half_even
from schemas.catalogue import category_names
from schemas.factors import REFERENCE_YEAR
from schemas.targets import Part
from services.tracking.completeness import SourceCheck
from services.tracking.measured import FixedFactor, Stream
from services.tracking.result import Reason
from services.tracking.spelling import Both, counted_text, date_text, last_day_text, percent_text

_MOST_NAMES = 3


def part_missing(part: Part, year: int, is_base: bool = False) -> Reason:
    """A part of the boundary has no readings."""
    return Reason(
        "part-missing-in-base" if is_base else "part-missing",
        f"Van {part.nl} zijn er over {'het basisjaar ' if is_base else ''}{year} geen metingen.",
        f"There are no readings of {part.en} for {'the base year ' if is_base else ''}{year}.",
    )


def part_incomplete(
    part: Part, year: int, ratio: Fraction, enough: Fraction, is_base: bool = False
) -> Reason:
    """Too few of a part's days are covered."""
    share, needed = percent_text(ratio), percent_text(enough)
    return Reason(
        "base-incomplete" if is_base else "part-incomplete",
        f"Van {part.nl} is over {'het basisjaar ' if is_base else ''}{year} {share.nl} van de metingen "
        f"binnen; voor een oordeel is {needed.nl} nodig.",
        f"Of {part.en}, {share.en} of the readings for {'the base year ' if is_base else ''}{year} are in; "
        f"a verdict needs {needed.en}.",
    )


def base_not_over(year: int) -> Reason:
    """The base year's last readings are still to come."""
    return Reason(
        "base-incomplete",
        f"Nog niet alle metingen van het basisjaar {year} zijn binnen.",
        f"Not all readings of the base year {year} are in yet.",
    )


def no_factor(stream: Stream) -> Reason:
    """A category without a CO2 factor."""
    name = category_names(stream.kind)[stream.category]
    return Reason(
        "no-factor",
        f"Voor {name.nl} is geen CO2-factor van {REFERENCE_YEAR} of later bekend.",
        f"No CO2 factor of {REFERENCE_YEAR} or later is known for {name.en}.",
    )


def nothing_complete(year: int) -> Reason:
    """Nothing of the period can be judged yet."""
    return Reason(
        "nothing-complete",
        f"Van {year} is nog geen dag helemaal binnen.",
        f"No day of {year} is completely in yet.",
    )


def too_close(completeness: Fraction | None) -> Reason:
    """So near to a limit that what lacks decides on which side it is."""
    lacking = percent_text(1 - (completeness or Fraction(0)))
    return Reason(
        "too-close",
        f"Van de metingen ontbreekt {lacking.nl}: dat is te veel voor een oordeel zo dicht bij de grens.",
        f"{lacking.en} of the measurements are missing: too much for a verdict this near to the limit.",
    )


def nothing_measured(through: date) -> Reason:
    """The denominator of a share is zero."""
    day = last_day_text(through)
    return Reason(
        "nothing-measured",
        f"Tot en met {day.nl} is er niets gemeten waarvan een aandeel te berekenen is.",
        f"Up to and including {day.en} nothing was measured that a share can be taken of.",
    )


def no_season_at_all(year: int) -> Reason:
    """There is no year whose season could be followed."""
    return Reason(
        "no-season",
        "Er is geen compleet jaar waaruit blijkt hoeveel er tot nu toe mag. "
        f"Het oordeel komt na afloop van {year}.",
        "There is no complete year that shows how much is allowed so far. "
        f"The verdict comes when {year} is over.",
    )


def no_season(streams: Sequence[Stream], year: int) -> Reason:
    """Readings that have no season in them: the budget to date is not known."""
    names = _categories((stream.kind, stream.category) for stream in streams)
    return Reason(
        "no-season",
        f"Van {names.nl} zijn de metingen waarmee wordt vergeleken langer dan een maand. "
        f"Hoeveel er tot nu toe mag, is dan niet te zeggen; het oordeel komt na afloop van {year}.",
        f"The readings of {names.en} to compare with are longer than a month. "
        f"How much is allowed so far cannot be told from them; the verdict comes when {year} is over.",
    )


def no_budget_yet(through: date) -> Reason:
    """In the base year there was nothing yet on these days."""
    day = last_day_text(through)
    return Reason(
        "no-budget-yet",
        f"Tot en met {day.nl} was er in het jaar waarmee wordt vergeleken nog niets.",
        f"Up to and including {day.en} there was nothing yet in the year to compare with.",
    )


def waiting(sources: Iterable[SourceCheck], through: date) -> Iterator[Reason]:
    """Readings still to come, within their due time, that the verdict waits for: a sentence a source."""
    by_source: dict[tuple[str, str, date], list[SourceCheck]] = defaultdict(list)
    for check in sources:
        if check.waits_from is not None and check.waits_from <= through:
            by_source[check.series.team, check.series.source, check.waits_from].append(check)
    for (team, source, since), checks in sorted(by_source.items()):
        names, day = _categories_of(checks), date_text(since)
        yield Reason(
            "waiting",
            f"Nog niet binnen vanaf {day.nl}: {names.nl}, bron {source} van team {team}.",
            f"Still to come from {day.en}: {names.en}, source {source} of team {team}.",
        )


def lacking(sources: Iterable[SourceCheck]) -> Iterator[Reason]:
    """What lacks: one sentence for each source and hole, those that lack most first."""
    by_hole: dict[tuple[Fraction, bool, date, str, str], list[SourceCheck]] = defaultdict(list)
    for check in sources:
        if check.since is not None:
            key = (-check.missing, check.silent, check.since, check.series.team, check.series.source)
            by_hole[key].append(check)
    holes = sorted(by_hole.items())
    for (missing, silent, since, team, source), checks in holes[:_MOST_NAMES]:
        names, day = _categories_of(checks), date_text(since)
        nl = f"{names.nl}, bron {source} van team {team}."
        en = f"{names.en}, source {source} of team {team}."
        if silent:
            nl, en = (
                f"Sinds {day.nl} komt niets meer binnen: {nl}",
                f"Nothing has come in since {day.en}: {en}",
            )
            yield Reason("source-silent", nl, en)
        else:
            days = max(1, divide_half_even(-missing.numerator, missing.denominator))
            yield Reason(
                "source-incomplete",
                f"Er {'ontbreekt' if days == 1 else 'ontbreken'} {counted_text(days, 'dag', 'dagen')}, "
                f"te beginnen met {day.nl}: {nl}",
                f"{counted_text(days, 'day is', 'days are')} missing, beginning with {day.en}: {en}",
            )
    if len(holes) > _MOST_NAMES:
        more = sum(len(checks) for _, checks in holes[_MOST_NAMES:])
        yield Reason(
            "more-sources-incomplete",
            f"En er ontbreken nog metingen van {counted_text(more, 'andere reeks', 'andere reeksen')}.",
            f"And readings of {counted_text(more, 'other series is', 'other series are')} missing.",
        )


def later_factors(factors: Mapping[tuple[str, str], FixedFactor]) -> Iterator[Reason]:
    """Fixed factors of a later list than the reference year's: one sentence for each list."""
    by_year: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for key, factor in factors.items():
        if factor.year != REFERENCE_YEAR:
            by_year[factor.year].append(key)
    for year, keys in sorted(by_year.items()):
        names = _categories(keys)
        yield Reason(
            "later-factor",
            f"Van {names.nl} is geen CO2-factor van {REFERENCE_YEAR} bekend; gerekend is met die van {year}.",
            f"No CO2 factor of {REFERENCE_YEAR} is known for {names.en}; that of {year} is used.",
        )


def degree_days(streams: Sequence[Stream]) -> Iterator[Reason]:
    """The budget to date of these follows a normal year's degree days."""
    if streams:
        names = _categories((stream.kind, stream.category) for stream in streams)
        yield Reason(
            "degree-days",
            f"Van {names.nl} zijn de metingen waarmee wordt vergeleken langer dan een maand; "
            "het budget tot nu toe volgt hoe koud de maanden van een normaal jaar zijn.",
            f"The readings of {names.en} to compare with are longer than a month; "
            "the budget so far follows how cold the months of a normal year are.",
        )


def mostly_estimated(part: Part) -> Reason:
    """Half or more of a part is not measured."""
    return Reason(
        "estimated",
        f"De helft of meer van {part.nl} is geschat of berekend, niet gemeten.",
        f"Half or more of {part.en} is estimated or calculated, not measured.",
    )


def left_out(part: Part) -> Reason:
    """The organisation leaves a part out; its reason may be in both languages, with ` / ` between."""
    nl, _, en = (part.left_out or "").rstrip(".").partition(" / ")
    return Reason("left-out", f"Telt niet mee: {nl}.", f"Not counted: {en or nl}.")


def _categories_of(checks: Iterable[SourceCheck]) -> Both:
    return _categories((check.series.kind, check.series.category) for check in checks)


def _categories(keys: Iterable[tuple[str, str]]) -> Both:
    """The names of categories, the first few of many."""
    entries = [category_names(kind)[category] for kind, category in sorted(set(keys))]
    more = len(entries) - _MOST_NAMES
    nl, en = ([getattr(entry, language) for entry in entries[:_MOST_NAMES]] for language in ("nl", "en"))
    return Both(_listed(nl, "en", "andere", more), _listed(en, "and", "others", more))


def _listed(names: list[str], conjunction: str, others: str, more: int) -> str:
    if more > 0:
        names = [*names, f"{more} {others}"]
    return f" {conjunction} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
