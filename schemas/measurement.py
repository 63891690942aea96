"""From a posted event to a measurement in whole base units, or to everything that is wrong with it.

Everything here is a pure function of the event, the organisation's configuration and the moment of
receipt, so that door and processors decide alike and reading a topic again decides as before.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from schemas.amounts import ONE, Amount, to_base_units
from schemas.calendar import DAY, Calendar
from schemas.catalogue import CARRIERS, INDICATORS, STREAMS, UNITS, unit_hint
from schemas.events import Values, read_event
from schemas.organisation import Organisation, unknown
from schemas.problems import Problem, Refusal, excerpt

LONGEST_PERIOD = 400 * DAY
FURTHEST_AHEAD = DAY
CATEGORY_FIELD = {
    "energy": "carrier",
    "waste": "stream",
    "food-waste": "stage",
    "medication-waste": "reason",
    "activity": "indicator",
}
FREE_TEXT = ("note", "evidence", "item", "product")
MASS_UNITS = ("g", "kg", "t")
MEDICATION_MASS_UNITS = ("mg", "g", "kg")
AS_READ_UNIT = "m3"
CENT = "cent"
PIECE = "piece"


@dataclass(frozen=True, slots=True)
class Context:
    """By what an event is judged.

    `received`: the moment of receipt, microseconds since 1970. `speaks_for`: the teams that the poster may
    name, None for all. `default_team`: the team of an event that names none, None where it must.
    """

    organisation: Organisation
    calendar: Calendar
    received: int
    speaks_for: frozenset[str] | None = None
    default_team: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One accepted revision of one measurement, in whole base units.

    `start`, `end`: the period [start, end) in microseconds since 1970; a moment has no `end`, a retraction
    neither. `quantity` is in `unit` (J, ml_n, ml, mg, or the indicator's base unit), `pieces` in smallest
    units dispensed, `cost` in cents. `posted`: amounts and other fields as posted, as JSON text.
    """

    team: str
    kind: str
    source: str
    id: str
    revision: int
    retracted: bool
    fingerprint: bytes
    start: int | None = None
    end: int | None = None
    category: str | None = None
    flow: str | None = None
    site: str | None = None
    method: str | None = None
    detail: bool = False
    quantity: int | None = None
    unit: str | None = None
    pieces: int | None = None
    cost: int | None = None
    meter: str | None = None
    posted: str | None = None
    free_text: Mapping[str, str] | None = None

    def amounts(self) -> list[tuple[str, int]]:
        """Its amounts, each with its base unit: one row of totals for each."""
        amounts = []
        if self.quantity is not None and self.unit is not None:
            amounts.append((self.unit, self.quantity))
        if self.pieces is not None:
            amounts.append((PIECE, self.pieces))
        if self.cost is not None:
            amounts.append((CENT, self.cost))
        return amounts


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that does not count, who it said it was as far as it could be read, and why."""

    problems: tuple[Problem, ...]
    kind: str | None = None
    team: str | None = None
    source: str | None = None
    id: str | None = None


def measure(raw: object, context: Context) -> Measurement | Refused:
    """The measurement that a posted JSON value stands for, or every problem of it at once."""
    kind, attributes, data, problems = read_event(raw)
    team = attributes.get("team") or context.default_team
    bad = frozenset(problem.field for problem in problems)
    problems += _team_problems(team, bad, context)
    if not attributes.get("retracted"):
        if data.get("from_") is not None and data.get("to") is not None:
            problems = [problem for problem in problems if problem.field != "time"]
        problems += _site_problems(data, context.organisation)
        problems += _period_problems(kind, attributes, data, bad, context)
    amounts = _Amounts()
    if kind and not attributes.get("retracted"):
        amounts = _AMOUNTS[kind](data, bad, context.organisation)
        problems += amounts.problems
    if problems or kind is None or team is None:
        return Refused(tuple(problems), kind, team, attributes.get("source"), attributes.get("id"))
    if attributes["retracted"]:
        return Measurement(
            team=team,
            kind=kind,
            source=attributes["source"],
            id=attributes["id"],
            revision=attributes["revision"],
            retracted=True,
            fingerprint=fingerprint({"retracted": True}),
        )
    return _measurement(kind, team, attributes, data, amounts, context)


def fingerprint(content: Mapping[str, object]) -> bytes:
    """The content fingerprint: 16 bytes of BLAKE2b over what was posted, however it was spelt.

    Content is every field that was posted, by name: amounts in base units (containers as number and name,
    `m3` as read before correction), moments in UTC microseconds (a medication's moment as its local day),
    texts as they are; an absent field is absent. Of a retraction only `retracted` is content. The order of
    fields, the spelling of numbers and units, and other CloudEvents attributes are not.
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).digest()


