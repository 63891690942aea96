"""From the 202 to the broker: nothing is lost, whatever is away."""

import itertools
from typing import Any

import pytest

from services.intake import forwarder
from services.local.postgres import Cluster
from services.store.configuration import change
from tests.integration.intake.conftest import OwnBroker, Serve, closed, count
from tests.integration.intake.test_answers import BINARY, DATA, ENERGY, EVENT
from tests.waiting import wait_until


def events(amount: int, first: int = 0) -> list[dict[str, Any]]:
    return [EVENT | {"id": str(first + number)} for number in range(amount)]


def sent_ids(broker: OwnBroker) -> set[str]:
    return {event["id"] for record in broker.records() for event in record.events}


def test_records_are_as_the_contract_says(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    door = serve()
    steward = door.client("steward")
    posted = [EVENT | {"team": "lab"}, EVENT | {"team": "keuken"}, ENERGY | {"team": "lab", "id": "e"}]
    receipt = steward.post(posted).json["receipt"]

    records = wait_until(lambda: len(own_broker.records()) == 3 and own_broker.records(), 20)
    assert {(record.topic, record.key, record.events[0]["id"]) for record in records} == {
        ("measurements.waste", "lab//scale", "1"),
        ("measurements.waste", "keuken//scale", "1"),
        ("measurements.energy", "lab//scale", "e"),
    }
    assert len({record.headers.receipt for record in records}) == 1
    assert {record.record_id.partition("/")[0] for record in records} == {records[0].headers.receipt}
    count(door.dsn, records)
    assert steward.get(f"/v1/receipts/{receipt}").json["state"] == "done"


def test_binary_mode_becomes_structured(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    serve().client().post(DATA, BINARY | {"ce-revision": "3"})

    records = wait_until(own_broker.records, 20)
    assert records[0].events == [
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/scale",
            "type": "nl.groenmeter.waste.v1",
            "time": "2026-03-01T14:30:00Z",
            "revision": 3,
            "team": "keuken",
            "data": EVENT["data"],
        }
    ]


def test_what_is_counted_leaves_the_spool(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    door = serve()
    keuken = door.client()
    assert keuken.post(events(3)).status == 202
    assert keuken.get("/health/ready").json["lag"] == 3

    count(door.dsn, wait_until(own_broker.records, 20))

    nothing_open = {"ready": True, "lag": 0, "freshness_seconds": 0, "stopped": 0}
    wait_until(lambda: keuken.get("/health/ready").json == nothing_open, 5)


def test_while_the_broker_is_away_202_goes_on_and_everything_arrives(
    serve: Serve, own_broker: OwnBroker
) -> None:
    door = serve()
    keuken = door.client()
    for number in range(5):
        assert keuken.post(events(2, first=2 * number)).status == 202
    assert keuken.get("/health/ready").json["lag"] == 10

    own_broker.start()

    wait_until(lambda: sent_ids(own_broker) == {str(number) for number in range(10)}, 20)


def test_a_broker_that_lost_everything_gets_it_all_again(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    door = serve()
    keuken = door.client()
    keuken.post(EVENT | {"id": "counted"})
    count(door.dsn, wait_until(own_broker.records, 20))
    wait_until(lambda: door.parts.delivery.events == 0, 5)
    keuken.post(EVENT | {"id": "not counted"})
    wait_until(lambda: "not counted" in sent_ids(own_broker), 20)

    own_broker.kill()
    keuken.post(EVENT | {"id": "while it was away"})
    own_broker.start()
    keuken.post(EVENT | {"id": "just after"})

    wait_until(lambda: sent_ids(own_broker) == {"not counted", "while it was away", "just after"}, 20)


def test_a_door_that_starts_again_sends_what_was_not_counted(serve: Serve, own_broker: OwnBroker) -> None:
    door = serve()
    door.client().post(events(3))
    door.stop()
    own_broker.start()
    again = serve()

    wait_until(lambda: sent_ids(own_broker) == {"0", "1", "2"}, 20)
    count(again.dsn, own_broker.records())
    wait_until(lambda: again.parts.delivery.events == 0, 5)


def test_what_stays_uncounted_is_sent_again(
    serve: Serve, own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "SILENT_SECONDS", 0.3)
    own_broker.start()
    serve().client().post(EVENT)

    wait_until(lambda: len(own_broker.records()) == 2, 20)
    assert len({record.record_id for record in own_broker.records()}) == 1


def test_a_record_that_was_overtaken_is_sent_again(
    serve: Serve, own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "OVERTAKEN_SECONDS", 2.0)
    own_broker.start()
    door = serve()
    keuken = door.client()
    keuken.post(EVENT | {"id": "lost"})
    numbers = itertools.count()

    def lost_is_sent_again_while_others_are_counted() -> bool:
        keuken.post(EVENT | {"id": str(next(numbers))})
        lost, others = [], []
        for record in own_broker.records():
            (lost if record.events[0]["id"] == "lost" else others).append(record)
        count(door.dsn, others)
        return len(lost) == 2

    wait_until(lost_is_sent_again_while_others_are_counted, 20)


def test_what_is_counted_behind_much_that_is_not_is_forgotten(
    serve: Serve, own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "LOOKED_AT", 1)
    own_broker.start()
    door = serve()
    for name in ("waits", "waits too", "counted"):
        door.client().post(EVENT | {"id": name})
    wait_until(lambda: len(sent_ids(own_broker)) == 3, 20)

    count(door.dsn, [record for record in own_broker.records() if record.events[0]["id"] == "counted"])

    wait_until(lambda: door.parts.delivery.events == 2, 5)


def test_topics_are_made_on_every_log_and_for_every_integrator(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    door = serve()
    wait_until(lambda: "measurements.waste" in own_broker.topics(), 20)

    change(door.dsn, {"integrators": {"gbs": {"teams": ["lab"]}}}, "test")
    wait_until(lambda: "measurements.energy.gbs" in own_broker.topics(), 20)

    own_broker.kill()
    own_broker.start()
    wait_until(lambda: {"measurements.waste", "measurements.energy.gbs"} <= own_broker.topics(), 20)


def test_a_full_spool_is_503_until_something_is_counted(serve: Serve, own_broker: OwnBroker) -> None:
    door = serve()
    keuken = door.client()
    assert door.parts.spool is not None
    assert keuken.post(EVENT).status == 202
    door.parts.spool._most_bytes = door.parts.spool.bytes_used

    answer = keuken.post(EVENT | {"id": "2"})

    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert "send the same again" in answer.json["detail"]
    assert keuken.get("/health/ready").json["ready"] is False
    own_broker.start()
    count(door.dsn, wait_until(own_broker.records, 20))
    wait_until(lambda: keuken.post(EVENT | {"id": "2"}).status == 202, 5)


def test_while_the_database_is_away_a_known_token_can_post(
    serve: Serve, own_broker: OwnBroker, postgres: Cluster
) -> None:
    own_broker.start()
    door = serve()
    keuken, stranger = door.client(), door.client()
    keuken.post(events(1))

    with closed(postgres, door.dsn):
        assert keuken.post(events(1, first=1)).status == 202
        assert stranger.post(EVENT).status == 503
        assert keuken.get("/health/live").status == 200
        assert keuken.get(f"/v1/receipts/{keuken.post(events(1, first=2)).json['receipt']}").status == 503

    assert stranger.post(events(1, first=3)).status == 202
    wait_until(lambda: sent_ids(own_broker) == {"0", "1", "2", "3"}, 20)


def test_without_a_spool_202_is_the_broker_s_word(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    keuken = serve(spool=False).client()

    assert keuken.post(events(600)).status == 202
    assert sent_ids(own_broker) == {str(number) for number in range(600)}

    own_broker.kill()
    answer = keuken.post(events(1, first=600))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "outcome unknown" in answer.json["detail"]

    own_broker.start()
    wait_until(lambda: keuken.post(events(1, first=600)).status == 202, 20)
    assert "600" in sent_ids(own_broker)


def test_without_a_spool_the_lag_is_what_waits_on_the_topics(serve: Serve, own_broker: OwnBroker) -> None:
    own_broker.start()
    door = serve(spool=False)
    keuken = door.client()
    keuken.post([*events(2), ENERGY])

    wait_until(lambda: keuken.get("/health/ready").json["lag"] == 2, 20)
