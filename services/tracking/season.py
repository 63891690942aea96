"""How much of a year's budget belongs to its first days: S, from 0 at its start to 1 at its end.

A part of the budget follows the cumulative share of its own amounts up to the same calendar date, the mean of
the years named. Readings longer than a month have no season in them; heat and gas then follow the
degree days of a normal year, and anything else has no budget before the year's end.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from schemas.degree_days import degree_day_share
from services.tracking.measured import Measured, Stream
from services.tracking.trajectory import Period, same_date

HEATING = frozenset({"district-heat", "natural-gas", "green-gas"})


class Season(NamedTuple):
    """The share (0 to 1) of a year that is before a day: the mean of `years`, or by degree days."""

    share: Fraction
    by_degree_days: bool = False
    years: tuple[int, ...] = ()


def season(
    measured: Measured, stream: Stream, years: Sequence[int], period: Period, through: date
) -> Season | None:
    """S of a stream for the days of a calendar year before `through`; None where its season is not known."""
    if through >= period.end:
        return Season(Fraction(1))
    of_years = ((year, _own_share(measured, stream, year, through)) for year in years)
    shares = {year: share for year, share in of_years if share is not None}
    if shares:
        return Season(sum(shares.values(), Fraction(0)) / len(shares), years=tuple(shares))
    if stream.kind == "energy" and stream.category in HEATING:
        return Season(degree_day_share(period.start.year, through), by_degree_days=True)
    return None


def _own_share(measured: Measured, stream: Stream, year: int, through: date) -> Fraction | None:
    whole = Period.of_year(year)
    amount = measured.quantity(stream, whole.start, whole.end)
    if not amount or any(year in timeline.long_years for timeline in measured.timelines.get(stream, ())):
        return None
    return Fraction(measured.quantity(stream, whole.start, same_date(through, year)), amount)