class _Amounts:
    """What the amount fields of one event come to."""

    __slots__ = ("content", "cost", "method", "pieces", "problems", "quantity", "unit")

    def __init__(self) -> None:
        self.quantity: int | None = None
        self.unit: str | None = None
        self.pieces: int | None = None
        self.cost: int | None = None
        self.method: str | None = None
        self.content: dict[str, object] = {}
        self.problems: list[Problem] = []

    def convert(
        self, field: str, amount: Amount | None, per_unit: int, correction: Amount = ONE
    ) -> int | None:
        """The amount in base units; too large is a problem of the field."""
        if amount is None:
            return None
        try:
            return to_base_units(amount, per_unit, correction)
        except Refusal as refusal:
            self.problems.append(refusal.at(f"data.{field}"))
            return None

    def read_cost(self, data: Values) -> None:
        """The purchase value that every kind may have beside its own amount."""
        self.cost = self.convert("cost_eur", data.get("cost_eur"), UNITS["EUR"].per_unit)
        if self.cost is not None:
            self.content["cost_eur"] = self.cost

    def read_quantity(self, data: Values, allowed: tuple[str, ...], hint: str | None = None) -> None:
        """The quantity in one of the allowed units."""
        posted_unit = data.get("unit")
        if posted_unit is None:
            return
        if posted_unit not in allowed:
            self.problems.append(_unit_problem("unit", posted_unit, allowed, hint))
            return
        unit = UNITS[posted_unit]
        self.quantity = self.convert("quantity", data.get("quantity"), unit.per_unit)
        self.unit = unit.base_unit
        self.content["quantity"] = [self.quantity, self.unit]


def _energy_amounts(data: Values, bad: frozenset[str], organisation: Organisation) -> _Amounts:
    amounts = _Amounts()
    amounts.read_cost(data)
    carrier = CARRIERS.get(data.get("carrier") or "")
    if carrier is None:
        return amounts
    meter = organisation.meters.get(data.get("meter") or "")
    if data.get("unit") == AS_READ_UNIT and AS_READ_UNIT in carrier.units:
        if meter is None or meter.carrier != carrier.slug:
            amounts.problems.append(
                _unit_problem("unit", AS_READ_UNIT, _without_as_read(carrier.units), _M3_HINT)
            )
            return amounts
        as_read = amounts.convert("quantity", data.get("quantity"), UNITS[AS_READ_UNIT].per_unit)
        if as_read is not None:
            per_unit = UNITS["Nm3"].per_unit
            amounts.quantity = amounts.convert("quantity", data.get("quantity"), per_unit, meter.correction)
        amounts.unit = carrier.base_unit
        amounts.content["quantity"] = [as_read, "ml"]
        return amounts
    amounts.read_quantity(data, _without_as_read(carrier.units))
    return amounts


_M3_HINT = (
    "m3 as read need the meter's correction: name the `meter`, and let its correction be in the organisation's "
    "file; an invoice is usually in Nm3 already"
)


def _without_as_read(units: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for unit in units if unit != AS_READ_UNIT)


def _waste_amounts(data: Values, bad: frozenset[str], organisation: Organisation) -> _Amounts:
    amounts = _Amounts()
    amounts.read_cost(data)
    weighed = [field for field in ("quantity", "unit") if _posted(data, field, bad)]
    counted = [field for field in ("containers", "container") if _posted(data, field, bad)]
    if weighed and counted:
        amounts.problems.append(
            Problem(
                "data", f"has both {weighed[0]} and {counted[0]}", "either a weight or a number of containers"
            )
        )
    elif not weighed and not counted:
        amounts.problems.append(
            Problem("data.quantity", "is missing", "quantity with unit, or containers with container")
        )
    elif weighed:
        amounts.problems += _missing(data, bad, ("quantity", "unit"))
        amounts.read_quantity(data, MASS_UNITS)
    else:
        amounts.problems += _missing(data, bad, ("containers", "container"))
        _count_containers(amounts, data)
    return amounts


