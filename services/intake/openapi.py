"""What OpenAPI says of posting: the real event schemas, with an example of each mode."""

from typing import Any

from fastapi import FastAPI

from schemas.events import EVENTS
from schemas.json_schema import event_schema
from schemas.odd_values import RULES
from services.intake.body import BATCHED, JSON, STRUCTURED
from services.intake.problem_details import MEDIA_TYPE

_REFERENCE = "#/components/schemas/{model}"

_EXAMPLE = {
    "specversion": "1.0",
    "id": "ticket-2026-0412-1",
    "source": "/collector/weighbridge",
    "type": "nl.groenmeter.waste.v1",
    "time": "2026-03-01T14:30:00+01:00",
    "data": {"stream": "residual", "quantity": "1250.5", "unit": "kg", "method": "weighed"},
}
_EVENT = {"oneOf": [{"$ref": _REFERENCE.format(model=model.__name__)} for model in EVENTS.values()]}
_BATCH = {"type": "array", "items": _EVENT, "maxItems": 10_000}
_BOTH = {
    "type": "object",
    "required": ["nl", "en"],
    "properties": {"nl": {"type": "string"}, "en": {"type": "string"}},
}
_FLAG = {
    "type": "object",
    "description": "It is counted, and odd: to be confirmed or corrected.",
    "required": ["field", "rule", "reason", "usual", "what_to_do"],
    "properties": {
        "field": {"type": "string"},
        "rule": {"enum": list(RULES)},
        "reason": _BOTH,
        "usual": {"type": ["string", "null"], "description": "the middle amount, in base units"},
        "what_to_do": _BOTH,
    },
}
_ENTRY = {
    "type": "object",
    "required": ["index", "id", "source", "outcome", "errors", "flags"],
    "properties": {
        "index": {"type": "integer"},
        "id": {"type": ["string", "null"]},
        "source": {"type": ["string", "null"]},
        "outcome": {"enum": ["accepted", "rejected"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "problem", "allowed", "hint"],
                "properties": {
                    "field": {"type": "string"},
                    "problem": {"type": "string"},
                    "allowed": {"type": ["string", "null"]},
                    "hint": {"type": ["string", "null"]},
                },
            },
        },
        "flags": {"type": "array", "items": _FLAG},
    },
}
_ANSWER = {
    "type": "object",
    "required": ["receipt", "accepted", "rejected", "events"],
    "properties": {
        "receipt": {"type": "string"},
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "events": {"type": "array", "items": _ENTRY},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def _problem(description: str, schema: dict[str, Any] = _PROBLEM) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No, an unknown, an expired or a revoked token"),
    403: _problem("The token is of a sort that may not do this"),
    429: _problem("Too many requests of this token at a time; see `Retry-After`"),
    503: _problem("Not now; see `Retry-After` and send the same again"),
}
POST_EVENTS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "In binary mode the attributes are `ce-` headers and the body is `data`.",
        "content": {
            JSON: {
                "schema": {"anyOf": [_EVENT, _BATCH]},
                "examples": {"one": {"value": _EXAMPLE}, "batch": {"value": [_EXAMPLE]}},
            },
            STRUCTURED: {"schema": _EVENT, "example": _EXAMPLE},
            BATCHED: {"schema": _BATCH, "example": [_EXAMPLE]},
        },
    },
    "responses": {
        "202": {
            "description": "At least one event is accepted and durable",
            "content": {JSON: {"schema": _ANSWER}},
        },
        "400": _problem("The body as a whole cannot be read"),
        "413": _problem("More than 10,000 events or 10,000,000 bytes"),
        "415": _problem("A media type, charset or Content-Encoding that is not read"),
        "422": _problem("No event is accepted; the members are those of 202", {"allOf": [_PROBLEM, _ANSWER]}),
    },
}

_REPLAYED = {
    "type": "object",
    "required": ["rejects"],
    "properties": {
        "rejects": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["reject", "outcome", "receipt", "errors"],
                "properties": {
                    "reject": {"type": "integer"},
                    "outcome": {
                        "enum": ["posted", "under-way", "closed", "refused"],
                        "description": "under-way: begun before and sent again; closed: counted before",
                    },
                    "receipt": {"type": ["string", "null"]},
                    "errors": _ENTRY["properties"]["errors"],  # type: ignore[index]
                },
            },
        }
    },
}
_WISH = {
    "oneOf": [
        {"type": "integer", "description": "as it came"},
        {
            "type": "object",
            "required": ["reject"],
            "properties": {
                "reject": {"type": "integer"},
                "event": {"description": "the event, or array of events, to post in its place"},
                "as_correction": {"type": "boolean", "description": "with the next revision of the ledger's"},
            },
        },
    ]
}
REPLAY_REJECTS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["rejects"],
                    "properties": {"rejects": {"type": "array", "items": _WISH, "maxItems": 1000}},
                },
                "example": {"rejects": [17, {"reject": 18, "as_correction": True}]},
            }
        },
    },
    "responses": {
        "202": {"description": "At least one is posted", "content": {JSON: {"schema": _REPLAYED}}},
        "400": _problem("The body as a whole cannot be read"),
        "413": _problem("More than 10,000,000 bytes"),
        "422": _problem("None can be posted again", {"allOf": [_PROBLEM, _REPLAYED]}),
    },
}


def install(app: FastAPI) -> None:
    """Add the schemas of the events to what the application says of itself."""
    describe = app.openapi

    def with_events() -> dict[str, Any]:
        document = describe()
        events = {model.__name__: event_schema(kind) for kind, model in EVENTS.items()}
        document.setdefault("components", {}).setdefault("schemas", {}).update(events)
        return document

    app.openapi = with_events  # type: ignore[method-assign]
