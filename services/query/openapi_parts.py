"""What the schemas of the reading calls are made of."""

from collections.abc import Iterable
from typing import Any

TEXT = {"type": "string"}
OPTIONAL = {"type": ["string", "null"]}
MOMENT = {"type": "string", "format": "date-time"}
OPTIONAL_MOMENT = {"type": ["string", "null"], "format": "date-time"}
COUNT = {"type": "integer"}
OPTIONAL_COUNT = {"type": ["integer", "null"]}
BASE_UNITS = {"type": "string", "pattern": "^[0-9]+$", "description": "whole base units, exact"}
KILOGRAMS = {
    "type": ["string", "null"],
    "description": "kg CO2e to the gram; null without a factor for all of it",
}


def object_of(properties: dict[str, Any], optional: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of an object with these properties, all of them required but the optional ones."""
    left_out = set(optional)
    required = [name for name in properties if name not in left_out]
    return {"type": "object", "required": required, "properties": properties}


def list_of(items: dict[str, Any]) -> dict[str, Any]:
    """The schema of an array."""
    return {"type": "array", "items": items}


def said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """The same schema with words."""
    return {**schema, "description": description}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, or null."""
    return {**schema, "type": [schema["type"], "null"]}


BOTH = object_of({"nl": TEXT, "en": TEXT})
DATE = {"type": "string", "format": "date"}
DECIMAL = {**OPTIONAL, "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
CO2E_DIFFERENCE = dict.fromkeys(
    ("activity", "factors"),
    said(
        OPTIONAL,
        "kg CO2e to the gram, below 0 too, that other amounts or other factors make; null if unknown",
    ),
)