def _count_containers(amounts: _Amounts, data: Values) -> None:
    stream = STREAMS.get(data.get("stream") or "")
    container, number = data.get("container"), data.get("containers")
    if stream is None or container is None or number is None:
        return
    if container not in stream.containers:
        amounts.problems.append(
            Problem(
                "data.container",
                f"{container} has no standard weight for {stream.slug}",
                ", ".join(stream.containers) or f"none: post {stream.slug} by weight",
            )
        )
        return
    amounts.quantity = amounts.convert("containers", number, stream.containers[container])
    amounts.unit = "mg"
    amounts.method = "estimated"
    amounts.content["containers"] = [amounts.convert("containers", number, 1), container]


def _food_waste_amounts(data: Values, bad: frozenset[str], organisation: Organisation) -> _Amounts:
    amounts = _Amounts()
    amounts.read_cost(data)
    amounts.read_quantity(data, MASS_UNITS)
    return amounts


def _medication_waste_amounts(data: Values, bad: frozenset[str], organisation: Organisation) -> _Amounts:
    amounts = _Amounts()
    amounts.read_cost(data)
    amounts.pieces = amounts.convert("pieces", data.get("pieces"), 1)
    if amounts.pieces is not None:
        amounts.content["pieces"] = amounts.pieces
    if _posted(data, "mass", bad) or _posted(data, "mass_unit", bad):
        amounts.problems += _missing(data, bad, ("mass", "mass_unit"))
        mass_unit = data.get("mass_unit")
        if mass_unit is not None and mass_unit not in MEDICATION_MASS_UNITS:
            amounts.problems.append(_unit_problem("mass_unit", mass_unit, MEDICATION_MASS_UNITS))
        elif mass_unit is not None:
            amounts.quantity = amounts.convert("mass", data.get("mass"), UNITS[mass_unit].per_unit)
            amounts.unit = "mg"
            amounts.content["mass"] = amounts.quantity
    elif not _posted(data, "pieces", bad) and not _posted(data, "cost_eur", bad):
        amounts.problems.append(Problem("data", "has no amount", "at least one of pieces, mass, cost_eur"))
    return amounts


def _activity_amounts(data: Values, bad: frozenset[str], organisation: Organisation) -> _Amounts:
    amounts = _Amounts()
    amounts.read_cost(data)
    indicator = INDICATORS.get(data.get("indicator") or "")
    if indicator is None:
        return amounts
    quantity: Amount | None = data.get("quantity")
    if indicator.whole and quantity is not None and not quantity.is_whole:
        amounts.problems.append(
            Problem("data.quantity", "is not whole", f"a whole number of {indicator.slug}")
        )
    amounts.read_quantity(data, (indicator.unit,))
    return amounts


_AMOUNTS = {
    "energy": _energy_amounts,
    "waste": _waste_amounts,
    "food-waste": _food_waste_amounts,
    "medication-waste": _medication_waste_amounts,
    "activity": _activity_amounts,
}


def _posted(data: Values, field: str, bad: frozenset[str]) -> bool:
    """Whether a field was posted, be it in a way that could not be read."""
    return data.get(field) is not None or f"data.{field}" in bad


def _missing(data: Values, bad: frozenset[str], fields: tuple[str, ...]) -> Iterator[Problem]:
    for field in fields:
        if not _posted(data, field, bad):
            yield Problem(f"data.{field}", "is missing", f"{' and '.join(fields)} go together")


def _unit_problem(field: str, unit: str, allowed: tuple[str, ...], hint: str | None = None) -> Problem:
    return Problem(
        f"data.{field}",
        f"{excerpt(unit)} is not a unit here",
        ", ".join(allowed),
        hint or unit_hint(unit, allowed),
    )


