"""How complete a target's measurements are, judged by each source's own rhythm.

A source of moments (a scale, a pick-up) leaves gaps: over twice its usual one, what is above the usual is
missing. A source of periods (a meter, an invoice) tiles the days: what it leaves uncovered is missing, but
for weekdays on which it never reports. The ratio of a target is the mean over its sources of covered days /
expected days. Inside this file days are ordinals.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from services.tracking.measured import SourceSeries, Stream, Timeline, stream_of
from services.tracking.rhythm import Rhythm, rhythm, usual_length
from services.tracking.trajectory import Period, same_date

_SHORTEST_WAIT = 2

Timelines = Mapping[Stream, Sequence[Timeline]]


class SourceCheck(NamedTuple):
    """How a source did: `missing` of its `expected` days.

    `since`: the first missing day; of a silent source the day after its last, which may be before the days
    checked. `waits_from`: the first day of which the reading is still to come, within its due time.
    `silent`: that time is over, and nothing replaced the source.
    """

    series: SourceSeries
    expected: int
    missing: Fraction
    since: date | None
    waits_from: date | None
    silent: bool


class Check(NamedTuple):
    """The sources on the days [start, through): all that is not missing or late has come up to there."""

    through: date
    sources: tuple[SourceCheck, ...]


def ratio(sources: Iterable[SourceCheck]) -> Fraction | None:
    """Covered / expected days, each source weighing the same; None where nothing is expected."""
    covered = [1 - source.missing / source.expected for source in sources if source.expected]
    return sum(covered, Fraction(0)) / len(covered) if covered else None


def check(
    timelines: Timelines, parts: Iterable[Sequence[Stream]], period: Period, on: date, known_from: date
) -> Check:
    """Checks the sources of a target's parts on the days of a period before `on`.

    A source is expected from the period's start when it had data since `known_from`, else from its first
    day; but of each part the first source from the start. It is no longer expected from where another of
    its site and stream took over, nor when it has been silent for the twelve months before.
    """
    end = max(period.start, min(on, period.end))
    window = _Window(*(day.toordinal() for day in (known_from, period.start, end, on)))
    starts: dict[int, tuple[Timeline, int]] = {}
    for streams in parts:
        of_part = [timeline for stream in streams for timeline in timelines.get(stream, ())]
        firsts = {id(timeline): window.first(timeline) for timeline in of_part}
        first_of_part = min((first for first in firsts.values() if first is not None), default=None)
        for timeline in of_part:
            first = firsts[id(timeline)]
            if first is not None:
                start = window.start if first == first_of_part else max(first, window.start)
                _, known_start = starts.get(id(timeline), (timeline, start))
                starts[id(timeline)] = timeline, min(start, known_start)
    candidates = (
        _expect(timeline, start, window, _replaced_on(timeline, timelines, window))
        for timeline, start in starts.values()
    )
    expectations = [expectation for expectation in candidates if expectation is not None]
    waits = [item.waits_from for item in expectations if item.waits_from is not None]
    through = max(window.start, min([window.end, *waits]))
    sources = tuple(_source_check(item, window, min(item.end, through)) for item in expectations)
    return Check(date.fromordinal(through), sources)


class _Window(NamedTuple):
    """Days [start, end) are judged on the day `on`; rhythms are known from the days [known, end)."""

    known: int
    start: int
    end: int
    on: int

    def positions(self, timeline: Timeline) -> range:
        """Where a timeline has days that are known."""
        return range(bisect_left(timeline.days, self.known), bisect_left(timeline.days, self.end))

    def first(self, timeline: Timeline) -> int | None:
        """A timeline's first known day."""
        known = self.positions(timeline)
        return timeline.days[known.start] if known else None


class _Expectation(NamedTuple):
    """The source is expected on the days [start, end)."""

    timeline: Timeline
    rhythm: Rhythm
    start: int
    end: int
    waits_from: int | None
    silent: bool


def _replaced_on(timeline: Timeline, timelines: Timelines, window: _Window) -> int | None:
    """The first day of the source that took over, if one began when or after this one stopped."""
    last = timeline.days[window.positions(timeline)[-1]]
    firsts = [
        window.first(other)
        for other in timelines[stream_of(timeline.series)]
        if other is not timeline and other.series.site == timeline.series.site
    ]
    return min((first for first in firsts if first is not None and first >= last), default=None)


