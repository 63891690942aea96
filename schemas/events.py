"""The five events as pydantic models, field by field; what fields mean together is in `measurement`.

The models are the only description of the fields: JSON Schema, OpenAPI and AsyncAPI are generated from them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.amounts import Amount
from schemas.catalogue import (
    CARRIERS,
    CONTAINERS,
    FOOD_STAGES,
    INDICATORS,
    MEDICATION_REASONS,
    STREAMS,
)
from schemas.privacy import refuse_email, refuse_person
from schemas.problems import Problem, Refusal, did_you_mean, excerpt
from schemas.rules import (
    AMOUNT,
    ATC,
    BOOLEAN,
    MOMENT,
    SLUG_TEXT,
    SOURCE,
    WHOLE_AMOUNT,
    Rule,
    one_of,
    text,
    whole,
)

METHODS = ("metered", "weighed", "counted", "invoiced", "estimated", "calculated")
FLOWS = ("use", "feed-in", "generation")
MOST_REVISIONS = 999_999
MOST_UNKNOWN_FIELDS = 20


class Data(BaseModel):
    """The fields that all five kinds have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    site: Annotated[str, SLUG_TEXT] | None = None
    """Where it was measured; the organisation's main site when absent."""
    from_: Annotated[int, MOMENT] | None = Field(default=None, alias="from")
    """The period measured is [from, to), at most 400 days; then `time` is ignored."""
    to: Annotated[int, MOMENT] | None = None
    """End of the period, not in it; at most one day after it was received."""
    method: Annotated[str, one_of(METHODS)] | None = None
    """How the amount was found; `unstated` when absent."""
    detail: Annotated[bool, BOOLEAN] | None = None
    """Whether this amount is also contained in another measurement; the team's setting when absent."""
    cost_eur: Annotated[Amount, AMOUNT] | None = None
    """Purchase value without VAT, in euros."""
    evidence: Annotated[str, text(200, refuse_email)] | None = None
    """Ticket, invoice, or file and row; about things, never about people."""
    note: Annotated[str, text(500, refuse_person)] | None = None
    """Free text about things, never about people."""


class EnergyData(Data):
    """Energy used, fed in or generated."""

    carrier: Annotated[str, one_of(CARRIERS)]
    """What carries the energy."""
    flow: Annotated[str, one_of(FLOWS)] | None = None
    """`use` when absent; other flows are never added to it."""
    quantity: Annotated[Amount, AMOUNT]
    """The amount, in `unit`."""
    unit: Annotated[str, text(20)]
    """The unit of `quantity`."""
    meter: Annotated[str, text(128)] | None = None
    """The meter that was read; needed with `m3`, whose correction is the meter's."""


class WasteData(Data):
    """Waste of one stream, weighed or counted in containers."""

    stream: Annotated[str, one_of(STREAMS)]
    """The waste stream."""
    quantity: Annotated[Amount, AMOUNT] | None = None
    """The amount, in `unit`."""
    unit: Annotated[str, text(20)] | None = None
    """The unit of `quantity`."""
    containers: Annotated[Amount, WHOLE_AMOUNT] | None = None
    """How many containers, instead of a weight; the method becomes `estimated`."""
    container: Annotated[str, one_of(CONTAINERS)] | None = None
    """The sort of container; its standard net weight is the stream's."""


class FoodWasteData(Data):
    """Food thrown away, by the stage where it was lost."""

    stage: Annotated[str, one_of(FOOD_STAGES)]
    """Where the food was lost."""
    item: Annotated[str, text(200, refuse_person)] | None = None
    """What was thrown away."""
    reason: Annotated[str, text(200, refuse_person)] | None = None
    """Why the food was lost, in free text."""
    quantity: Annotated[Amount, AMOUNT]
    """The amount, in `unit`."""
    unit: Annotated[str, text(20)]
    """The unit of `quantity`."""