def _team_problems(team: str | None, bad: frozenset[str], context: Context) -> list[Problem]:
    if "team" in bad:
        return []
    if team is None:
        hint = "a team's own token may leave it out" if context.speaks_for is None else None
        return [Problem("team", "is missing", "the slug of the team that measured", hint)]
    if context.speaks_for is not None and team not in context.speaks_for:
        allowed = ", ".join(sorted(context.speaks_for)) or "none"
        return [Problem("team", f"the poster may not speak for {team!r}", allowed)]
    if team not in context.organisation.teams:
        return [unknown("team", team, context.organisation.teams)]
    return []


def _site_problems(data: Values, organisation: Organisation) -> list[Problem]:
    site = data.get("site")
    if site is None or site in organisation.sites:
        return []
    return [unknown("data.site", site, organisation.sites)]


def _period_problems(
    kind: str | None, attributes: Values, data: Values, bad: frozenset[str], context: Context
) -> Iterator[Problem]:
    latest = context.received + FURTHEST_AHEAD
    start, end = data.get("from_"), data.get("to")
    from_posted, to_posted = _posted(data, "from_", bad) or "data.from" in bad, _posted(data, "to", bad)
    if from_posted != to_posted:
        missing = "to" if from_posted else "from"
        yield Problem(f"data.{missing}", "is missing", "from and to go together")
    elif not from_posted:
        moment = attributes.get("time")
        if moment is None and "time" not in bad and kind is not None:
            yield Problem("time", "is missing", "the moment measured, or data with from and to")
        elif moment is not None and moment > latest:
            yield Problem("time", "is in the future", "at most one day after it was received")
    if end is not None and end > latest:
        yield Problem("data.to", "is in the future", "at most one day after it was received")
    if start is None or end is None:
        return
    if end <= start:
        yield Problem("data.to", "is not after from", "a moment after from: the period is [from, to)")
    elif end - start > LONGEST_PERIOD:
        yield Problem(
            "data.to", "makes the period too long", "at most 400 days", "post it as several periods"
        )
    elif kind == "medication-waste":
        for field, instant in (("from", start), ("to", end)):
            if instant <= latest and context.calendar.starts[context.calendar.index(instant)] != instant:
                zone = context.organisation.time_zone
                yield Problem(
                    f"data.{field}", "is not at midnight", f"midnight in {zone}: it is kept to the day"
                )


def _measurement(
    kind: str, team: str, attributes: Values, data: Values, amounts: _Amounts, context: Context
) -> Measurement:
    start, end = data["from_"], data["to"]
    if start is None:
        start = attributes["time"]
        if kind == "medication-waste":
            start = context.calendar.starts[context.calendar.index(start)]
    category_field = CATEGORY_FIELD[kind]
    free_text = {field: data[field] for field in FREE_TEXT if data.get(field) is not None}
    if kind == "food-waste" and data["reason"] is not None:
        free_text["reason"] = data["reason"]
    content: dict[str, Any] = {
        field: value for field, value in data.items() if value is not None and field not in _AMOUNT_FIELDS
    }
    content |= amounts.content
    if end is None:
        content["time"] = start
    content["retracted"] = False
    detail = data["detail"]
    return Measurement(
        team=team,
        kind=kind,
        source=attributes["source"],
        id=attributes["id"],
        revision=attributes["revision"],
        retracted=False,
        fingerprint=fingerprint(content),
        start=start,
        end=end,
        category=data[category_field],
        flow=(data["flow"] or "use") if kind == "energy" else None,
        site=data["site"] or context.organisation.main_site,
        method=amounts.method or data["method"] or "unstated",
        detail=context.organisation.teams[team].detail if detail is None else detail,
        quantity=amounts.quantity,
        unit=amounts.unit if amounts.quantity is not None else None,
        pieces=amounts.pieces,
        cost=amounts.cost,
        meter=data.get("meter"),
        posted=_as_posted(data),
        free_text=free_text or None,
    )


_AMOUNT_FIELDS = frozenset(
    {"quantity", "unit", "containers", "container", "pieces", "mass", "mass_unit", "cost_eur"}
)


def _as_posted(data: Values) -> str:
    fields = {
        field: str(value)
        for field, value in data.items()
        if value is not None and (field in _AMOUNT_FIELDS or field == "atc")
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
