"""The rhythm of a source: the gap it usually leaves, the weekdays it covers, how long its readings are.

Days are ordinals; positions are those of a timeline's days.
"""

from bisect import bisect_left
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from services.tracking.measured import Timeline

_USUAL_GAP = Fraction(9, 10)
_USUAL_ON_WEEKDAY = Fraction(3, 4)
_WEEK = 7
_WEEKS_TO_KNOW_A_DAY_OFF = 4
_DAY_SECONDS = 86_400


class Rhythm(NamedTuple):
    """What a source usually does.

    `gap`: empty days after a moment, None before there is one to go by. `weekdays`: how much of each, from
    Monday, its periods cover; 0 for a day off.
    """

    gap: int | None
    weekdays: tuple[Fraction | int, ...]

    def share_on(self, day: int) -> Fraction | int:
        """How much of a day is usually covered by periods."""
        return self.weekdays[_weekday(day)]

    def days_on(self, first: int, end: int) -> int:
        """How many of the days [first, end) are no days off."""
        if all(self.weekdays):
            return max(0, end - first)
        return sum(1 for day in range(first, end) if self.share_on(day))


def rhythm(timeline: Timeline, first: int, end: int) -> Rhythm:
    """The rhythm of a timeline at the positions [first, end), of which there is at least one."""
    return Rhythm(_usual_gap(timeline, first, end), _usual_weekdays(timeline, first, end))


def usual_length(timeline: Timeline, first: int, end: int) -> Fraction:
    """The mean length in days of the readings like the last one at the positions [first, end)."""
    first_day, last_day = timeline.days[first], timeline.days[end - 1]
    rows = [row for row in timeline.series.days if first_day <= row.day.toordinal() <= last_day]
    span = max(rows, key=lambda row: (row.day, row.seconds)).span
    seconds = sum(row.seconds for row in rows if row.span == span)
    readings = sum(row.readings for row in rows if row.span == span)
    return Fraction(seconds, max(1, readings) * _DAY_SECONDS)


def _usual_gap(timeline: Timeline, first: int, end: int) -> int | None:
    """The 90th percentile (nearest rank) of the empty days between a moment and what follows it."""
    days, moments = timeline.days, timeline.moments
    gaps = sorted(
        days[position + 1] - days[position] - 1 for position in range(first, end - 1) if moments[position]
    )
    return gaps[ceil(_USUAL_GAP * len(gaps)) - 1] if gaps else None


def _usual_weekdays(timeline: Timeline, first: int, end: int) -> tuple[Fraction | int, ...]:
    """The upper quartile of the weekday's shares; of fewer than four, the most that was ever covered.

    A hole of a week or longer is no rhythm and does not count.
    """
    until_last = end - 1
    if first < until_last and _without_breaks(timeline, first, until_last):
        return (1,) * _WEEK
    seen: list[list[Fraction | int]] = [[] for _ in range(_WEEK)]
    previous = None
    for position in range(first, end):
        day = timeline.days[position]
        if timeline.moments[position]:
            previous = None
            continue
        if previous is not None and day - previous <= _WEEK:
            for empty in range(previous + 1, day):
                seen[_weekday(empty)].append(0)
        seen[_weekday(day)].append(timeline.shares[position])
        previous = day
    most = max((max(shares) for shares in seen if shares), default=1)
    return tuple(
        sorted(shares)[ceil(_USUAL_ON_WEEKDAY * len(shares)) - 1]
        if len(shares) >= _WEEKS_TO_KNOW_A_DAY_OFF
        else most
        for shares in seen
    )


def _without_breaks(timeline: Timeline, first: int, end: int) -> bool:
    return bisect_left(timeline.breaks, first) == bisect_left(timeline.breaks, end)


def _weekday(day: int) -> int:
    return (day - 1) % _WEEK