def _expect(timeline: Timeline, start: int, window: _Window, replaced_on: int | None) -> _Expectation | None:
    known = window.positions(timeline)
    usual = rhythm(timeline, known.start, known.stop)
    last = timeline.days[known[-1]]
    if replaced_on is not None:
        return _Expectation(timeline, usual, start, max(replaced_on, last + 1), None, False)
    waits_from, silent = None, False
    if timeline.moments[known[-1]]:
        silent = usual.gap is not None and window.end - last - 1 > max(_SHORTEST_WAIT, 2 * usual.gap)
    else:
        lacking = _lacking_from(timeline, known[-1], usual, window.end)
        if lacking is not None:
            wait = max(_SHORTEST_WAIT, ceil(2 * usual_length(timeline, known.start, known.stop)))
            silent = window.on > last + 1 + wait
            waits_from = None if silent else lacking
    if waits_from is None and last < _year_before(window.end):
        return None
    return _Expectation(timeline, usual, start, window.end, waits_from, silent)


def _lacking_from(timeline: Timeline, position: int, usual: Rhythm, end: int) -> int | None:
    """The first day from this one on, a source's last, that is not covered as usual."""
    last = timeline.days[position]
    if timeline.shares[position] < usual.share_on(last):
        return last
    return next((day for day in range(last + 1, end) if usual.share_on(day)), None)


def _year_before(day: int) -> int:
    end = date.fromordinal(day)
    return same_date(end, end.year - 1).toordinal()


def _source_check(expectation: _Expectation, window: _Window, end: int) -> SourceCheck:
    timeline = expectation.timeline
    holes = list(_holes(expectation, window, end))
    since = min((first for first, _ in holes), default=None)
    if since is not None and expectation.silent:
        since = timeline.days[window.positions(timeline)[-1]] + 1
    expected = expectation.rhythm.days_on(expectation.start, end)
    waits_from = expectation.waits_from
    return SourceCheck(
        series=timeline.series,
        expected=expected,
        missing=min(sum((days for _, days in holes), Fraction(0)), Fraction(expected)),
        since=None if since is None else date.fromordinal(since),
        waits_from=None if waits_from is None else date.fromordinal(waits_from),
        silent=expectation.silent,
    )


def _holes(expectation: _Expectation, window: _Window, end: int) -> Iterator[tuple[int, Fraction]]:
    """What lacks on the days [expectation.start, end): the first day of each hole, and how many days."""
    timeline, start = expectation.timeline, expectation.start
    known = window.positions(timeline)
    first = bisect_left(timeline.days, start)
    if first > known.start:
        first -= 1
    else:
        yield from _hole(expectation, start - 1, timeline.days[first], timeline.moments[first], end)
    for position in timeline.breaks[bisect_left(timeline.breaks, first) :]:
        day, moment = timeline.days[position], timeline.moments[position]
        if day >= end:
            break
        usual = expectation.rhythm.share_on(day)
        if day >= start and not moment and timeline.shares[position] < usual:
            yield day, 1 - Fraction(timeline.shares[position]) / usual
        if position + 1 == known.stop:
            yield from _hole(expectation, day, None, moment, end)
        else:
            # Where a source of periods begins to give moments, the gap before the first one is theirs.
            moments = moment or timeline.moments[position + 1]
            yield from _hole(expectation, day, timeline.days[position + 1], moments, end)


def _hole(
    expectation: _Expectation, before: int, following: int | None, moment: bool, end: int
) -> Iterator[tuple[int, Fraction]]:
    """What lacks between a day with data and the one that follows; None: none did."""
    until = expectation.end if following is None else following
    first = max(before + 1, expectation.start)
    if not moment:
        missing = [day for day in range(first, min(until, end)) if expectation.rhythm.share_on(day)]
        if missing:
            yield missing[0], Fraction(len(missing))
    elif (gap := expectation.rhythm.gap) is not None:
        longest = max(2 * gap, _SHORTEST_WAIT if following is None else 0)
        first = max(before + 1 + gap, expectation.start)
        if until - before - 1 > longest and first < min(until, end):
            yield first, Fraction(min(until, end) - first)
