"""What becomes of one record of a topic."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import Calendar
from schemas.measurement import fingerprint
from schemas.moments import read_moment
from schemas.organisation import Organisation
from schemas.topics import ERASED, REPLAY, SCHEMA, DoorHeaders
from services.processing.batches import spans
from services.processing.records import LATEST_TIMESTAMP, Judge, Record
from services.store.configuration import Configuration, Version
from services.store.ledger import Accepted, Reject, Span

CALENDAR = Calendar.of_zone("Europe/Amsterdam")
NOW = read_moment("2026-06-01T12:00:00Z")
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/scale",
    "type": "nl.groenmeter.waste.v1",
    "time": "2026-05-01T10:00:00Z",
    "team": "a4",
    "data": {"stream": "residual", "quantity": "12.5", "unit": "kg"},
}
BEFORE = Organisation().with_changes({"teams": {"a4": {}, "b5": {}}})
CONFIGURATION = Configuration(
    (
        Version(1, NOW - 100, BEFORE),
        Version(
            2, NOW, BEFORE.with_changes({"integrators": {"scale": {"teams": ["a4"]}}, "teams": {"c6": {}}})
        ),
    ),
    CALENDAR,
)
DOOR = DoorHeaders(NOW, "receipt/1", 7, "receipt", 2)


def record(value: object, topic: str = "measurements.waste", **changes: Any) -> Record:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = {} if topic.count(".") > 1 else dict(DOOR.encode())
    return Record("log", topic, 0, 5, NOW, body, changes.get("headers", headers))


def judged(value: object, topic: str = "measurements.waste", **changes: Any) -> list[Accepted | Reject]:
    return list(Judge(CONFIGURATION).judge(record(value, topic, **changes)))


def only_problem(value: object, topic: str = "measurements.waste", **changes: Any) -> str:
    (reject,) = judged(value, topic, **changes)
    assert isinstance(reject, Reject)
    (problem,) = reject.problems
    return f"{problem.field}: {problem.problem}"


def test_a_record_of_the_door_may_hold_one_event_or_an_array() -> None:
    assert [type(item) for item in judged(EVENT)] == [Accepted]
    assert [type(item) for item in judged([EVENT, EVENT])] == [Accepted, Accepted]
    assert judged([]) == []


def test_a_measurement_keeps_where_it_came_from() -> None:
    (first, second) = judged([EVENT, EVENT])
    assert (first.provenance.origin, first.provenance.position) == ("receipt/1", 0)
    assert (second.provenance.origin, second.provenance.position) == ("receipt/1", 1)
    assert (first.provenance.receipt, first.provenance.token_no) == ("receipt", 7)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "empty"),
        (b"not json", "not JSON"),
        (b'"text"', "neither"),
        (b"12", "neither"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"\xff", "UTF-8"),
        (b'{"note": "\\ud800"}', "surrogate"),
        (b"[" * 100_000, "nested"),
        (b'{"quantity": NaN}', "NaN"),
    ],
)
def test_a_record_that_cannot_be_read_is_one_reject(body: bytes, problem: str) -> None:
    assert problem in only_problem(body)
    assert problem in only_problem(body, "measurements.waste.scale")


def test_without_the_headers_of_the_door_a_record_of_its_topic_is_a_reject() -> None:
    assert "no headers of the door" in only_problem(EVENT, headers={})


def test_the_other_events_of_a_record_count() -> None:
    outcome = judged([EVENT, {**EVENT, "team": "nobody"}, 5, {**EVENT, "id": "2"}])
    assert [type(item) for item in outcome] == [Accepted, Reject, Reject, Accepted]


def test_what_lost_a_text_on_its_way_keeps_the_content_that_is_left() -> None:
    note = {"content": "00" * 16, "fields": {"note": "2026-06-01T12:00:00+00:00"}}
    headers = {**dict(DOOR.encode()), ERASED: json.dumps({"1": note}).encode()}

    like_it, scrubbed = judged([EVENT, {**EVENT, "id": "2"}], headers=headers)

    assert isinstance(like_it, Accepted) and isinstance(scrubbed, Accepted)
    assert scrubbed.measurement.fingerprint == bytes(16)
    assert scrubbed.measurement.content is not None
    assert fingerprint(scrubbed.measurement.content) == like_it.measurement.fingerprint


def test_on_a_topic_the_team_is_needed() -> None:
    without = {name: value for name, value in EVENT.items() if name != "team"}
    assert only_problem(without, "measurements.waste.scale") == "team: is missing"


def test_an_integrator_speaks_for_its_teams_only() -> None:
    assert isinstance(judged(EVENT, "measurements.waste.scale")[0], Accepted)
    assert "may not speak" in only_problem({**EVENT, "team": "b5"}, "measurements.waste.scale")


def test_the_headers_of_the_door_mean_nothing_on_the_topic_of_an_integrator() -> None:
    headers = dict(DoorHeaders(NOW - 50, "forged/1", 1, "forged", 1).encode())
    (accepted,) = judged(EVENT, "measurements.waste.scale", headers=headers)
    assert accepted.provenance.origin == "log/measurements.waste.scale/0/5"
    assert accepted.provenance.receipt is None


@pytest.mark.parametrize("timestamp", [0, LATEST_TIMESTAMP])
def test_a_timestamp_that_cannot_be_is_a_reject(timestamp: int) -> None:
    (reject,) = Judge(CONFIGURATION).judge(
        replace(record(EVENT, "measurements.waste.scale"), timestamp=timestamp)
    )
    assert isinstance(reject, Reject)
    assert "timestamp" in reject.problems[0].problem


def test_an_event_of_another_kind_is_a_reject_of_its_topic() -> None:
    (reject,) = judged(EVENT, "measurements.energy")
    assert isinstance(reject, Reject)
    assert reject.problems[0].allowed == "nl.groenmeter.energy.v1"


def test_the_configuration_that_was_in_force_decides() -> None:
    event = {**EVENT, "team": "c6"}
    earlier = dict(DoorHeaders(NOW - 50, "r/1", 7, "r", 1).encode())
    assert isinstance(judged(event)[0], Accepted)
    assert "not known" in only_problem(event, headers=earlier)


def test_kafka_binary_mode() -> None:
    headers = {f"ce_{name}": str(value).encode() for name, value in EVENT.items() if name != "data"} | {
        "ce_revision": b"3"
    }
    (accepted,) = judged(EVENT["data"], "measurements.waste.scale", headers=headers)
    assert isinstance(accepted, Accepted)
    assert (accepted.measurement.revision, accepted.measurement.quantity) == (3, 12_500_000)


def test_a_retraction_in_binary_mode_has_no_data() -> None:
    headers = {f"ce_{name}": str(value).encode() for name, value in EVENT.items() if name != "data"} | {
        "ce_retracted": b"true"
    }
    (accepted,) = judged(b"", "measurements.waste.scale", headers=headers)
    assert isinstance(accepted, Accepted)
    assert accepted.measurement.retracted


def test_a_replay_of_a_newer_schema_is_not_looked_into() -> None:
    newer = DoorHeaders(NOW, "receipt/1", 7, "receipt", 2, SCHEMA + 1)
    found = record(EVENT, headers=dict(newer.encode()) | {REPLAY: b'{"unheard": "of"}'})
    assert found.door == newer
    assert found.replay is None


def test_a_nul_anywhere_in_an_event_is_a_reject() -> None:
    assert "NUL" in only_problem({**EVENT, "other": ["x\0"]})


@given(st.binary(max_size=200), st.sampled_from(["measurements.waste", "measurements.waste.scale"]))
def test_whatever_is_on_a_topic_becomes_something(body: bytes, topic: str) -> None:
    for item in judged(body, topic):
        assert isinstance(item, Reject)
        assert item.problems


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=9), children, max_size=3)
    ),
    max_leaves=9,
)


@given(
    st.dictionaries(st.sampled_from([*EVENT, "revision", "retracted", "data_base64", "x"]), json_values),
    st.dictionaries(st.sampled_from(["stream", "quantity", "unit", "from", "to", "note", "\0"]), json_values),
)
def test_whatever_the_fields_hold_an_event_is_counted_or_refused(
    attributes: dict[str, Any], data: dict[str, Any]
) -> None:
    event = {**EVENT, **attributes, "data": {**EVENT["data"], **data}}
    for item in judged([event]):
        assert isinstance(item, Accepted) or item.problems


def test_spans_cover_the_records_of_each_partition() -> None:
    records = [
        Record("log", "t", partition, offset, 0, b"", {})
        for partition, offset in [(0, 3), (1, 8), (0, 4), (0, 6)]
    ]
    assert sorted(spans(records)) == [Span("log", "t", 0, 3, 6), Span("log", "t", 1, 8, 8)]
