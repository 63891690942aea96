"""Judging a target: from what was measured to a band, an outcome and the reasons for them.

`evaluate` is pure: the same target, day and measurements give the same evaluation, to the last digit.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction

from schemas.targets import SHARES, Target
from services.tracking import words, words_of_data
from services.tracking.boundary import (
    all_parts,
    check_boundary,
    cover,
    streams_of,
    too_incomplete,
)
from services.tracking.comparison import Figures, band_of, drift_of, figures, projection
from services.tracking.completeness import Check, ratio
from services.tracking.measured import FixedFactor, Measured
from services.tracking.result import (
    Band,
    Coverage,
    Evaluation,
    IncompleteSource,
    Outcome,
    PathPoint,
    Reason,
)
from services.tracking.trajectory import Period, anchored, anchored_years, period_year


def evaluate(target: Target, on: date, measured: Measured, year: int | None = None) -> Evaluation:
    """How a target stood at the start of the local day `on`, by what `measured` knows of the days before it.

    Judges the calendar year of `on`, but none after the target's final year; or `year`. `measured` has the
    `years_needed`, in the base unit of the target, with its fixed factors.
    """
    period = Period.of_year(period_year(target, on) if year is None else year)
    if target.kind == "milestone":
        return _milestone(target, on, period)
    checked = check_boundary(target, measured, period, on, date(period.start.year - 1, 1, 1))
    through = checked.through if checked.through > period.start else None
    shown = figures(target, measured, period, checked.through, on)
    coverage = tuple(cover(target, part, measured, checked, period.start) for part in all_parts(target))
    if all(part.state in ("missing", "left-out") for part in coverage):
        through = None
    if through is None:
        shown = replace(shown, actual=None, limit_now=None, contributions=())
    gaps = tuple(_gaps(target, coverage, checked, period))
    blockers = (*gaps, *shown.blockers)
    actual, limit_now = shown.actual, shown.limit_now
    completeness = ratio(checked.sources)
    drift: Fraction | None = None
    band: Band = "unknown"
    if not blockers and actual is not None and limit_now is not None:
        drift, band = drift_of(target, actual, limit_now), band_of(target, actual, limit_now)
        if band_of(target, _filled_up(target, actual, completeness), limit_now) != band:
            drift, band = None, "unknown"
            blockers = (words_of_data.too_close(completeness),)
    outcome = _outcome(target, shown, band, checked, period, on)
    factors = _factors(target, measured)
    return Evaluation(
        target=target.slug,
        on=on,
        period=period,
        through=through,
        base=shown.base,
        limit=shown.limit,
        limit_now=limit_now,
        actual=actual,
        drift=drift,
        projection=None if gaps else projection(target, measured, shown, checked.through),
        completeness=completeness,
        coverage=coverage,
        band=band,
        outcome=outcome,
        reasons=(
            *_outcome_in_words(outcome, period),
            *blockers,
            *_verdict_in_words(target, shown, band, checked.through),
            *shown.notes,
            *words_of_data.waiting(checked.sources, checked.through),
            *words_of_data.lacking(checked.sources),
            *words_of_data.later_factors(factors),
            *(part.why for part in coverage if part.state == "estimated" and part.why),
        ),
        contributions=shown.contributions,
        incomplete_sources=incomplete_sources(checked),
        path=_path(target, shown.base),
        factors=factors,
    )


def _gaps(target: Target, coverage: tuple[Coverage, ...], checked: Check, period: Period) -> Iterator[Reason]:
    """What lacks in the period, each a reason not to judge."""
    year = period.start.year
    for part, covered in zip(all_parts(target), coverage, strict=True):
        incomplete = too_incomplete(target, part, checked)
        if covered.state == "missing" and covered.why:
            yield covered.why
        elif incomplete is not None and not part.left_out:
            yield words_of_data.part_incomplete(part, year, incomplete, Fraction(target.min_completeness))
    if checked.through <= period.start:
        yield words_of_data.nothing_complete(year)


def _filled_up(target: Target, actual: Fraction, completeness: Fraction | None) -> Fraction:
    """What an amount comes to when the days that lack were like the others; a share stays as it is."""
    if target.kind in SHARES or not completeness:
        return actual
    return actual / completeness


def _outcome(target: Target, shown: Figures, band: Band, checked: Check, period: Period, on: date) -> Outcome:
    if target.final_year != period.start.year or on < period.end:
        return "running"
    if band == "unknown" or shown.actual is None or shown.limit is None or checked.through < period.end:
        return "cannot-tell"
    is_share = target.kind in SHARES
    within = shown.actual >= shown.limit if target.kind == "share_min" else shown.actual <= shown.limit
    if ratio(checked.sources) != 1 and (within or is_share):
        return "cannot-tell"  # what lacks can still make an amount too much, and a share either
    return "met" if within else "missed"


def _outcome_in_words(outcome: Outcome, period: Period) -> Iterator[Reason]:
    if outcome != "running":
        yield words.outcome(outcome, period.start.year)


def _verdict_in_words(target: Target, shown: Figures, band: Band, through: date) -> Iterator[Reason]:
    if band == "unknown" or shown.actual is None or shown.limit_now is None:
        return
    if target.kind in SHARES:
        yield words.share_to_date(target, shown.actual, shown.limit_now, through)
    else:
        yield words.to_date(target, shown.actual, shown.limit_now, through)
    largest = shown.contributions[0] if shown.contributions else None
    behind = target.kind != "share_min" and shown.actual > shown.limit_now
    if behind and largest and (largest.difference is None or largest.difference > 0):
        yield words.largest_cause(largest, target.unit)


def incomplete_sources(checked: Check) -> tuple[IncompleteSource, ...]:
    """The sources that lack readings, those that lack most first."""
    lacking = [
        IncompleteSource(
            source.series.team,
            source.series.source,
            source.series.kind,
            source.series.category,
            source.series.site,
            source.missing,
            source.since,
        )
        for source in checked.sources
        if source.since is not None
    ]
    return tuple(sorted(lacking, key=lambda source: (-source.missing_days, source)))


def _factors(target: Target, measured: Measured) -> dict[tuple[str, str], FixedFactor]:
    """The fixed factors of what is measured."""
    if target.measure != "co2e":
        return {}
    keys = dict.fromkeys(
        (stream.kind, stream.category)
        for stream in streams_of(all_parts(target))
        if stream in measured.timelines
    )
    return {key: measured.factors[key] for key in keys if key in measured.factors}


def _path(target: Target, base: Fraction | None) -> tuple[PathPoint, ...]:
    points = []
    for year in anchored_years(target):
        level = anchored(target, year)
        if target.kind == "reduction_vs_base":
            limit = None if base is None or level is None else base * level / 100
            points.append(PathPoint(year, level, limit))
        else:
            points.append(PathPoint(year, None, level))
    return tuple(points)


def _milestone(target: Target, on: date, period: Period) -> Evaluation:
    """Done, to be done, or overdue: nothing is measured, so what is still to be done has no verdict."""
    band: Band = "unknown"
    outcome: Outcome = "running"
    if target.done_on is not None and target.done_on <= on:
        band, outcome, reason = "green", "met", words.milestone_done(target, target.done_on)
    elif target.due is None:
        reason = words.no_due_date()
    else:
        reason = words.milestone_due(target.due, on)
        if on > target.due:
            band, outcome = "red", "missed"
    return Evaluation(
        target=target.slug,
        on=on,
        period=period,
        through=None,
        base=None,
        limit=None,
        limit_now=None,
        actual=None,
        drift=None,
        projection=None,
        completeness=None,
        coverage=(),
        band=band,
        outcome=outcome,
        reasons=(reason,),
        contributions=(),
        incomplete_sources=(),
        path=(),
        factors={},
    )
