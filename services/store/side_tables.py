"""What dashboards tell of single readings, kept beside the ledger: what came late, what was corrected. Pure.

`0018_side_tables.sql` says what each row is. Nearly everything is neither late nor a correction, so that is
what each arrival is asked first, and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from schemas.calendar import DAY, from_microseconds
from schemas.measurement import Measurement

if TYPE_CHECKING:
    from services.store.ledger import Arrival

LATE = 31 * DAY


class Late(NamedTuple):
    """Late first readings of a team's category: how many, their whole days added up, earliest and newest."""

    team: str
    kind: str
    category: str
    readings: int
    days_late: int
    starts_at: datetime
    received_at: datetime


class Correction(NamedTuple):
    """A revision that took the place of one that counted; amounts in base units, none of a retraction."""

    source_no: int
    id: str
    revision: int
    retracted: bool
    starts_at: datetime | None
    category: str | None
    quantity_before: int | None
    unit_before: str | None
    quantity_after: int | None
    unit_after: str | None


class SideRows(NamedTuple):
    """What a batch adds beside the ledger, and the oldest moment of receipt in it if it adds anything."""

    oldest: datetime | None
    late: list[Late]
    corrections: list[Correction]


def side_rows(added: "Sequence[Arrival]") -> SideRows:
    """Of the arrivals that a batch adds to the ledger, as they are settled."""
    if not added:
        return SideRows(None, [], [])
    receipts = [arrival.item.provenance.received for arrival in added]
    before = max(receipts) - LATE
    # Only a retraction has no start: no moment is that old.
    early = [arrival for arrival in added if (arrival.item.measurement.start or before) < before]
    revised = [arrival for arrival in added if arrival.item.measurement.revision > 1]
    return SideRows(
        from_microseconds(min(receipts)),
        _late(early),
        list(_corrections(added, {arrival.identity for arrival in revised})) if revised else [],
    )


def _late(early: "Sequence[Arrival]") -> list[Late]:
    groups: defaultdict[tuple[str, str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for arrival in early:
        item = arrival.item
        measurement, received = item.measurement, item.provenance.received
        start = measurement.start or received
        late = received - (measurement.end or start)
        if late > LATE and measurement.revision == 1:
            key = measurement.team, measurement.kind, measurement.category or ""
            groups[key].append((late // DAY, start, received))
    found = []
    for key, group in groups.items():
        days, starts, receipts = zip(*group, strict=True)
        earliest, newest = from_microseconds(min(starts)), from_microseconds(max(receipts))
        found.append(Late(*key, len(group), sum(days), earliest, newest))
    return found


def _corrections(added: "Sequence[Arrival]", revised: "set[tuple[int, str]]") -> Iterator[Correction]:
    groups: defaultdict[tuple[int, str], list[Arrival]] = defaultdict(list)
    for arrival in added:
        if arrival.identity in revised:
            groups[arrival.identity].append(arrival)
    for identity, group in groups.items():
        winner = next((arrival for arrival in group if arrival.counts), None)
        if winner is None:
            continue
        counted = winner.superseded
        for after in sorted((arrival.item.measurement for arrival in group), key=lambda one: one.revision):
            if counted is None:
                counted = after
            elif after.revision > counted.revision:
                yield _correction(identity, counted, after)
                counted = after


def _correction(identity: tuple[int, str], before: Measurement, after: Measurement) -> Correction:
    start = before.start if after.start is None else after.start
    return Correction(
        *identity,
        after.revision,
        after.retracted,
        None if start is None else from_microseconds(start),
        before.category if after.category is None else after.category,
        *_amount(before),
        *_amount(after),
    )


def _amount(measurement: Measurement) -> tuple[int | None, str | None]:
    """That of the mass or energy, else the pieces, else the cents; of a retraction none."""
    unit, quantity = next(iter(measurement.amounts()), (None, None))
    return quantity, unit
