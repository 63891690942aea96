"""Judging what machines send: their events differ in id, moments and amount, and what else is in them is
judged once and remembered as a form. The outcome is that of `measure`, to the byte.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from pydantic_core import to_json

from schemas.amounts import to_base_units
from schemas.calendar import Calendar
from schemas.catalogue import INDICATORS, UNITS
from schemas.events import RULES, Envelope, WasteData
from schemas.measurement import (
    LONGEST_PERIOD,
    Context,
    Measurement,
    Refused,
    fingerprint_of,
    latest_moment,
    measure,
)
from schemas.organisation import Organisation
from schemas.problems import Refusal
from schemas.quantities import AS_READ_UNIT

MOST_FORMS = 10_000

# Fields by which forms differ. Whatever else an event may have is filled in, or it fits no form.
_OF_FORM = frozenset({"specversion", "type", "source", "team"})
_OF_FORM_IN_DATA = frozenset(
    {"carrier", "stream", "stage", "indicator", "flow", "unit", "meter", "site", "method", "detail"}
)
_FILLED_IN = frozenset({"id", "time", "revision", "data"})
_FILLED_IN_DATA = frozenset({"quantity", "from", "to", "evidence"})
_PLAIN = frozenset({str, bool})  # a number may equal a text

_read_id = RULES[Envelope, "id"].read
_read_revision = RULES[Envelope, "revision"].read
_read_moment = RULES[Envelope, "time"].read
_read_amount = RULES[WasteData, "quantity"].read
_read_evidence = RULES[WasteData, "evidence"].read


class Forms:
    """What was found about the events of one organisation, from posters who may speak for the same teams."""

    def __init__(
        self,
        organisation: Organisation,
        calendar: Calendar,
        speaks_for: frozenset[str] | None = None,
        default_team: str | None = None,
    ) -> None:
        self._organisation = organisation
        self._calendar = calendar
        self._speaks_for = speaks_for
        self._default_team = default_team
        self._shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], _Shape | None] = {}
        self._latest = 0, latest_moment(0, calendar)
        self.number = 0

    def measure(self, raw: object, received: int) -> Measurement | Refused:
        """The same as `measure`, faster for an event of a form that was seen before."""
        shape = self._shape_of(raw)
        if shape is None:
            return self._measure(raw, received)
        event: dict[str, Any] = raw  # type: ignore[assignment]
        key = shape.fixed(event) + shape.fixed_data(event["data"])
        if not _PLAIN.issuperset(map(type, key)):
            return self._measure(raw, received)
        form = shape.forms.get(key)
        if form is not None:
            try:
                filled = form.fill(event, self._latest_moment(received))
            except Refusal:
                filled = None
            return filled or self._measure(raw, received)
        measured = self._measure(raw, received)
        if isinstance(measured, Measurement) and not measured.retracted:
            self._remember(shape, key, measured, event["data"]["unit"])
        return measured

    def _measure(self, raw: object, received: int) -> Measurement | Refused:
        context = Context(self._organisation, self._calendar, received, self._speaks_for, self._default_team)
        return measure(raw, context)

    def _latest_moment(self, received: int) -> int:
        """That of the record before is mostly that of this event."""
        if self._latest[0] != received:
            self._latest = received, latest_moment(received, self._calendar)
        return self._latest[1]

    def _shape_of(self, raw: object) -> "_Shape | None":
        if type(raw) is not dict or type(data := raw.get("data")) is not dict:
            return None
        names = tuple(raw), tuple(data)
        try:
            return self._shapes[names]
        except KeyError:
            shape = _Shape(*names) if _can_be_a_form(*names) else None
            self._make_room()
            self._shapes[names] = shape
            return shape

    def _remember(self, shape: "_Shape", key: tuple[object, ...], measured: Measurement, unit: str) -> None:
        if unit == AS_READ_UNIT:  # its correction is the meter's
            return
        self._make_room()
        shape.forms[key] = _Form(shape, measured, unit)

    def _make_room(self) -> None:
        self.number += 1
        if self.number > MOST_FORMS:
            self._shapes.clear()
            self.number = 0


def _can_be_a_form(names: tuple[str, ...], names_in_data: tuple[str, ...]) -> bool:
    event, data = frozenset(names), frozenset(names_in_data)
    return (
        event <= _OF_FORM | _FILLED_IN
        and data <= _OF_FORM_IN_DATA | _FILLED_IN_DATA
        and {"specversion", "type", "source", "id"} <= event
        and {"quantity", "unit"} <= data
        and len(data & _OF_FORM_IN_DATA) > 1
        and ("from" in data) == ("to" in data)
        and ("from" in data or "time" in event)
    )


class _Shape:
    """Events with the same fields in the same order, and their forms by the values that a form has."""

    def __init__(self, names: tuple[str, ...], names_in_data: tuple[str, ...]) -> None:
        self.fixed: Callable[[Any], tuple[object, ...]] = itemgetter(
            *(name for name in names if name in _OF_FORM)
        )
        self.fixed_data: Callable[[Any], tuple[object, ...]] = itemgetter(
            *(name for name in names_in_data if name in _OF_FORM_IN_DATA)
        )
        self.has_revision = "revision" in names
        self.has_period = "from" in names_in_data
        self.has_evidence = "evidence" in names_in_data
        self.forms: dict[tuple[object, ...], _Form] = {}


class _Form:
    """What an accepted event came to, to be filled in with what another one like it has of its own."""

    def __init__(self, shape: _Shape, measured: Measurement, unit: str) -> None:
        self._shape = shape
        self._like = measured
        self._unit = unit
        self._per_unit = UNITS[unit].per_unit
        self._is_whole = measured.kind == "activity" and INDICATORS[measured.category or ""].whole
        self._content = _template(measured.content or {})

    def fill(self, event: Mapping[str, Any], latest: int) -> Measurement | None:
        """The measurement that the event stands for; None, or a `Refusal`, when it may not be one.

        `latest`: the latest moment that it may be of.
        """
        shape, like, data = self._shape, self._like, event["data"]
        id_ = _read_id(event["id"])
        revision = _read_revision(event["revision"]) if shape.has_revision else 1
        posted = data["quantity"]
        amount = _read_amount(posted)
        if self._is_whole and not amount.is_whole:
            return None
        quantity = to_base_units(amount, self._per_unit)
        end = None
        if shape.has_period:
            start, end = _read_moment(data["from"]), _read_moment(data["to"])
            if not start < end <= latest or end - start > LONGEST_PERIOD:
                return None
            values: tuple[object, ...] = start, quantity, end
        else:
            start = _read_moment(event["time"])
            if start > latest:
                return None
            values = quantity, start
        free_text = content = None
        if shape.has_evidence:
            free_text = {"evidence": _read_evidence(data["evidence"])}
            values = to_json(free_text["evidence"]).decode(), *values
            content = {**(like.content or {}), **free_text, "quantity": [quantity, like.unit]}
            content |= {"time": start} if end is None else {"from_": start, "to": end}
        return Measurement(
            team=like.team,
            kind=like.kind,
            source=like.source,
            id=id_,
            revision=revision,
            retracted=False,
            fingerprint=fingerprint_of((self._content % values).encode()),
            start=start,
            end=end,
            category=like.category,
            flow=like.flow,
            site=like.site,
            method=like.method,
            detail=like.detail,
            quantity=quantity,
            unit=like.unit,
            meter=like.meter,
            posted=f'{{"quantity":"{posted}","unit":"{self._unit}"}}',
            free_text=free_text,
            content=content,
        )


def _template(content: Mapping[str, object]) -> str:
    """The text of a content that a fingerprint is over, to be filled in with `%`, in the order of fields."""
    filled_in = {"from_": "%d", "to": "%d", "time": "%d", "evidence": "%s"}
    fields = []
    for name in sorted(content):
        text = to_json(content[name]).decode().replace("%", "%%")
        if name == "quantity":
            text = "[%d," + text.partition(",")[2]
        fields.append(f'"{name}":{filled_in.get(name, text)}')
    return "{" + ",".join(fields) + "}"
