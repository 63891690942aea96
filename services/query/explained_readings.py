"""The readings of a total: what was posted, what it became in base units, which share of it counts where."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from schemas.amounts import Amount
from schemas.calendar import (
    MICROSECONDS,
    Calendar,
    Share,
    day_parts,
    explained_split,
    from_microseconds,
    hour_parts,
    pinned_zone,
    to_microseconds,
)
from schemas.conversions import Conversion, conversions
from schemas.measurement import CENT, PIECE
from services.query.pages import as_text
from services.query.sight import Sight
from services.store.explain import Correction, ReadingsQuery, Row


class Ground(NamedTuple):
    """By what readings are explained: the days they touch, and every correction of their meters."""

    calendar: Calendar
    corrections: Mapping[str, Sequence[Correction]]
    time_zone: str


def reading_row(row: Row, wanted: ReadingsQuery, ground: Ground, sight: Sight) -> dict[str, Any]:
    """A reading as it is answered, with its shares in the days or the hour asked."""
    parts = _parts(row, wanted, ground)
    inside = [position for position, (bucket, _) in enumerate(parts) if _is_asked(bucket, wanted)]
    known = _conversions(row, wanted.total.kind, ground.corrections)
    amounts = []
    for base_unit, amount in _amounts(row):
        if wanted.base_unit in (None, base_unit):
            shares = explained_split(amount, [weight for _, weight in parts])
            amounts.append(
                {
                    "base_unit": base_unit,
                    "base_quantity": str(amount),
                    "conversion": _conversion(known.get(base_unit), amount),
                    "counted": str(sum(shares[position].amount for position in inside)),
                    "shares": [_share(parts[position], shares[position], row, ground) for position in inside],
                }
            )
    return {
        "team": row["team"],
        "kind": wanted.total.kind,
        "source": row["source"],
        "id": row["id"],
        "revision": row["revision"],
        "received_at": as_text(row["received_at"]),
        "recorded_at": as_text(row["recorded_at"]),
        "posted_by": row["posted_by"] if sight.people else None,
        "origin": row["origin"],
        "start": _local(row["starts_at"], ground.time_zone),
        "end": None if row["ends_at"] is None else _local(row["ends_at"], ground.time_zone),
        "category": row["category"],
        "flow": row["flow"],
        "site": row["site"],
        "method": row["method"],
        "detail": row["detail"],
        "meter": row["meter"],
        "posted": row["posted"],
        "texts": row["texts"] if sight.people else None,
        "erased": row["erased"],
        "begins": bool(inside) and inside[0] == 0,
        "split_over": len(parts),
        "amounts": amounts,
    }


def _amounts(row: Row) -> Iterator[tuple[str, int]]:
    for base_unit, amount in ((row["unit"], row["quantity"]), (PIECE, row["pieces"]), (CENT, row["cost"])):
        if amount is not None:
            yield base_unit, amount


def _parts(row: Row, wanted: ReadingsQuery, ground: Ground) -> list[tuple[date | datetime, int]]:
    """The local days or hours that a reading touches, each with its weight when the amount is split."""
    start, end = to_microseconds(row["starts_at"]), row["ends_at"] and to_microseconds(row["ends_at"])
    if wanted.total.bucket == "hour":
        hours = hour_parts(ground.calendar, start, end)
        return [(from_microseconds(hour), weight) for hour, weight in hours]
    return [(ground.calendar.day(day), weight) for day, weight in day_parts(ground.calendar, start, end)]


def _is_asked(bucket: date | datetime, wanted: ReadingsQuery) -> bool:
    if isinstance(bucket, datetime):
        return bucket == wanted.first
    return wanted.total.start <= bucket < wanted.total.end


def _conversions(
    row: Row, kind: str, corrections: Mapping[str, Sequence[Correction]]
) -> dict[str, Conversion]:
    """By base unit the way to the amount in the ledger, as far as one leads there."""
    posted: Mapping[str, str] = row["posted"] or {}
    amounts = dict(_amounts(row))
    found: dict[str, Conversion] = {}
    for correction in _likely(row, corrections):
        for conversion in conversions(kind, row["category"], posted, correction):
            if amounts.get(conversion.base_unit) == conversion.base_quantity:
                found.setdefault(conversion.base_unit, conversion)
    return found


def _likely(row: Row, corrections: Mapping[str, Sequence[Correction]]) -> list[Amount | None]:
    """The meter's correction that held when the reading was received, then the others, newest first.

    Another one counted where the configuration changed between the door and the moment of receipt.
    """
    of_meter = corrections.get(row["meter"] or "", ())
    held = [item.correction for item in of_meter if item.applied_at <= row["received_at"]]
    others = [item.correction for item in reversed(of_meter)]
    return list(dict.fromkeys([*held[-1:], *others])) or [None]


def _conversion(conversion: Conversion | None, amount: int) -> dict[str, Any] | None:
    if conversion is None:
        return None
    return {
        "field": conversion.field,
        "posted": str(conversion.posted),
        "unit": conversion.unit,
        "base_units_per_unit": str(conversion.per_unit),
        "correction": str(conversion.correction),
        "exact": str(conversion.exact),
        "rounding": str(amount - conversion.exact),
    }


def _share(part: tuple[date | datetime, int], share: Share, row: Row, ground: Ground) -> dict[str, Any]:
    bucket, weight = part
    is_whole = share.of == weight
    seconds: Fraction | None = None
    if row["ends_at"] is not None:
        length = to_microseconds(row["ends_at"]) - to_microseconds(row["starts_at"]) if is_whole else weight
        seconds = Fraction(length, MICROSECONDS)
    name, start = (
        ("hour", _local(bucket, ground.time_zone)) if isinstance(bucket, datetime) else ("day", str(bucket))
    )
    return {
        name: start,
        "seconds": None if seconds is None else str(seconds),
        "rounded_down": str(share.floor),
        "remainder": str(Fraction(share.remainder, share.of)),
        "extra": share.extra,
        "base_quantity": str(share.amount),
    }


def _local(moment: datetime, time_zone: str) -> str:
    return moment.astimezone(pinned_zone(time_zone)).isoformat()
