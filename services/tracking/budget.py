"""What is allowed: the base, the limit of the whole period, and the budget to date.

limit = base x index / 100, for an `absolute_max` what its anchors say. Budget to date = sum over streams of
limit x the stream's part of the base x S, where S is its cumulative seasonal share, 0 to 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from schemas.targets import Target
from services.tracking import words, words_of_data
from services.tracking.boundary import (
    amount,
    check_boundary,
    counted,
    has_readings,
    lacks_factor,
    sources_of,
    streams_of,
    too_incomplete,
)
from services.tracking.measured import Measured, Stream, streams
from services.tracking.result import Reason
from services.tracking.season import Season, season
from services.tracking.trajectory import Period, anchored


class Spread(NamedTuple):
    """How a limit is spread over streams and the year: `parts` of the base, which add up to 1.

    `sized_by`: the years that the parts are of; `seasonal`: those whose season the budget follows.
    """

    sized_by: Sequence[int]
    seasonal: Sequence[int]
    parts: Mapping[Stream, Fraction]


@dataclass(frozen=True)
class Budget:
    """What is allowed in a period, in the target's unit; `limit_now` and `by_stream` before `through`.

    `elapsed`: the share of a usual period that is before `through`. `blockers`: why there is no verdict.
    `notes`: what the budget rests on. `spread`, `seasons`: how it was worked out, where it could be.
    """

    base: Fraction | None = None
    limit: Fraction | None = None
    limit_now: Fraction | None = None
    elapsed: Fraction | None = None
    by_stream: Mapping[Stream, Fraction] = field(default_factory=dict)
    blockers: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    spread: Spread | None = None
    seasons: Mapping[Stream, Season] = field(default_factory=dict)


def budget(target: Target, measured: Measured, period: Period, through: date, on: date) -> Budget:
    """The budget of a reduction or an `absolute_max` for the days of a period before `through`."""
    years_used = {*_base_years(target), *target.shape_years}
    lacking = {year: tuple(_lacking(target, measured, year, on)) for year in years_used}
    whole = _whole_period(target, measured, period, lacking)
    spread = _spread(target, measured, lacking)
    if spread is None:
        if through >= period.end:
            return replace(whole, limit_now=whole.limit, elapsed=Fraction(1))
        if whole.limit is None:
            return whole
        return replace(whole, blockers=(*whole.blockers, words_of_data.no_season_at_all(period.start.year)))
    found = {stream: season(measured, stream, spread.seasonal, period, through) for stream in spread.parts}
    seasons = {stream: known for stream, known in found.items() if known is not None}
    without = [stream for stream, known in found.items() if known is None]
    if without:
        return replace(whole, blockers=(*whole.blockers, words_of_data.no_season(without, period.start.year)))
    before = {stream: spread.parts[stream] * known.share for stream, known in seasons.items()}
    elapsed = sum(before.values(), Fraction(0))
    by_degree_days = [stream for stream, known in seasons.items() if known.by_degree_days]
    notes = tuple(words_of_data.degree_days(by_degree_days))
    noted = replace(whole, elapsed=elapsed, notes=notes, spread=spread, seasons=seasons)
    if whole.limit is None:
        return noted
    by_stream = {stream: whole.limit * share for stream, share in before.items()}
    return replace(noted, limit_now=whole.limit * elapsed, by_stream=by_stream)


def _whole_period(
    target: Target, measured: Measured, period: Period, lacking: Mapping[int, tuple[Reason, ...]]
) -> Budget:
    """Base and limit of the whole period."""
    year = period.start.year
    level = anchored(target, year)
    blockers = []
    if level is None:
        blockers.append(words.no_limit(target, year) if target.anchors else words.no_anchors())
    if target.kind == "absolute_max":
        return Budget(limit=level, blockers=tuple(blockers))
    base = None
    if target.base_amount is not None:
        base = Fraction(target.base_amount)
    elif target.base_year is None:
        blockers.append(words.no_base())
    elif lacking[target.base_year]:
        blockers += lacking[target.base_year]
    else:
        base = sum(_amounts(target, measured, target.base_year).values(), Fraction(0))
        if not base:
            blockers.append(words.base_is_zero(target.base_year))
    limit = base * level / 100 if base and level is not None else None
    return Budget(base=base, limit=limit, blockers=tuple(blockers))


def _spread(target: Target, measured: Measured, lacking: Mapping[int, tuple[Reason, ...]]) -> Spread | None:
    """The parts of the measured base year, else the mean of the seasonal years; None without such a year."""
    base_years = _base_years(target)
    seasonal = [year for year in target.shape_years or base_years if not lacking[year]]
    sized_by = base_years if base_years and target.base_amount is None else seasonal
    amounts = [_amounts(target, measured, year) for year in sized_by]
    whole = sum((sum(of_year.values()) for of_year in amounts), Fraction(0))
    if not seasonal or not whole:
        return None
    parts = {
        stream: sum((of_year[stream] for of_year in amounts), Fraction(0)) / whole
        for stream in streams_of(target.parts)
    }
    return Spread(sized_by, seasonal, {stream: part for stream, part in parts.items() if part})


def _base_years(target: Target) -> Sequence[int]:
    return () if target.base_year is None else (target.base_year,)


def _amounts(target: Target, measured: Measured, year: int) -> Mapping[Stream, Fraction]:
    whole = Period.of_year(year)
    return {
        stream: amount(target, measured, stream, whole.start, whole.end)
        for stream in streams_of(target.parts)
    }


def _lacking(target: Target, measured: Measured, year: int, on: date) -> Iterator[Reason]:
    """Why a year cannot serve as a base."""
    whole = Period.of_year(year)
    checked = check_boundary(target, measured, whole, on, known_from=whole.start)
    if checked.through < whole.end:
        yield words_of_data.base_not_over(year)
        return
    for part in counted(target.parts):
        incomplete = too_incomplete(target, part, checked)
        if not any(has_readings(source) for source in sources_of(part, checked)):
            yield words_of_data.part_missing(part, year, is_base=True)
        elif incomplete is not None:
            enough = Fraction(target.min_completeness)
            yield words_of_data.part_incomplete(part, year, incomplete, enough, is_base=True)
        for stream in streams(part):
            if lacks_factor(target, measured, stream, whole.start, whole.end):
                yield words_of_data.no_factor(stream)
