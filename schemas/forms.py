"""Judging what machines send: their events differ in id, moments and amount, and what else is in them is
judged once and remembered as a form. The outcome is that of `measure`, to the byte.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from pydantic_core import to_json

from schemas.amounts import exact_base_units, to_base_units
from schemas.calendar import Calendar
from schemas.catalogue import INDICATORS, UNITS
from schemas.events import RULES, Envelope, WasteData
from schemas.layouts import Layout, Written, events_by_layouts, first_event
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
MOST_LAYOUTS = 8
EVENTS_BETWEEN_LAYOUTS = 100  # making one takes as long as reading so many events

# Fields by which forms differ. Whatever else an event may have is filled in, or it fits no form.
_OF_FORM = frozenset({"specversion", "type", "source", "team"})
_OF_FORM_IN_DATA = frozenset(
    {"carrier", "stream", "stage", "indicator", "flow", "unit", "meter", "site", "method", "detail"}
)
_FILLED_IN = frozenset({"id", "time", "revision", "data"})
_FILLED_IN_DATA = frozenset({"quantity", "from", "to", "evidence", "note"})
_PLACES = {
    "evidence": b"%b",
    "from_": b"%d",
    "note": b"%b",
    "quantity": b"[%d",  # and its unit
    "time": b"%d",
    "to": b"%d",
}
_PLAIN = frozenset({str, bool})  # a number may equal a text

Key = tuple[Any, ...]

_read_id = RULES[Envelope, "id"].read
_read_revision = RULES[Envelope, "revision"].read
_read_moment = RULES[Envelope, "time"].read
_read_amount = RULES[WasteData, "quantity"].read
_read_evidence = RULES[WasteData, "evidence"].read
_read_note = RULES[WasteData, "note"].read


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
        self._layouts: list[_FormLayout] = []
        self._read_as_json = 0
        self._latest = 0, latest_moment(0, calendar)
        self.number = 0

    def read(self, body: bytes) -> "list[Written[_FormLayout]] | None":
        """The events of an array, or an event, as they are written; None when it has to be read as JSON."""
        if not self._layouts or b"\\" in body:
            return None
        is_one = body.startswith(b"{")
        try:
            events = events_by_layouts(_array(body), self._layouts)
        except UnicodeDecodeError:
            return None
        return None if is_one and events and len(events) > 1 else events

    def learn(self, body: bytes, value: list[Any] | dict[str, Any]) -> list[Any]:
        """The events of what had to be read as JSON; now and then how the first is written is remembered."""
        events = value if isinstance(value, list) else [value]
        self._read_as_json += len(events)
        if self._read_as_json >= EVENTS_BETWEEN_LAYOUTS and b"\\" not in body:
            self._read_as_json = 0
            if layout := self._layout_of(events[0] if events else None, body):
                self._layouts = [layout, *self._layouts][:MOST_LAYOUTS]
        return events

    def _layout_of(self, event: Any, body: bytes) -> "_FormLayout | None":
        shape = self._shape_of(event)
        if shape is None or not _PLAIN.issuperset(map(type, shape.key(event))):
            return None
        try:
            return _FormLayout(first_event(_array(body)), event, shape)
        except ValueError:
            return None

    def measure(self, raw: object, received: int) -> Measurement | Refused:
        """The same as `in_full`, faster for an event of a form that was seen before.

        Only what has free text has its `content` then.
        """
        if self._latest[0] != received:  # that of the record before is mostly that of this event
            self._latest = received, latest_moment(received, self._calendar)
        if type(raw) is Written:
            layout, values, _ = raw
            form = layout.shape.forms.get(layout.key(values))
            filled = form.fill(layout.own(values), self._latest[1]) if form is not None else None
            return filled or self.measure(raw.read(), received)
        shape = self._shape_of(raw)
        if shape is None:
            return self.in_full(raw, received)
        event: dict[str, Any] = raw  # type: ignore[assignment]
        key = shape.key(event)
        if not _PLAIN.issuperset(map(type, key)):
            return self.in_full(raw, received)
        form = shape.forms.get(key)
        if form is not None:
            filled = form.fill(shape.own(event), self._latest[1])
            return filled or self.in_full(raw, received)
        measured = self.in_full(raw, received)
        if isinstance(measured, Measurement) and not measured.retracted:
            self._remember(shape, key, measured, event["data"]["unit"])
        return measured

    def in_full(self, raw: object, received: int) -> Measurement | Refused:
        """What `schemas.measurement.measure` says; nothing is looked up or remembered."""
        context = Context(self._organisation, self._calendar, received, self._speaks_for, self._default_team)
        return measure(raw.read() if type(raw) is Written else raw, context)

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

    def _remember(self, shape: "_Shape", key: Key, measured: Measurement, unit: str) -> None:
        if unit == AS_READ_UNIT:  # its correction is the meter's
            return
        if not shape.filled_in.issubset(measured.content or ()):  # null: it has no place to fill in
            return
        self._make_room()
        shape.forms[key] = _Form(shape, measured, unit)

    def _make_room(self) -> None:
        self.number += 1
        if self.number > MOST_FORMS:
            self._shapes.clear()
            self._layouts.clear()
            self.number = 0


def _array(body: bytes) -> str:
    """The text of an array of events; an event alone becomes one."""
    return f"[{body.decode()}]" if body.startswith(b"{") else body.decode("utf-8-sig")


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
        self.key_paths = [(name,) for name in names if name in _OF_FORM]
        self.key_paths_in_data = [("data", name) for name in names_in_data if name in _OF_FORM_IN_DATA]
        self._key = itemgetter(*(name for (name,) in self.key_paths))
        self._key_in_data = itemgetter(*(name for _, name in self.key_paths_in_data))
        self.has_revision = "revision" in names
        self.has_period = "from" in names_in_data
        self.has_evidence = "evidence" in names_in_data
        self.has_note = "note" in names_in_data
        filled_in = _FILLED_IN_DATA.intersection(names_in_data)
        self.filled_in = frozenset("from_" if name == "from" else name for name in filled_in)  # in a content
        self.forms: dict[Key, _Form] = {}

    def key(self, event: Mapping[str, Any]) -> Key:
        """What tells the form of an event from others."""
        key: Key = self._key(event) + self._key_in_data(event["data"])
        return key

    def own(self, event: Mapping[str, Any]) -> tuple[Any, ...]:
        """What an event has of its own: id, revision, quantity, start or moment, end, evidence, note."""
        data = event["data"]
        return (
            event["id"],
            event["revision"] if self.has_revision else 1,
            data["quantity"],
            data["from"] if self.has_period else event["time"],
            data["to"] if self.has_period else None,
            data["evidence"] if self.has_evidence else None,
            data["note"] if self.has_note else None,
        )


class _FormLayout(Layout):
    """How events of one shape are written; `key` and `own` find in values what those of the shape do."""

    def __init__(self, text: str, event: Mapping[str, Any], shape: _Shape) -> None:
        start = ("data", "from") if shape.has_period else ("time",)
        absent = {("revision",): 1, ("data", "to"): None, ("data", "evidence"): None, ("data", "note"): None}
        revision, *others = absent
        own = ("id",), revision, ("data", "quantity"), start, *others
        super().__init__(text, event, absent)
        paths = *shape.key_paths, *shape.key_paths_in_data
        self.shape = shape
        self.key: Callable[[tuple[Any, ...]], Key] = itemgetter(*(self.places[path] for path in paths))
        self.own: Callable[[tuple[Any, ...]], tuple[Any, ...]] = itemgetter(
            *(self.places[path] for path in own)
        )


class _Form:
    """What an accepted event came to, to be filled in with what another one like it has of its own."""

    def __init__(self, shape: _Shape, measured: Measurement, unit: str) -> None:
        self._shape = shape
        self._like = measured
        self._unit = unit
        self._per_unit = UNITS[unit].per_unit
        self._is_whole = measured.kind == "activity" and INDICATORS[measured.category or ""].whole
        self._content = _template(measured.content or {})

    def fill(self, own: tuple[Any, ...], latest: int) -> Measurement | None:
        """The measurement that an event stands for with this of its own; None when it may not be one.

        `latest`: the latest moment that it may be of.
        """
        id_, revision, posted, start, end, evidence, note = own
        shape, like = self._shape, self._like
        free_text = {}
        try:
            id_ = _read_id(id_)
            if shape.has_revision:
                revision = _read_revision(revision)
            quantity = exact_base_units(posted, self._per_unit) if isinstance(posted, str) else None
            if quantity is None or self._is_whole:
                amount = _read_amount(posted)
                if self._is_whole and not amount.is_whole:
                    return None
                quantity = to_base_units(amount, self._per_unit)
            starts, ends = _read_moment(start), None
            if shape.has_period:
                ends = _read_moment(end)
            if shape.has_evidence:
                free_text["evidence"] = _read_evidence(evidence)
            if shape.has_note:
                free_text["note"] = _read_note(note)
        except Refusal:
            return None
        if ends is None:
            if starts > latest:
                return None
            values: tuple[object, ...] = quantity, starts
        else:
            if not starts < ends <= latest or ends - starts > LONGEST_PERIOD:
                return None
            values = starts, quantity, ends
        content = None
        if free_text:
            times = {"time": starts} if ends is None else {"from_": starts, "to": ends}
            content = {**(like.content or {}), **free_text, **times, "quantity": [quantity, like.unit]}
            filled = {"quantity": quantity, **times, **{name: to_json(free_text[name]) for name in free_text}}
            values = tuple([filled[name] for name in _PLACES if name in filled])
        return Measurement(  # by place: by name, making one would take three times as long
            like.team,
            like.kind,
            like.source,
            id_,
            revision,
            False,
            fingerprint_of(self._content % values),
            starts,
            ends,
            like.category,
            like.flow,
            like.site,
            like.method,
            like.detail,
            quantity,
            like.unit,
            None,
            None,
            like.meter,
            f'{{"quantity":"{posted}","unit":"{self._unit}"}}',
            free_text or None,
            content,
        )


def _template(content: Mapping[str, object]) -> bytes:
    """The text of a content that a fingerprint is over, to be filled in with `%`, in the order of fields."""
    fields = []
    for name in sorted(content):
        text = to_json(content[name]).replace(b"%", b"%%")
        if name in _PLACES:
            text = _PLACES[name] + (text[text.index(b",") :] if name == "quantity" else b"")
        fields.append(b'"%b":%b' % (name.encode(), text))
    return b"{" + b",".join(fields) + b"}"
