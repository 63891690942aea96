"""What judging a target gives. Amounts are exact and in the target's `unit`; a share is in %."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal, NamedTuple

from services.tracking.measured import FixedFactor
from services.tracking.trajectory import Period

Band = Literal["green", "amber", "red", "unknown"]
Outcome = Literal["running", "met", "missed", "cannot-tell"]
PartState = Literal["measured", "estimated", "missing", "left-out"]


class Reason(NamedTuple):
    """Why a verdict is what it is; `code` never changes its meaning, the sentences may be reworded."""

    code: str
    nl: str
    en: str


class Coverage(NamedTuple):
    """How a part of the boundary is known; `why` unless it is simply measured."""

    part: str
    nl: str
    en: str
    state: PartState
    why: Reason | None


class Projection(NamedTuple):
    """What the period comes to at its end, by the base year's season and by the last twelve months."""

    low: Fraction
    high: Fraction


class Contribution(NamedTuple):
    """A category's part: `difference` = actual - budget to date; a share has percentage points only."""

    kind: str
    category: str
    flow: str
    actual: Fraction
    budget: Fraction | None
    difference: Fraction | None


class IncompleteSource(NamedTuple):
    """A source that lacks `missing_days` (parts of a day count as parts), the first of them `since`."""

    team: str
    source: str
    kind: str
    category: str
    site: str
    missing_days: Fraction
    since: date


@dataclass(frozen=True)
class PathPoint:
    """A year of the trajectory: its `index` (base year = 100) and what that allows, as far as known."""

    year: int
    index: Fraction | None
    limit: Fraction | None


@dataclass(frozen=True)
class Evaluation:
    """A target as it stood at the start of the local day `on`.

    `through`: the day up to which all live sources are complete; `actual`, `limit_now` and `drift` are over
    the days from the period's start to there. `limit` is that of the whole period. `drift` is a ratio,
    positive when behind. `factors`: the fixed ones that the amounts were multiplied with.
    """

    target: str
    on: date
    period: Period
    through: date | None
    base: Fraction | None
    limit: Fraction | None
    limit_now: Fraction | None
    actual: Fraction | None
    drift: Fraction | None
    projection: Projection | None
    completeness: Fraction | None
    coverage: tuple[Coverage, ...]
    band: Band
    outcome: Outcome
    reasons: tuple[Reason, ...]
    contributions: tuple[Contribution, ...]
    incomplete_sources: tuple[IncompleteSource, ...]
    path: tuple[PathPoint, ...]
    factors: Mapping[tuple[str, str], FixedFactor]
