"""Actual against what is allowed: figures, drift, band and projection.

Drift D = (actual - allowed) / allowed, of a `share_min` (allowed - actual) / allowed: positive when behind.
A share is the sum of its parts / the sum of what they are of, over the same days, never a mean of ratios.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from schemas.targets import SHARES, Target
from services.tracking import words, words_of_data
from services.tracking.boundary import amount, check_boundary, streams_of
from services.tracking.budget import budget
from services.tracking.completeness import ratio
from services.tracking.measured import Measured
from services.tracking.result import Band, Contribution, Projection, Reason
from services.tracking.trajectory import Period, anchored, same_date


@dataclass(frozen=True)
class Figures:
    """What is compared over the days up to `through`, in the target's unit.

    `elapsed`: the share of a usual period that these days are. `blockers`: why nothing can be said.
    `notes`: what the budget rests on.
    """

    actual: Fraction | None
    base: Fraction | None = None
    limit: Fraction | None = None
    limit_now: Fraction | None = None
    elapsed: Fraction | None = None
    contributions: tuple[Contribution, ...] = ()
    blockers: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()


def figures(target: Target, measured: Measured, period: Period, through: date, on: date) -> Figures:
    """The figures of any target but a milestone."""
    if target.kind in SHARES:
        return _share(target, measured, period, through)
    return _amounts(target, measured, period, through, on)


def drift_of(target: Target, actual: Fraction, limit_now: Fraction) -> Fraction | None:
    """How far behind, as a ratio of what is allowed; None where nothing is."""
    if not limit_now:
        return None
    behind = limit_now - actual if target.kind == "share_min" else actual - limit_now
    return behind / limit_now


def band_of(target: Target, actual: Fraction, limit_now: Fraction) -> Band:
    """The band of what is known: where nothing is allowed, anything at all is red."""
    drift = drift_of(target, actual, limit_now)
    if drift is None:
        return "red" if actual and target.kind != "share_min" else "green"
    if drift <= Fraction(target.amber_from):
        return "green"
    return "amber" if drift <= Fraction(target.red_from) else "red"


def projection(target: Target, measured: Measured, shown: Figures, through: date) -> Projection | None:
    """The period's end by season (actual / elapsed) and by the trailing twelve months, where complete."""
    if target.kind in SHARES or shown.actual is None:
        return None
    ends = [] if not shown.elapsed else [shown.actual / shown.elapsed]
    trailing = Period(same_date(through, through.year - 1), through)
    checked = check_boundary(target, measured, trailing, through, known_from=trailing.start)
    if checked.through == through and ratio(checked.sources) == 1:
        amounts = (amount(target, measured, stream, *trailing) for stream in streams_of(target.parts))
        ends.append(sum(amounts, Fraction(0)))
    return Projection(min(ends), max(ends)) if ends else None


def _amounts(target: Target, measured: Measured, period: Period, through: date, on: date) -> Figures:
    allowed = budget(target, measured, period, through, on)
    contributions = []
    for stream in streams_of(target.parts):
        actual = amount(target, measured, stream, period.start, through)
        part = allowed.by_stream.get(stream, Fraction(0)) if allowed.by_stream else None
        if actual or part:
            difference = None if part is None else actual - part
            contributions.append(Contribution(*stream, actual, part, difference))
    contributions.sort(key=lambda item: (-(item.difference or 0), -item.actual, item.category))
    blockers = allowed.blockers
    if allowed.limit and allowed.limit_now == 0 and through > period.start:
        blockers = (*blockers, words_of_data.no_budget_yet(through))
    return Figures(
        actual=sum((item.actual for item in contributions), Fraction(0)),
        base=allowed.base,
        limit=allowed.limit,
        limit_now=allowed.limit_now,
        elapsed=allowed.elapsed,
        contributions=tuple(contributions),
        blockers=blockers,
        notes=allowed.notes,
    )


def _share(target: Target, measured: Measured, period: Period, through: date) -> Figures:
    limit = anchored(target, period.start.year)
    blockers: tuple[Reason, ...] = ()
    if limit is None:
        year = period.start.year
        blockers = (words.no_limit(target, year) if target.anchors else words.no_anchors(),)
    whole = sum(
        (amount(target, measured, stream, period.start, through) for stream in streams_of(target.of)),
        Fraction(0),
    )
    if not whole:
        if through > period.start:
            blockers = (*blockers, words_of_data.nothing_measured(through))
        return Figures(None, limit=limit, limit_now=limit, blockers=blockers)
    contributions = []
    for stream in streams_of(target.parts):
        points = 100 * amount(target, measured, stream, period.start, through) / whole
        if points:
            contributions.append(Contribution(*stream, points, None, None))
    contributions.sort(key=lambda item: (-item.actual, item.category))
    return Figures(
        actual=sum((item.actual for item in contributions), Fraction(0)),
        limit=limit,
        limit_now=limit,
        contributions=tuple(contributions),
        blockers=blockers,
    )
