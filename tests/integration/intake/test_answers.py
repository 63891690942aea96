"""Every answer of `POST /v1/events`, over real HTTP."""

import json
from typing import Any

import pytest

from schemas.problems import Problem
from services.intake.body import MOST_BYTES
from tests.door_client import JSON, Client
from tests.integration.intake.conftest import RunningDoor
from tests.waiting import wait_until

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/scale",
    "type": "nl.groenmeter.waste.v1",
    "time": "2026-03-01T14:30:00+01:00",
    "data": {"stream": "residual", "quantity": "12.5", "unit": "kg"},
}
ENERGY = EVENT | {
    "type": "nl.groenmeter.energy.v1",
    "data": {"carrier": "electricity", "quantity": 1, "unit": "kWh"},
}
BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/scale",
    "ce-type": "nl.groenmeter.waste.v1",
    "ce-time": "2026-03-01T14:30:00Z",
}
DATA = json.dumps(EVENT["data"]).encode()


def with_data(**data: Any) -> dict[str, Any]:
    return EVENT | {"data": EVENT["data"] | data}


def as_accepted(index: int = 0, id_: str = "1", source: str = "/scale") -> dict[str, Any]:
    return {"index": index, "id": id_, "source": source, "outcome": "accepted", "errors": [], "flags": []}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", EVENT),
        ("application/json; charset=UTF-8", EVENT),
        ('application/json;charset="utf-8"', [EVENT]),
        ("application/cloudevents+json", EVENT),
        ("application/cloudevents+json; charset=utf-8", EVENT),
        ("application/cloudevents-batch+json", [EVENT]),
        ("APPLICATION/JSON", [EVENT]),
    ],
)
def test_202_names_what_became_of_every_event(keuken: Client, content_type: str, body: Any) -> None:
    answer = keuken.post(body, {"Content-Type": content_type})

    assert answer.status == 202
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"receipt", "accepted", "rejected", "events"}
    assert (answer.json["accepted"], answer.json["rejected"]) == (1, 0)
    assert answer.json["events"] == [as_accepted()]


def test_a_batch_in_which_some_are_accepted_is_202(keuken: Client) -> None:
    answer = keuken.post([EVENT, 5, with_data(unit="kilo"), EVENT | {"id": "2"}])

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (202, 2, 2)
    assert [event["outcome"] for event in answer.json["events"]] == [
        "accepted",
        "rejected",
        "rejected",
        "accepted",
    ]
    assert [event["index"] for event in answer.json["events"]] == [0, 1, 2, 3]
    assert answer.json["events"][1]["id"] is None


@pytest.mark.parametrize("body", [[], [5], EVENT | {"data": {}}])
def test_422_is_a_problem_with_the_members_of_202(keuken: Client, body: Any) -> None:
    answer = keuken.post(body)

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "receipt", "accepted", "rejected", "events"} == set(
        answer.json
    )
    assert answer.json["accepted"] == 0
    assert answer.json["rejected"] == len(answer.json["events"]) == (0 if body == [] else 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b"kilo", "not JSON"),
        (b'{"id":"1","id":"2"}', "'id' stands twice"),
        (b'[{"data":{"unit":"kg","unit":"g"}}]', "'unit' stands twice"),
        (rb'{"id":"\ud800"}', "lone surrogate"),
        (rb'{"\udfff":1}', "lone surrogate"),
        (b'{"id":"\xff"}', "UTF-8"),
        (b'{"id":"\x00"}', "not JSON"),
        (b"NaN", "NaN is not a JSON value"),
        (b'{"quantity":Infinity}', "Infinity is not a JSON value"),
        (b"null", "neither an object nor an array"),
        (b'"text"', "neither an object nor an array"),
        (b"1e400", "neither an object nor an array"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deep"),
    ],
)
def test_400_says_why_the_body_cannot_be_read(keuken: Client, body: bytes, says: str) -> None:
    answer = keuken.post(body)

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["title"] == "Bad Request"
    assert says in answer.json["detail"]


