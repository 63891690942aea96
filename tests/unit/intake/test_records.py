import json
from typing import Any

from schemas.json_text import read_json
from schemas.measurement import Measurement
from schemas.topics import LARGEST_RECORD, DoorHeaders
from services.intake.records import MOST_EVENTS_IN_RECORD, Record, as_text, pack

RECEIVED = 1_795_000_000_000_000
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/scale",
    "type": "nl.groenmeter.waste.v1",
    "time": "2026-03-01T14:30:00+01:00",
    "data": {"stream": "residual", "quantity": 1, "unit": "kg"},
}


def accepted(
    event: dict[str, Any], team: str = "keuken", kind: str = "waste"
) -> tuple[Measurement, dict[str, Any]]:
    measurement = Measurement(
        team=team,
        kind=kind,
        source=event["source"],
        id=event["id"],
        revision=1,
        retracted=bool(event.get("retracted")),
        fingerprint=b"",
    )
    return measurement, event


def packed(events: list[tuple[Measurement, dict[str, Any]]]) -> list[Record]:
    return pack(events, received=RECEIVED, token_number=7, receipt_id="r", configuration=3)


def test_each_team_and_kind_has_its_own_record() -> None:
    records = packed(
        [accepted(EVENT), accepted(EVENT, team="lab"), accepted(EVENT), accepted(EVENT, kind="energy")]
    )

    assert [(record.topic, record.key, record.events) for record in records] == [
        ("measurements.waste", b"keuken//scale", 2),
        ("measurements.waste", b"lab//scale", 1),
        ("measurements.energy", b"keuken//scale", 1),
    ]
    assert [record.record_id for record in records] == ["r/0", "r/1", "r/2"]
    assert all(
        DoorHeaders.decode(dict(record.headers)) == DoorHeaders(RECEIVED, record.record_id, 7, "r", 3)
        for record in records
    )


def test_a_record_has_at_most_500_events() -> None:
    records = packed([accepted(EVENT | {"id": str(number)}) for number in range(1001)])

    assert [record.events for record in records] == [500, 500, 1]
    assert MOST_EVENTS_IN_RECORD == 500
    ids = [event["id"] for record in records for event in json.loads(record.value)]
    assert ids == [str(number) for number in range(1001)]


def test_a_record_stays_below_the_largest_size() -> None:
    long = EVENT | {"data": EVENT["data"] | {"note": "\N{POT OF FOOD}" * 500}}
    records = packed([accepted(long) for _ in range(500)])

    assert len(records) == 2
    assert all(len(record.value) < LARGEST_RECORD for record in records)
    assert sum(len(json.loads(record.value)) for record in records) == 500


def test_an_event_keeps_what_is_kept_and_names_its_team() -> None:
    text = as_text(*accepted(EVENT | {"traceparent": "00-1", "revision": 2, "time": None}))

    kept = {name: EVENT[name] for name in ("specversion", "type", "source", "id", "data")}
    assert json.loads(text) == kept | {"revision": 2, "team": "keuken"}


def test_a_retraction_has_no_data() -> None:
    assert "data" not in json.loads(as_text(*accepted(EVENT | {"retracted": True, "data": [1]})))


def test_no_digit_of_a_number_is_lost() -> None:
    body = b'{"source":"/s","id":"1","data":{"quantity":123456789012345.123456789,"cost_eur":1.50}}'

    assert json.loads(as_text(*accepted(read_json(body))))["data"] == {
        "quantity": "123456789012345.123456789",
        "cost_eur": "1.50",
    }


def test_texts_come_through_unchanged() -> None:
    name = '\N{STETHOSCOPE} שלום \N{RIGHT-TO-LEFT MARK} \\ " \x7f'

    assert json.loads(as_text(*accepted(EVENT | {"id": name})))["id"] == name
