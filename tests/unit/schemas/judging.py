"""What the tests of the language share: an organisation, a good event of each kind, and how it is judged."""

import json
from typing import Any

from schemas.calendar import Calendar
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, Refused, measure
from schemas.moments import read_moment
from schemas.organisation import Organisation
from schemas.problems import Problem

AMSTERDAM = Calendar.of_zone("Europe/Amsterdam")
ORGANISATION = Organisation().with_changes(
    {
        "sites": {"campus-west": {}},
        "teams": {"ok-centrum": {}, "keuken": {"detail": True}, "apotheek": {}},
        "meters": {
            "gas-1": {"carrier": "natural-gas", "correction": "1.0385"},
            "gas-2": {"carrier": "green-gas", "correction": "0.5"},
        },
    }
)
RECEIVED = "2026-11-22T12:00:00Z"
CONTEXT = Context(ORGANISATION, AMSTERDAM, read_moment(RECEIVED))

DATA: dict[str, dict[str, Any]] = {
    "energy": {"carrier": "electricity", "quantity": "12.5", "unit": "kWh"},
    "waste": {"stream": "residual", "quantity": "4", "unit": "kg"},
    "food-waste": {"stage": "plate", "quantity": "850", "unit": "g"},
    "medication-waste": {"reason": "expired", "pieces": 30},
    "activity": {"indicator": "operations", "quantity": 41, "unit": "1"},
}
KINDS = tuple(DATA)


def event(kind: str = "waste", values: dict[str, Any] | None = None, /, **attributes: Any) -> dict[str, Any]:
    """A good event of a kind; `values` go over its data, `attributes` over it; `...` leaves a field out."""
    posted = {
        "specversion": "1.0",
        "id": "1",
        "source": "/scale/3",
        "type": f"nl.groenmeter.{kind}.v1",
        "time": "2026-03-01T14:30:00+01:00",
        "team": "ok-centrum",
        "data": _without(DATA.get(kind, {}) | (values or {})),
    }
    return _without(posted | attributes)


def judge(posted: object, context: Context = CONTEXT) -> Measurement | Refused:
    """As a posted event is judged, by way of its JSON text."""
    return measure(read_json(json.dumps(posted).encode()), context)


def measured(posted: object, context: Context = CONTEXT) -> Measurement:
    """The measurement of an event that must be accepted."""
    result = judge(posted, context)
    assert isinstance(result, Measurement), result
    return result


def problems(posted: object, context: Context = CONTEXT) -> list[Problem]:
    """The problems of an event that must be refused."""
    result = judge(posted, context)
    assert isinstance(result, Refused), result
    return list(result.problems)


def fields(posted: object, context: Context = CONTEXT) -> list[str]:
    """The fields that are wrong in an event that must be refused, sorted."""
    return sorted(problem.field for problem in problems(posted, context))


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}