@pytest.mark.parametrize(
    ("event", "field", "problem", "hint"),
    [
        (EVENT | {"type": "nl.groenmeter.wast.v1"}, "type", "is not known", "nl.groenmeter.waste.v1"),
        (EVENT | {"type": "nl.groenmeter.meter-reading.v1"}, "type", "is not known", "reserved"),
        (with_data(colour="grey"), "data.colour", "is not a field", None),
        (with_data(quantiti=1), "data.quantiti", "is not a field", "quantity"),
        (ENERGY | {"data": ENERGY["data"] | {"unit": "l"}}, "data.unit", "is not a unit here", None),
        (with_data(unit="kilo"), "data.unit", "is not a unit here", "kg"),
        (with_data(quantity=-5), "data.quantity", "is negative", "sign"),
        (with_data(quantity="NaN"), "data.quantity", "is not a number", "leave a missing reading out"),
        (with_data(quantity="1_000"), "data.quantity", "", "1000"),
        (with_data(quantity="1.250,5"), "data.quantity", "", "1250.5"),
        (with_data(quantity="12,5"), "data.quantity", "", "12.5"),
        (with_data(quantity="٣"), "data.quantity", "another script", "0 to 9"),
        (EVENT | {"time": "2026-03-01T14:30:00"}, "time", "no offset", "+01:00"),
        (EVENT | {"time": "2100-03-01T14:30:00Z"}, "time", "in the future", None),
        (
            EVENT | {"time": f"2026-03-01T14:30:00.{'1' * 24}Z"},
            "time",
            "more than 6 fraction",
            "microseconds",
        ),
        (EVENT | {"team": "lap"}, "team", "may not speak for", None),
        (EVENT | {"team": "lab"}, "team", "may not speak for 'lab'", None),
        (EVENT | {"id": "a\0b"}, "id", "NUL", None),
        (EVENT | {"subject": "a\0b"}, "subject", "NUL", None),
        (EVENT | {"a\0b": 1}, "a\\u0000b", "NUL", None),
        (with_data(note="a\0b"), "data.note", "NUL", None),
        (with_data(note="vraag j.jansen@lumc.nl"), "data.note", "e-mail", "people"),
        (EVENT | {"data_base64": "e30="}, "data_base64", "is not accepted", None),
        (EVENT | {"source": "a b"}, "source", "is not a URI reference", None),
        (EVENT | {"revision": 0}, "revision", "is not allowed", None),
        (EVENT | {"retracted": "true"}, "retracted", "is not allowed", None),
        (with_data(site="wset"), "data.site", "is not known", "west"),
    ],
)
def test_every_fault_of_an_event_is_named(
    keuken: Client, event: dict[str, Any], field: str, problem: str, hint: str | None
) -> None:
    answer = keuken.post([event])
    errors = answer.json["events"][0]["errors"]

    assert answer.status == 422
    assert [error["field"] for error in errors] == [field]
    assert problem in errors[0]["problem"]
    assert hint is None or hint in f"{errors[0]['hint']} {errors[0]['allowed']}"


@pytest.mark.parametrize(
    ("number", "says"), [("1e400", "exponent"), ("9" * 30, "too many digits"), ("-0", "negative")]
)
def test_numbers_are_never_rounded_into_something_that_counts(keuken: Client, number: str, says: str) -> None:
    answer = keuken.post(
        json.dumps(with_data(quantity=1)).replace('"quantity": 1', f'"quantity": {number}').encode()
    )

    assert answer.status == 422
    assert answer.json["events"][0]["errors"][0]["field"] == "data.quantity"
    assert says in answer.json["events"][0]["errors"][0]["problem"]


@pytest.mark.parametrize(
    ("data", "field", "problem"),
    [
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "data.to", "is not after from"),
        ({"from": "2022-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}, "data.to", "too long"),
        ({"from": "2026-03-02T00:00:00Z"}, "data.to", "is missing"),
    ],
)
def test_periods_that_cannot_be(keuken: Client, data: dict[str, str], field: str, problem: str) -> None:
    answer = keuken.post(with_data(**data))

    assert answer.status == 422
    assert [error[0] for error in answer.problems] == [field]
    assert problem in answer.problems[0][1]


def test_all_problems_of_all_events_are_reported_at_once(keuken: Client) -> None:
    answer = keuken.post(
        [EVENT | {"id": "", "time": "gisteren"}, with_data(quantity="veel", unit="kilo", x=1)]
    )

    fields = [[error["field"] for error in event["errors"]] for event in answer.json["events"]]
    assert [sorted(event) for event in fields] == [["id", "time"], ["data.quantity", "data.unit", "data.x"]]


def test_10000_events_are_taken_and_one_more_is_413(keuken: Client) -> None:
    body = b"[" + b",".join([b"5"] * 10_000) + b"]"

    assert keuken.post(body).status == 422
    answer = keuken.post(body[:-1] + b",5]")
    assert (answer.status, answer.json["title"]) == (413, answer.json["title"])
    assert "10001 events" in answer.json["detail"]


@pytest.mark.parametrize("chunked", [False, True])
def test_413_for_more_than_10_million_bytes(keuken: Client, chunked: bool) -> None:
    body = b'"' + b"a" * (MOST_BYTES + 1_000_000) + b'"'

    if chunked:
        keuken.connection.request(
            "POST",
            "/v1/events",
            iter([body[:5_000_000], body[5_000_000:]]),
            {"Authorization": f"Bearer {keuken.token}", "Transfer-Encoding": "chunked"} | JSON,
            encode_chunked=True,
        )
        response = keuken.connection.getresponse()
        status, detail = response.status, json.loads(response.read())["detail"]
    else:
        answer = keuken.post(body)
        status, detail = answer.status, answer.json["detail"]

    assert status == 413
    assert "10000000 bytes" in detail
    assert keuken.post(EVENT).status == 202


def test_a_client_that_closes_after_its_request_still_gets_the_413(door: RunningDoor) -> None:
    client = door.client()
    answer = client.post(b'"' + b"a" * 11_000_000 + b'"', JSON | {"Connection": "close"})

    assert answer.status == 413


def answered_400(door: RunningDoor) -> float:
    """How often the door has answered 400."""
    lines = door.client().get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if 'responses_total{status="400"}' in line)


