"""A measurement in words, for people who compare what counts with what they are about to post."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from schemas.calendar import from_microseconds
from schemas.measurement import Measurement
from services.importing.comparison import Change

_SHOWN_AS = {
    "J": ("kWh", 3_600_000),
    "ml_n": ("Nm3", 1_000_000),
    "ml": ("l", 1_000),
    "mg": ("kg", 1_000_000),
    "cent": ("EUR", 100),
    "cm2": ("m2", 10_000),
    "mm": ("km", 1_000_000),
    "piece": ("pieces", 1),
    "1": ("", 1),
}
_MOST_DECIMALS = Decimal("0.000001")
_ONE_DAY = timedelta(days=1)

Amounts = Iterable[tuple[str, int]]


def amounts_text(amounts: Amounts) -> str:
    """Amounts in base units as people read them, with at most 6 decimals."""
    return ", ".join(_amount_text(unit, amount) for unit, amount in amounts)


def period_text(start: datetime | None, end: datetime | None, zone: ZoneInfo) -> str:
    """A moment or period in local time; whole days as dates, the last one included."""
    if start is None:
        return ""
    local = start.astimezone(zone)
    if end is None:
        return f"{local:%Y-%m-%d %H:%M}"
    until = end.astimezone(zone)
    if (local.hour, local.minute, until.hour, until.minute) == (0, 0, 0, 0):
        last = until.date() - _ONE_DAY
        return f"{local:%Y-%m-%d}" if last == local.date() else f"{local:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{local:%Y-%m-%d %H:%M} to {until:%H:%M}"


def measurement_words(measurement: Measurement, data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """What a row says, by what people call it; of what may be left out only what the row gives."""
    words = {
        "when": period_text(_moment(measurement.start), _moment(measurement.end), zone),
        "what": measurement.category or "",
        "flow": measurement.flow or "",
        "amount": amounts_text(measurement.amounts()),
    }
    words |= {
        name: str(getattr(measurement, name))
        for name in ("site", "method", "detail", "meter")
        if name in data
    }
    return words | {name: text for name, text in (measurement.free_text or {}).items() if name != "evidence"}


def content_words(content: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """The same of a revision as the door shows it."""
    start, end = (content[name] and datetime.fromisoformat(content[name]) for name in ("start", "end"))
    words = {
        "when": period_text(start, end, zone),
        "what": content["category"] or "",
        "flow": content["flow"] or "",
        "amount": amounts_text(
            (amount["base_unit"], int(amount["base_quantity"])) for amount in content["amounts"]
        ),
    }
    words |= {name: str(content[name]) for name in ("site", "method", "detail", "meter")}
    return words | {name: str(text) for name, text in (content["texts"] or {}).items() if name != "evidence"}


def differences(change: Change, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    """What differs: its name, before, after."""
    after = measurement_words(change.reading.measurement, change.reading.event["data"], zone)
    if change.before.retracted:
        return [("amount", "retracted", after["amount"])]
    before = content_words(change.before.content, zone)
    differing = [
        (name, before.get(name, ""), text) for name, text in after.items() if before.get(name, "") != text
    ]
    return differing or [("another field", "", "")]


def _amount_text(unit: str, amount: int) -> str:
    shown, per_unit = _SHOWN_AS.get(unit, (unit, 1))
    number = (Decimal(amount) / per_unit).quantize(_MOST_DECIMALS)
    text = f"{number:f}".rstrip("0").rstrip(".")
    return f"{text} {shown}".strip()


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else from_microseconds(instant)