class MedicationWasteData(Data):
    """Medication thrown away or returned, in pieces, mass or purchase value."""

    reason: Annotated[str, one_of(MEDICATION_REASONS)]
    """Why the medication was not used."""
    pieces: Annotated[Amount, WHOLE_AMOUNT] | None = None
    """Number of the smallest unit dispensed."""
    mass: Annotated[Amount, AMOUNT] | None = None
    """The mass, in `mass_unit`."""
    mass_unit: Annotated[str, text(20)] | None = None
    """The unit of `mass`."""
    atc: Annotated[str, ATC] | None = None
    """ATC code of any level."""
    product: Annotated[str, text(200, refuse_email)] | None = None
    """The product, as the pharmacy names it."""


class ActivityData(Data):
    """What the organisation did or used: the denominators, and gases, km and articles."""

    indicator: Annotated[str, one_of(INDICATORS)]
    """What was counted."""
    quantity: Annotated[Amount, AMOUNT]
    """The amount, in `unit`."""
    unit: Annotated[str, text(20)]
    """The unit of `quantity`."""


class Envelope(BaseModel):
    """The CloudEvents 1.0 attributes that are kept; others are accepted and not kept."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    specversion: Annotated[str, one_of(["1.0"])]
    """Version of CloudEvents."""
    id: Annotated[str, text(128)]
    """With team, kind and source the identity of the measurement, for ever."""
    source: Annotated[str, SOURCE]
    """What measured or sent it: a URI reference."""
    time: Annotated[int, MOMENT] | None = None
    """The moment measured. Needed unless `data` has a period; a retraction needs none."""
    team: Annotated[str, SLUG_TEXT] | None = None
    """The team that measured. May be left out with a team's own token; needed on a topic."""
    revision: Annotated[int, whole(1, MOST_REVISIONS)] = 1
    """The highest revision of a measurement counts."""
    retracted: Annotated[bool, BOOLEAN] = False
    """True: this measurement never was. Leave `data` out then."""


class EnergyEvent(Envelope):
    """A measurement of energy."""

    type: Literal["nl.groenmeter.energy.v1"]
    data: EnergyData | None = None


class WasteEvent(Envelope):
    """A measurement of waste."""

    type: Literal["nl.groenmeter.waste.v1"]
    data: WasteData | None = None


class FoodWasteEvent(Envelope):
    """A measurement of food waste."""

    type: Literal["nl.groenmeter.food-waste.v1"]
    data: FoodWasteData | None = None


class MedicationWasteEvent(Envelope):
    """A measurement of medication waste."""

    type: Literal["nl.groenmeter.medication-waste.v1"]
    data: MedicationWasteData | None = None


class ActivityEvent(Envelope):
    """A measurement of an activity."""

    type: Literal["nl.groenmeter.activity.v1"]
    data: ActivityData | None = None


EVENTS: Mapping[str, type[Envelope]] = {
    "energy": EnergyEvent,
    "waste": WasteEvent,
    "food-waste": FoodWasteEvent,
    "medication-waste": MedicationWasteEvent,
    "activity": ActivityEvent,
}
DATA: Mapping[str, type[Data]] = {
    "energy": EnergyData,
    "waste": WasteData,
    "food-waste": FoodWasteData,
    "medication-waste": MedicationWasteData,
    "activity": ActivityData,
}
KIND_OF_TYPE = {f"nl.groenmeter.{kind}.v1": kind for kind in EVENTS}
RESERVED_TYPE = "nl.groenmeter.meter-reading.v1"

_VALIDATE = {kind: model.__pydantic_validator__.validate_python for kind, model in EVENTS.items()}

Values = Mapping[str, Any]


