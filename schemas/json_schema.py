"""JSON Schema of each event, made from the models and the catalogues.

It says everything that JSON Schema can say of a single event; what only the door knows (teams, sites, meters,
the future, repeats) it cannot. It needs nothing beyond draft-07, so that older validators and AsyncAPI tools
understand it too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from schemas.catalogue import CARRIERS, INDICATORS, STREAMS
from schemas.events import DATA, EVENTS, RULES, Envelope
from schemas.quantities import AS_READ_UNIT, MASS_UNITS, MEDICATION_MASS_UNITS
from schemas.rules import WHOLE_AMOUNT

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def event_schema(kind: str) -> Schema:
    """The schema of a CloudEvent of a kind, complete in itself."""
    model = EVENTS[kind]
    named = kind.replace("-", " ")
    properties = _properties(Envelope) | {
        "type": {"const": f"nl.groenmeter.{kind}.v1"},
        "data": _data_schema(kind),
        "data_base64": False,
    }
    return {
        "title": f"{named.capitalize()} event",
        "description": f"{model.__doc__} A CloudEvent 1.0; other attributes are accepted and not kept.",
        "type": "object",
        "required": ["specversion", "type", "source", "id"],
        "properties": properties,
        "if": {"required": ["retracted"], "properties": {"retracted": {"const": True}}},
        "else": {
            "required": ["data"],
            "if": {"properties": {"data": {"required": ["from"]}}},
            "else": {"required": ["time"]},
        },
    }


def _data_schema(kind: str) -> Schema:
    model = DATA[kind]
    return {
        "title": f"Data of a {kind.replace('-', ' ')} event",
        "description": model.__doc__,
        "type": "object",
        "required": _required(model),
        "properties": _properties(model),
        "additionalProperties": False,
        "allOf": [*_together("from", "to"), *_CONDITIONS[kind]()],
    }


def _properties(model: type[BaseModel]) -> Schema:
    properties = {}
    for name, field in model.model_fields.items():
        if (rule := RULES.get((model, name))) is not None:
            allowed = rule.schema.get("description")
            description = f"{field.description} Allowed: {allowed}." if allowed else field.description
            properties[field.alias or name] = {**rule.schema, "description": description}
    return properties


def _required(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if field.is_required()]


def _together(*fields: str) -> Iterator[Schema]:
    """All of the fields or none."""
    for field in fields:
        yield {"if": {"required": [field]}, "then": {"required": [name for name in fields if name != field]}}


def _allowed(field: str, allowed: Mapping[str, tuple[str, ...]], by: str) -> Iterator[Schema]:
    """What `field` may be, which depends on what `by` is."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for value, names in allowed.items():
        groups.setdefault(tuple(sorted(names)), []).append(value)
    for names, values in groups.items():
        yield {
            "if": {"required": [by], "properties": {by: {"enum": values}}},
            "then": {"properties": {field: {"enum": list(names)} if names else False}},
        }


def _one_of(field: str, names: tuple[str, ...]) -> Schema:
    return {"properties": {field: {"enum": list(names)}}}


def _energy() -> Iterator[Schema]:
    yield from _allowed("unit", {slug: carrier.units for slug, carrier in CARRIERS.items()}, by="carrier")
    yield {
        "if": {"required": ["unit"], "properties": {"unit": {"const": AS_READ_UNIT}}},
        "then": {"required": ["meter"]},
    }


def _waste() -> Iterator[Schema]:
    yield {"oneOf": [{"required": ["quantity"]}, {"required": ["containers"]}]}
    yield from _together("quantity", "unit")
    yield from _together("containers", "container")
    yield _one_of("unit", MASS_UNITS)
    containers = {slug: tuple(stream.containers) for slug, stream in STREAMS.items()}
    yield from _allowed("container", containers, by="stream")


def _food_waste() -> Iterator[Schema]:
    yield _one_of("unit", MASS_UNITS)


def _medication_waste() -> Iterator[Schema]:
    yield {"anyOf": [{"required": ["pieces"]}, {"required": ["mass"]}, {"required": ["cost_eur"]}]}
    yield from _together("mass", "mass_unit")
    yield _one_of("mass_unit", MEDICATION_MASS_UNITS)


def _activity() -> Iterator[Schema]:
    units = {slug: (indicator.unit,) for slug, indicator in INDICATORS.items()}
    yield from _allowed("unit", units, by="indicator")
    counted = [slug for slug, indicator in INDICATORS.items() if indicator.whole]
    yield {
        "if": {"required": ["indicator"], "properties": {"indicator": {"enum": counted}}},
        "then": {"properties": {"quantity": dict(WHOLE_AMOUNT.schema)}},
    }


_CONDITIONS = {
    "energy": _energy,
    "waste": _waste,
    "food-waste": _food_waste,
    "medication-waste": _medication_waste,
    "activity": _activity,
}