def test_a_client_that_goes_away_is_no_fault_of_ours(
    door: RunningDoor, caplog: pytest.LogCaptureFixture
) -> None:
    before = answered_400(door)
    client = door.client()
    client.connection.putrequest("POST", "/v1/events")
    for name, value in {"Authorization": f"Bearer {client.token}", "Content-Length": "9", **JSON}.items():
        client.connection.putheader(name, value)
    client.connection.endheaders(b"[")
    client.connection.close()

    wait_until(lambda: answered_400(door) > before, 10)
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/cloudevents+avro", "ce-specversion": "1.0"},
    ],
)
def test_415_says_what_is_read(keuken: Client, headers: dict[str, str]) -> None:
    answer = keuken.post(EVENT, headers)

    assert answer.status == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not read here" in answer.json["detail"]


def test_the_identity_encoding_may_be_named(keuken: Client) -> None:
    assert keuken.post(EVENT, JSON | {"Content-Encoding": "identity"}).status == 202


@pytest.mark.parametrize("content_type", [{}, {"Content-Type": "application/json"}])
def test_binary_mode(keuken: Client, content_type: dict[str, str]) -> None:
    headers = BINARY | {"ce-id": "caf%C3%A9%20%F0%9F%8D%B2", "ce-revision": "2"} | content_type
    answer = keuken.post(DATA, headers)

    assert answer.status == 202
    assert answer.json["events"] == [as_accepted(id_="café 🍲")]


def test_binary_mode_without_a_body_is_an_event_without_data(keuken: Client) -> None:
    assert keuken.post(b"", BINARY).problems[0] == ("data", "is missing")
    assert keuken.post(b"", BINARY | {"ce-retracted": "true", "ce-revision": "2"}).status == 202


@pytest.mark.parametrize(
    ("headers", "body", "field"),
    [
        ({"ce-id": "100%"}, DATA, "id"),
        ({"ce-id": "%FF"}, DATA, "id"),
        ({"ce-id": "a%00b"}, DATA, "id"),
        ({"ce-subject": "a%00b"}, DATA, "subject"),
        ({"ce-revision": "two"}, DATA, "revision"),
        ({"ce-retracted": "yes"}, DATA, "retracted"),
        ({"ce-time": "nu"}, DATA, "time"),
        ({}, b"[]", "data"),
        ({}, b"5", "data"),
        ({}, rb'{"stream":"residual","quantity":1,"unit":"kg","note":"\u0000"}', "data.note"),
    ],
)
def test_faults_in_binary_mode_are_of_that_event(
    keuken: Client, headers: dict[str, str], body: bytes, field: str
) -> None:
    answer = keuken.post(body, BINARY | headers)

    assert answer.status == 422
    assert answer.problems[0][0] == field


def test_a_binary_body_that_is_not_json_is_400(keuken: Client) -> None:
    assert keuken.post(b"{", BINARY).status == 400


def test_a_problem_has_exactly_the_members_of_the_contract(keuken: Client) -> None:
    error = keuken.post(5 * [EVENT | {"time": 5}]).json["events"][4]["errors"][0]

    assert set(error) == set(Problem("", "").as_dict()) == {"field", "problem", "allowed", "hint"}
