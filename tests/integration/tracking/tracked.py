"""What the tests of the tracker share: a target, months of measurements, passes, and what came of them."""

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from services.store.connection import connect_async
from services.tracking.follow import Tracker
from tests.integration.query.asking import count, event
from tests.integration.store.recording import query
from tests.oracle import AMSTERDAM

# 1,200 kg in 2018 (100 each month); 840 kg in 2026, of which 70 each month.
PAPER: dict[str, Any] = {
    "nl": "Minder papier",
    "en": "Less paper",
    "theme": "circular",
    "kind": "reduction_vs_base",
    "unit": "kg",
    "parts": [{"slug": "paper", "nl": "papier", "en": "paper", "kind": "waste", "categories": ["paper"]}],
    "base_year": 2018,
    "anchors": [{"year": 2018, "value": 100}, {"year": 2026, "value": 70}],
}


def month(kind: str, year: int, number: int, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """A measurement of a whole local month."""
    start = datetime(year, number, 1, tzinfo=AMSTERDAM)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=AMSTERDAM)
    period = {"from": start.isoformat(), "to": end.isoformat()}
    category = next(data[name] for name in ("stream", "carrier") if name in data)
    return event(kind, f"{category}-{year}-{number:02}", data | period, **attributes)


def paper(year: int, months: Iterable[int], kilograms: int, **attributes: Any) -> list[dict[str, Any]]:
    """So much paper in each of these months."""
    data = {"stream": "paper", "quantity": kilograms, "unit": "kg"}
    return [month("waste", year, number, data, **attributes) for number in months]


def step(dsn: str, day: date) -> bool:
    """One pass of a tracker that has just started."""

    async def run() -> bool:
        async with await connect_async(dsn, "writer") as connection:
            return await Tracker(connection).step(day)

    return asyncio.run(run())


def track(dsn: str, day: date, *events: dict[str, Any]) -> None:
    """Count events in one batch and let the tracker see it."""
    count(dsn, *events)
    step(dsn, day)


def evaluations(dsn: str, target: str = "less-paper") -> list[Any]:
    """Band, drift and actual of everything that was stored of a target."""
    return query(
        dsn,
        "SELECT band, row ->> 'drift', row ->> 'actual' FROM evaluation"  # noqa: S608
        f" WHERE target = '{target}' ORDER BY evaluation_no",
    )


def changes(dsn: str, target: str = "less-paper") -> list[Any]:
    """From, to, since, worse of every change that was told."""
    return query(
        dsn,
        "SELECT from_band, to_band, since, worse FROM band_change"  # noqa: S608
        f" WHERE target = '{target}' ORDER BY change_no",
    )


def state(dsn: str, target: str = "less-paper") -> Any:
    """Band and since of the state that people know."""
    return query(dsn, f"SELECT band, since FROM alert_state WHERE target = '{target}'")  # noqa: S608