def read_event(raw: object) -> tuple[str | None, Values, Values, list[Problem]]:
    """The kind, attributes and data of a posted JSON value, and every problem of a single field.

    Values are as the rules read them: amounts as `Amount`, moments in microseconds since 1970; an absent
    optional field is None. With problems, the values hold what could be read. The data of a retraction is
    not read: it says that the measurement never was.
    """
    if not isinstance(raw, dict):
        return None, {}, {}, [Problem("", f"{excerpt(raw)} is not an event", "a JSON object")]
    kind = KIND_OF_TYPE.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind and raw.get("retracted") is not True and "data_base64" not in raw:
        try:
            event = _VALIDATE[kind](raw)
        except ValidationError:
            return kind, *_read_one_by_one(kind, raw)
        if event.data is not None:
            return kind, vars(event), vars(event.data), []
    return kind, *_read_one_by_one(kind, raw)


def _read_one_by_one(kind: str | None, raw: Mapping[str, Any]) -> tuple[Values, Values, list[Problem]]:
    attributes, problems = _read_fields(Envelope, raw, "")
    if kind is None:
        problems.append(_type_problem(raw.get("type")))
    if "data_base64" in raw:
        problems.append(Problem("data_base64", "is not accepted", "`data`, a JSON object"))
    if attributes.get("retracted"):
        return attributes, {}, problems
    data = raw.get("data")
    if data is None:
        problems.append(Problem("data", "is missing", "an object with the fields of the kind"))
        return attributes, {}, problems
    if not isinstance(data, dict):
        problems.append(Problem("data", f"{excerpt(data)} is not an object", "a JSON object"))
        return attributes, {}, problems
    if kind is None:
        return attributes, {}, problems
    values, data_problems = _read_fields(DATA[kind], data, "data.")
    known = {field.alias or name for name, field in DATA[kind].model_fields.items()}
    unknown_names = [name for name in data if name not in known]
    data_problems += [_unknown_field(name, known) for name in unknown_names[:MOST_UNKNOWN_FIELDS]]
    if len(unknown_names) > MOST_UNKNOWN_FIELDS:
        more = len(unknown_names) - MOST_UNKNOWN_FIELDS
        data_problems.append(Problem("data", f"has {more} more fields that are not of this kind"))
    return attributes, values, problems + data_problems


def _read_fields(
    model: type[BaseModel], raw: Mapping[str, Any], prefix: str
) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    for name, field in model.model_fields.items():
        alias = field.alias or name
        value = raw.get(alias)
        values[name] = None if field.is_required() else field.default
        if value is None:
            if field.is_required():
                allowed = RULES[model, name].schema.get("enum")
                problems.append(Problem(prefix + alias, "is missing", allowed and ", ".join(allowed)))
            continue
        try:
            values[name] = RULES[model, name].read(value)
        except Refusal as refusal:
            problems.append(refusal.at(prefix + alias))
    return values, problems


def _rule(annotation: Any, metadata: list[Any]) -> Rule:
    """The rule of a field: pydantic keeps it beside the annotation, or within `... | None`."""
    candidates = [*metadata]
    for part in getattr(annotation, "__args__", ()):
        candidates += getattr(part, "__metadata__", ())
    return next(candidate for candidate in candidates if isinstance(candidate, Rule))


_MODELS: tuple[type[BaseModel], ...] = (Envelope, *DATA.values())
RULES = {
    (model, name): _rule(field.annotation, field.metadata)
    for model in _MODELS
    for name, field in model.model_fields.items()
}


def _type_problem(value: object) -> Problem:
    if value is None:
        return Problem("type", "is missing", ", ".join(KIND_OF_TYPE))
    hint = None
    if value == RESERVED_TYPE:
        hint = "counters are reserved for later: post what was used between two readings as energy"
    elif isinstance(value, str):
        hint = did_you_mean(value, KIND_OF_TYPE)
    return Problem("type", f"{excerpt(value, 80)} is not known", ", ".join(KIND_OF_TYPE), hint)


def _unknown_field(name: str, known: set[str]) -> Problem:
    name = name[:80].replace("\0", "\N{REPLACEMENT CHARACTER}")
    allowed = sorted(known)
    return Problem(
        f"data.{name}", "is not a field of this kind", ", ".join(allowed), did_you_mean(name, allowed)
    )
