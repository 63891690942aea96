"""AsyncAPI 3.0 of the topics: what is on them, and what an integrator may write."""

from typing import Any

from schemas.catalogue import KINDS
from schemas.json_schema import Schema, event_schema
from schemas.topics import LARGEST_RECORD, SCHEMA, Topic

_HEADERS = {
    "received": "The moment of receipt, RFC 3339: by it the event is judged, however late it is read.",
    "record-id": "For ever the same, however often the record is sent.",
    "token-id": "The number of the token that posted; never the token.",
    "request-id": "The receipt of the request that the record belongs to.",
    "configuration": "The version of the organisation's configuration by which the door judged.",
    "schema": f"Version of this description, {SCHEMA} now. Who meets a higher one stops and says so.",
}
_ANY_INTEGRATOR = "{integrator}"


def asyncapi() -> dict[str, Any]:
    """The document, complete in itself."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Groenmeter topics",
            "version": f"{SCHEMA}.0.0",
            "description": (
                "Measurements on their way from the door, or from a machine integrator, into the ledger. "
                "Acknowledged by a replicated broker, a record is counted or in the rejects, whatever dies."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: channel for kind in KINDS for name, channel in _channels(kind).items()},
        "operations": {name: operation for kind in KINDS for name, operation in _operations(kind).items()},
        "components": {
            "messages": {name: message for kind in KINDS for name, message in _messages(kind).items()},
            "schemas": {
                **{kind: event_schema(kind) for kind in KINDS},
                "headers": {
                    "type": "object",
                    "required": list(_HEADERS),
                    "properties": {
                        name: {"type": "string", "description": description}
                        for name, description in _HEADERS.items()
                    },
                },
            },
        },
    }


def _channels(kind: str) -> dict[str, Any]:
    return {
        kind: {
            "address": Topic(kind).name,
            "description": "Only the door writes here. A record without its headers is a reject.",
            "messages": {f"{kind}-records": {"$ref": f"#/components/messages/{kind}-records"}},
        },
        f"{kind}-integrator": {
            "address": Topic(kind, _ANY_INTEGRATOR).name,
            "description": (
                "An integrator's own topic, made by `groenmeter integrator add`; it speaks for the teams "
                "that were named then. The moment of receipt is the record's timestamp; headers of the "
                "door mean nothing here. An event of another kind, or for another team, is a reject."
            ),
            "parameters": {"integrator": {"description": "The slug of the integrator."}},
            "messages": {f"{kind}-events": {"$ref": f"#/components/messages/{kind}-events"}},
        },
    }


def _operations(kind: str) -> dict[str, Any]:
    def operation(action: str, channel: str, summary: str) -> dict[str, Any]:
        return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}

    return {
        f"send-{kind}": operation("send", kind, "The door appends what was posted over HTTP."),
        f"receive-{kind}": operation("receive", kind, "The processors count what the door wrote."),
        f"receive-{kind}-integrator": operation(
            "receive", f"{kind}-integrator", "The processors judge and count what an integrator wrote."
        ),
    }


def _messages(kind: str) -> dict[str, Any]:
    event: Schema = {"$ref": f"#/components/schemas/{kind}"}
    of_a_team: Schema = {"allOf": [event, {"required": ["team"]}]}
    size = f"less than {LARGEST_RECORD:,} bytes"
    return {
        f"{kind}-records": {
            "title": f"One team's {kind} events, judged by the door",
            "summary": f"A JSON array, {size}.",
            "headers": {"$ref": "#/components/schemas/headers"},
            "payload": {"type": "array", "items": of_a_team, "minItems": 1},
            "bindings": _key("The team and the first event's source: `team/source`."),
        },
        f"{kind}-events": {
            "title": f"One or more {kind} events of an integrator",
            "summary": f"A CloudEvent or a JSON array of them, {size}; or binary mode (`ce_` headers).",
            "payload": {"anyOf": [of_a_team, {"type": "array", "items": of_a_team}]},
            "bindings": _key("The team, optionally `team/anything`; nothing relies on it."),
        },
    }


def _key(description: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": description}, "bindingVersion": "0.5.0"}}
