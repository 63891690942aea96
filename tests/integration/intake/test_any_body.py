"""Whatever is posted, the answer is one of the contract's, and it accounts for every event."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.door_client import JSON, Client
from tests.integration.intake.test_answers import BINARY, EVENT

# Hypothesis watches the `random` module; the door in the same process uses it for its own ends.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

ATTRIBUTES = ("specversion", "id", "source", "type", "time", "team", "revision", "retracted", "data", "x")
FIELDS = ("from", "to", "stream", "quantity", "unit", "note", "site", "containers", "container", "cost_eur")
NAMES = st.sampled_from(ATTRIBUTES + FIELDS)
MOMENTS = ("2026-03-29T02:30:00+01:00", "9999-12-31T23:59:59Z", "2000-01-01T00:00:00+14:00")
TYPES = ("nl.groenmeter.waste.v1", "nl.groenmeter.medication-waste.v1", "nl.groenmeter.energy.v1")
VALID = ("1.0", "kg", "residual", "keuken", "main", "wheelie-240l")
WORDS = st.sampled_from((*MOMENTS, *TYPES, *VALID, "lab", "\0", "\ud83c\udf72"))
NUMBERS = st.integers() | st.floats() | st.integers(-1, 3)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=8,
)
CHANGES = st.dictionaries(NAMES | st.text(), VALUES, max_size=3)
DATA = st.just(EVENT["data"]) | CHANGES.map(lambda changes: EVENT["data"] | changes) | VALUES
EVENTS = VALUES | st.builds(lambda changes, data: EVENT | {"data": data} | changes, CHANGES, DATA)


def check(status: int, answer: dict[str, Any], posted: int) -> None:
    assert status in {202, 400, 422}
    if status == 400:
        assert answer["detail"].startswith("the body cannot be read")
        return
    events = answer["events"]
    accepted = [event for event in events if event["outcome"] == "accepted"]
    assert [event["index"] for event in events] == list(range(posted))
    assert answer["accepted"] == len(accepted)
    assert answer["rejected"] == posted - len(accepted)
    assert (status == 202) == bool(accepted)
    assert all(bool(event["errors"]) == (event["outcome"] == "rejected") for event in events)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=4))
def test_any_json_values(keuken: Client, events: list[Any]) -> None:
    answer = keuken.post(json.dumps(events).encode())

    check(answer.status, answer.json, len(events))


@settings(max_examples=200)
@given(st.binary() | st.text().map(str.encode) | st.text('[]{}",:0e-.\\u\n').map(str.encode))
def test_any_bytes(keuken: Client, body: bytes) -> None:
    answer = keuken.post(body)

    check(answer.status, answer.json, len(answer.json.get("events", [])))


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(ATTRIBUTES[1:]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
    ),
    st.sampled_from([b"", b"{}", b"[]", b"null", b"{"])
    | EVENTS.map(lambda event: json.dumps(event).encode()),
)
def test_any_headers(keuken: Client, attributes: dict[str, str], body: bytes) -> None:
    headers = BINARY | JSON | {f"ce-{name}": value for name, value in attributes.items()}
    answer = keuken.post(body, headers)

    check(answer.status, answer.json, 1)
