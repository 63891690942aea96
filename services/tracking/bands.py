"""The band that people are told: the fold of a target's month ends, with hysteresis so that it never flaps.

A worse band is entered after `enter_after` month ends in a row at that band or worse, and left after
`leave_after` in a row with the drift at most its threshold - `leave_margin`; the final verdict of a year does
either at once. Month ends without a verdict are skipped: they change nothing and interrupt nothing. Judging
the same measurements again, after a restart or in any order, gives the same. A band that people were told is
left on evidence only, with the same margin.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from schemas.targets import Target
from services.tracking.evaluation import evaluate
from services.tracking.measured import Measured
from services.tracking.result import Band
from services.tracking.trajectory import in_force, period_year

SEVERITY: Mapping[Band, int] = {"unknown": -1, "green": 0, "amber": 1, "red": 2}
_WORST_FIRST: Sequence[Band] = ("red", "amber")
_MONTHS = range(2, 14)


class PeriodEnd(NamedTuple):
    """A verdict at a month's end, on the first day of the next; `final`: of a whole year, or of a due day.

    `band` is `unknown` when not all of the month was in. `drift` None: nothing to compare, as of a milestone.
    """

    on: date
    band: Band
    drift: Fraction | None
    final: bool


class AlertState(NamedTuple):
    """The band that people know, and the day of the first verdict that led to it; None at the start."""

    band: Band
    since: date | None


START = AlertState("green", None)


def period_ends(target: Target, on: date, measured: Measured) -> list[PeriodEnd]:
    """The month ends from January of the year before the one judged, up to and including the day `on`.

    All by what `measured` knows now, so that a correction of an old month counts in that month. A milestone
    is judged to the day `on`, for it can be done after it was due.
    """
    judged = on.year if target.kind == "milestone" else period_year(target, on)
    ends = []
    for year in (judged - 1, judged):
        for month in _MONTHS:
            end = date(year + month // 13, month % 12 or 12, 1)
            if end <= on and in_force(target, end):
                ends.append(_end(target, end, measured, year))
    return ends


def alert_state(target: Target, ends: Sequence[PeriodEnd]) -> AlertState:
    """The band after these month ends, from green at the start."""
    state = START
    known: list[PeriodEnd] = []
    for end in _verdicts(ends):
        known.append(end)
        state = _entered(target, state, known) or _left(target, state, known) or state
    return state


def next_told(target: Target, ends: Sequence[PeriodEnd], told: AlertState, now: Band) -> AlertState:
    """The band that people know from now on, who know `told`; `now` is that of today's evaluation.

    A worse one needs the month ends and today: nobody is told of what is over, or not complete any more. A
    better one needs month ends, since what led to the band told, that are clear of it by the margin: a
    correction to and fro, or months that are taken back to be posted anew, are no news.
    """
    state = alert_state(target, ends)
    if SEVERITY[state.band] > SEVERITY[told.band]:
        worse = min(state.band, now, key=lambda band: SEVERITY[band])
        return AlertState(worse, state.since) if SEVERITY[worse] > SEVERITY[told.band] else told
    known = [end for end in _verdicts(ends) if told.since is None or end.on >= told.since]
    return (_left(target, told, known) if known else None) or told


def _verdicts(ends: Sequence[PeriodEnd]) -> list[PeriodEnd]:
    """The month ends with a verdict, in order."""
    return sorted((end for end in ends if end.band != "unknown"), key=lambda end: end.on)


def _entered(target: Target, state: AlertState, known: Sequence[PeriodEnd]) -> AlertState | None:
    """The worst band that these verdicts lead into, if worse."""
    for band in _WORST_FIRST:
        if SEVERITY[band] <= SEVERITY[state.band]:
            return None
        if known[-1].final and _at_least(known[-1], band):
            return AlertState(band, known[-1].on)
        last = known[-target.enter_after :]
        if len(last) == target.enter_after and all(_at_least(end, band) for end in last):
            return AlertState(band, last[0].on)
    return None


def _left(target: Target, state: AlertState, known: Sequence[PeriodEnd]) -> AlertState | None:
    """The best band that these verdicts let out to, if better; since then it is at least that bad."""
    needed = 1 if known[-1].final else target.leave_after
    last = known[-needed:]
    if len(last) < needed:
        return None
    left = [band for band in _WORST_FIRST if SEVERITY[band] <= SEVERITY[state.band]]
    while left and all(_is_clear_of(target, end, left[0]) for end in last):
        del left[0]
    if not left:
        return None if state.band == "green" else AlertState("green", last[0].on)
    return None if left[0] == state.band else AlertState(left[0], state.since)


def _at_least(end: PeriodEnd, band: Band) -> bool:
    return SEVERITY[end.band] >= SEVERITY[band]


def _is_clear_of(target: Target, end: PeriodEnd, band: Band) -> bool:
    """Whether a verdict is better than a band by the margin."""
    if end.drift is None:
        return SEVERITY[end.band] < SEVERITY[band]
    threshold = target.red_from if band == "red" else target.amber_from
    return end.drift <= Fraction(threshold) - Fraction(target.leave_margin)


def _end(target: Target, end: date, measured: Measured, year: int) -> PeriodEnd:
    evaluation = evaluate(target, end, measured, year)
    if target.kind == "milestone":
        return PeriodEnd(end, evaluation.band, None, evaluation.outcome == "missed")
    if evaluation.through != end:
        return PeriodEnd(end, "unknown", None, False)
    return PeriodEnd(end, evaluation.band, evaluation.drift, end.year > year)
