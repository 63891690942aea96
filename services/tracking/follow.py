"""The tracker: evaluates targets again when something that they rest on changed, and stores what is new.

One pass reads one snapshot and stores everything it found, with its cursor, in one transaction: a crash
repeats a pass and never loses or doubles one. Which band people were told is a pure fold of what is known, so
that the order of batches, restarts and corrections do not matter.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from importlib.metadata import version
from typing import Any, cast

import psycopg

from schemas.targets import Target, targets_of
from services.store.configuration import current_version
from services.store.snapshot import Snapshot, open_snapshot
from services.store.tracking import (
    BandChange,
    News,
    StoredEvaluation,
    StoredState,
    TrackerCursor,
    added_since,
    alert_states,
    batch_recorded,
    kinds_touched,
    newest_rows,
    read_cursor,
    read_news,
    store_pass,
)
from services.tracking.bands import SEVERITY, START, AlertState, PeriodEnd, next_told, period_ends
from services.tracking.boundary import all_parts
from services.tracking.evaluation import evaluate
from services.tracking.measured import Measured
from services.tracking.measuring import Factors, Measurements
from services.tracking.result import Band, Evaluation
from services.tracking.rows import inputs_of, target_row
from services.tracking.trajectory import in_force

log = logging.getLogger(__name__)

MOST_LOOKED_BACK = 5_000  # measurements; a second or two for each target


@dataclass(frozen=True)
class _Verdict:
    """A target as judged by some measurements: on a day, and at the month ends up to it."""

    target: Target
    evaluation: Evaluation
    ends: Sequence[PeriodEnd]

    def next_told(self, told: AlertState) -> AlertState:
        """The band that people know from then on, who know `told`."""
        return next_told(self.target, self.ends, told, self.evaluation.band)


@dataclass(frozen=True)
class _Found:
    """What a pass found about one target; None where nothing is new."""

    evaluation: StoredEvaluation | None
    change: BandChange | None
    state: StoredState


@dataclass(frozen=True)
class _Stored:
    """What was stored by earlier passes."""

    cursor: TrackerCursor
    rows: Mapping[str, object]
    states: Mapping[str, StoredState]


class Tracker:
    """Follows the batch log over one connection of the writer."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._seen: News | None = None

    async def step(self, day: date | None = None) -> bool:
        """One pass, when there is anything new; whether there was. `day`: instead of today.

        Raises whatever psycopg raises; then nothing was stored.
        """
        news = await read_news(self._connection)
        if day is not None:
            news = news._replace(day=day)
        if news == self._seen:
            return False
        async with open_snapshot(self._connection, limited=False) as snapshot:
            # Batches that came since are in the snapshot too.
            seen = (await read_news(self._connection))._replace(day=news.day)
            stored = _Stored(
                await read_cursor(self._connection),
                await newest_rows(self._connection),
                await alert_states(self._connection),
            )
            targets = await self._targets(seen)
            found = await self._find(snapshot, seen, stored, targets)
        done = await store_pass(
            self._connection,
            stored.cursor,
            TrackerCursor(seen.batch_no, seen.day, seen.configuration),
            [item.evaluation for item in found if item.evaluation],
            [item.change for item in found if item.change],
            [item.state for item in found],
            [target.slug for target in targets],
        )
        if done:
            self._seen = seen
            for item in found:
                if item.change:
                    log.info("%s: %s became %s", *item.change[:3])
        else:
            log.warning("another tracker runs beside this one")
        return True

    async def _targets(self, news: News) -> list[Target]:
        configuration = await current_version(self._connection)
        return [target for target in targets_of(configuration.organisation) if in_force(target, news.day)]

    async def _find(
        self, snapshot: Snapshot, news: News, stored: _Stored, targets: Sequence[Target]
    ) -> list[_Found]:
        """What is new about the targets that something new concerns.

        A factor or a definition is no news: what was so already by the new ones is told to nobody. That takes
        looking back to the cursor, which is dear after a large load: then what it brought was so already.
        """
        cursor = stored.cursor
        touched = await kinds_touched(self._connection, cursor.batch_no)
        all_of_them = (cursor.day, cursor.configuration) != (news.day, news.configuration)
        then = await batch_recorded(self._connection, cursor.batch_no)
        measurements = Measurements(self._connection, snapshot.time_zone)
        before = Measurements(
            self._connection, snapshot.time_zone, then if cursor.batch_no < news.batch_no else None
        )
        found = []
        for target in targets:
            await measurements.read_factors(target)
            factors = measurements.factors(target)
            known = stored.states.get(target.slug)
            is_same = known is not None and (known.factors, known.definition) == (
                _name_of(factors),
                _definition_of(target),
            )
            if is_same and not all_of_them and touched.isdisjoint(part.kind for part in all_parts(target)):
                continue
            await measurements.read(target, news.day)
            measured = measurements.of(target, news.day)
            verdict = _verdict(target, news.day, measured)
            if known is not None and is_same:
                told = AlertState(cast(Band, known.band), known.since)
            else:
                told = verdict.next_told(START)
                if (
                    told.band != "green"
                    and await added_since(self._connection, cursor.batch_no) <= MOST_LOOKED_BACK
                ):
                    await before.read(target, cursor.day)
                    told = _verdict(target, cursor.day, before.of(target, cursor.day)).next_told(START)
            found.append(_judge(verdict, news, measured, factors, told, stored.rows.get(target.slug)))
        return found


def _verdict(target: Target, day: date, measured: Measured) -> _Verdict:
    return _Verdict(target, evaluate(target, day, measured), period_ends(target, day, measured))


def _judge(
    verdict: _Verdict, news: News, measured: Measured, factors: Factors, told: AlertState, stored_row: object
) -> _Found:
    """A target by what is known now, beside the band that people know and the row that is stored."""
    target, evaluation = verdict.target, verdict.evaluation
    state = verdict.next_told(told)
    row = target_row(target, evaluation, factors)
    new_evaluation = change = None
    if row != stored_row:
        new_evaluation = StoredEvaluation(
            target=target.slug,
            on_day=news.day,
            batch_no=news.batch_no,
            configuration=news.configuration,
            factors=_name_of(factors),
            band=evaluation.band,
            outcome=evaluation.outcome,
            drift=evaluation.drift,
            row=row,
            inputs=inputs_of(target, measured, factors),
        )
    if state.band != told.band:
        worse = SEVERITY[state.band] > SEVERITY[told.band]
        change = BandChange(target.slug, told.band, state.band, state.since or news.day, worse)
    return _Found(
        new_evaluation,
        change,
        StoredState(target.slug, state.band, state.since, _name_of(factors), _definition_of(target)),
    )


def _name_of(factors: Factors) -> str:
    """The same for the same factors, whatever was measured."""
    return _digest([[*key, str(factor.kg_per_base_unit), factor.year] for key, factor in factors.items()])


def _definition_of(target: Target) -> str:
    """The same for the same target, judged by the same version of this program."""
    return _digest([version("groenmeter"), target.model_dump(mode="json")])


def _digest(content: list[Any]) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
