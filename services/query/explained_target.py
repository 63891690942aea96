"""A target explained: base, path, budget and actual, and each amount with the call that explains it."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import psycopg

from schemas.catalogue import UNITS
from schemas.degree_days import NORMAL_MONTHS
from schemas.targets import SHARES, Target
from services.query.explained_total import factor_row
from services.query.pages import as_text
from services.store.snapshot import Snapshot
from services.tracking.boundary import amount, streams_of
from services.tracking.budget import Budget, budget
from services.tracking.evaluation import evaluate
from services.tracking.measured import Measured, Stream
from services.tracking.measuring import Factors, Measurements, base_unit_of_stream
from services.tracking.result import Evaluation
from services.tracking.rows import target_row
from services.tracking.trajectory import Period, anchored, same_date

Row = dict[str, Any]

# Words about people, and about what is not counted.
_NOT_SHOWN = {"who", "evidence", "note", "nl", "en"}


async def explain_target(
    connection: psycopg.AsyncConnection, target: Target, on: date, snapshot: Snapshot, as_of: datetime | None
) -> Row:
    """The row of `GET /v1/targets`, with everything that it was worked out from."""
    measurements = Measurements(connection, snapshot.time_zone, as_of, known_at=as_of)
    await measurements.read(target, on)

    def explain() -> Row:
        measured, factors = measurements.of(target, on), measurements.factors(target)
        evaluation = evaluate(target, on, measured)
        told = _Told(target, evaluation, measured, factors, as_of or snapshot.newest)
        return target_row(target, evaluation, factors) | told.row(on)

    # In a thread: years of measurements take longer than the door may stand still.
    return await asyncio.to_thread(explain)


@dataclass(frozen=True)
class _Told:
    """An evaluation, and what it was worked out from."""

    target: Target
    evaluation: Evaluation
    measured: Measured
    factors: Factors
    as_of: datetime

    def row(self, on: date) -> Row:
        """All that the target's row does not say."""
        target, evaluation = self.target, self.evaluation
        allowed = None
        if target.kind not in (*SHARES, "milestone"):
            through = evaluation.through or evaluation.period.start
            allowed = budget(target, self.measured, evaluation.period, through, on)
        return {
            "definition": target.model_dump(mode="json", exclude=_NOT_SHOWN),
            "base_units_per_unit": str(UNITS[target.unit].per_unit if target.unit in UNITS else 1),
            "exact": {
                name: _fraction(getattr(evaluation, name))
                for name in ("base", "limit", "limit_now", "actual", "drift", "completeness")
            },
            "level": self._level(),
            "budget": None if allowed is None or evaluation.through is None else self._budget(allowed),
            "amounts": [self._amount(*key) for key in self._amounts(allowed)],
            "factors": [
                factor_row(self.factors[key]) | {"year": self.factors[key].year}
                for key in sorted(self.factors)
            ],
        }

    def _level(self) -> Row | None:
        """What the path gives for the year (index, percentage or amount), and the anchors it is between."""
        year = self.evaluation.period.start.year
        value = anchored(self.target, year)
        if value is None:
            return None
        anchors = [anchor for anchor in self.target.anchors if anchor.year == year] or next(
            [earlier, later]
            for earlier, later in pairwise(self.target.anchors)
            if earlier.year < year < later.year
        )
        between = [{"year": anchor.year, "value": str(Fraction(anchor.value))} for anchor in anchors]
        return {"year": year, "value": str(value), "between": between}

    def _budget(self, allowed: Budget) -> Row | None:
        """How the limit is spread over streams and the year; None where it counts as a whole, or not."""
        if allowed.spread is None:
            return None
        through = self.evaluation.through
        streams = []
        for stream, season in allowed.seasons.items():
            streams.append(
                stream._asdict()
                | {
                    "share_of_base": str(allowed.spread.parts[stream]),
                    "season": {
                        "share": str(season.share),
                        "years": [
                            {"year": year, "to": str(same_date(through, year))}
                            for year in season.years
                            if through
                        ],
                        "by_degree_days": season.by_degree_days,
                    },
                    "allowed": _fraction(allowed.by_stream.get(stream)),
                }
            )
        by_degree_days = any(season.by_degree_days for season in allowed.seasons.values())
        return {
            "sized_by": list(allowed.spread.sized_by),
            "streams": streams,
            "degree_days": {str(month): str(days) for month, days in NORMAL_MONTHS.items()}
            if by_degree_days
            else None,
        }

    def _amounts(self, allowed: Budget | None) -> Iterable[tuple[Stream, date, date]]:
        """What was measured of each stream over each range of days that the figures are of, each once."""
        return dict.fromkeys(self._ranges(allowed))

    def _ranges(self, allowed: Budget | None) -> Iterator[tuple[Stream, date, date]]:
        target, evaluation = self.target, self.evaluation
        counted = streams_of(target.of + target.parts)
        if evaluation.base is not None and target.base_amount is None and target.base_year is not None:
            for stream in counted:
                yield stream, *Period.of_year(target.base_year)
        if evaluation.through is None:
            return
        for stream in counted:
            yield stream, evaluation.period.start, evaluation.through
        if allowed is None or allowed.spread is None:
            return
        for year in allowed.spread.sized_by:
            for stream in counted:
                yield stream, *Period.of_year(year)
        for stream, season in allowed.seasons.items():
            for year in season.years:
                whole = Period.of_year(year)
                yield stream, *whole
                yield stream, whole.start, same_date(evaluation.through, year)

    def _amount(self, stream: Stream, start: date, end: date) -> Row:
        """A stream over some days, and how to ask where that comes from."""
        target = self.target
        base_unit = base_unit_of_stream(target, stream, self.factors)
        factor = self.factors.get((stream.kind, stream.category))
        asked = {
            "kind": stream.kind,
            "from": str(start),
            "to": str(end),
            "category": stream.category,
            "flow": stream.flow if stream.kind == "energy" else None,
            "team": target.team,
            "site": target.site,
            "basis": f"{target.chain},{target.market}" if target.measure == "co2e" else None,
            "as_of": as_text(self.as_of),
            "base_unit": base_unit,
        }
        return stream._asdict() | {
            "from": str(start),
            "to": str(end),
            "base_unit": base_unit,
            "base_quantity": str(self.measured.quantity(stream, start, end)),
            "factor": None if factor is None else factor.factor_no,
            "amount": str(amount(target, self.measured, stream, start, end)),
            "explain": {name: value for name, value in asked.items() if value is not None},
        }


def _fraction(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
