"""`POST /v1/rejects/replay`: what is sent, how often, and that it has its effect once."""

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas.problems import Problem
from services.processing.records import Judge, Record
from services.store.configuration import change, load_configuration
from services.store.connection import connect_async
from services.store.ledger import Accepted, Batch, Counts, Ledger, Reject
from services.store.redactions import Wanted, redact
from services.store.tokens import create_token
from services.store.verify import verify
from tests.door_client import Answer, Client
from tests.integration.intake.conftest import OwnBroker, RunningDoor, Sent, Serve
from tests.integration.store.recording import CALENDAR, batch_of, provenance, value
from tests.integration.store.test_backup import backup_of, put_back
from tests.waiting import wait_until

PATH = "/v1/rejects/replay"
ROWS = "SELECT count(*) FROM measurement"


def waste(id_: str, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/scale",
        "type": "nl.groenmeter.waste.v1",
        "team": "keuken",
        "time": "2026-03-01T14:30:00+01:00",
        "data": {"stream": "residual", "quantity": "12.50", "unit": "kg"},
    } | changes


def record(dsn: str, batch: Batch) -> Counts:
    async def run() -> Counts:
        async with await connect_async(dsn, "writer") as connection:
            return await Ledger(connection, CALENDAR).record(batch)

    return asyncio.run(run())


def refuse(dsn: str, *events: Any, topic: str = "measurements.waste.scale", first: int = 0) -> None:
    """Put events among the rejects, from this offset on; a list is a record that was not looked into."""
    rejects = [
        Reject(
            provenance(f"log/{topic}/0/{number}", 0, event)._replace(topic=topic),
            (Problem("", "refused"),),
            "waste",
            "keuken",
        )
        for number, event in enumerate(events, first)
    ]
    record(dsn, Batch("test", rejects=rejects))


def count(dsn: str, sent: Sequence[Sent]) -> Counts:
    """Count records as a processor does, all in one batch."""
    batch = Batch("test")
    for number, item in enumerate(sent):
        headers = item.raw_headers
        body = json.dumps(item.events).encode()
        came = Record("log", item.topic, 0, number, 0, body, headers)
        batch.receipts[item.record_id] = item.headers.receipt
        if came.replay:
            batch.replays[item.headers.receipt] = came.replay
        for judged in Judge(load_configuration(dsn)).judge(came):
            (batch.accepted if isinstance(judged, Accepted) else batch.rejects).append(judged)  # type: ignore[arg-type]
    return record(dsn, batch)


@pytest.fixture
def running(serve: Serve, own_broker: OwnBroker, organisation: str) -> RunningDoor:
    """A door on an empty database whose integrator `scale` may speak for keuken."""
    change(organisation, {"integrators": {"scale": {"teams": ["keuken"]}}}, "test")
    own_broker.start()
    door = serve()
    wait_until(lambda: door.parts.is_ready, 20)
    return door


def sent(broker: OwnBroker, records: int) -> list[Sent]:
    return wait_until(lambda: len(found := broker.records()) >= records and found, 20)


def test_asked_by_two_at_once_and_again_it_has_its_effect_once(
    running: RunningDoor, own_broker: OwnBroker, organisation: str
) -> None:
    refuse(organisation, waste("1"), [waste("2"), waste("3")])
    clients = [running.client("steward", None) for _ in range(4)]
    answers: list[Answer] = []

    def ask(client: Client) -> None:
        answers.append(client.post_to(PATH, {"rejects": [1, 2]}))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.append(clients[0].post_to(PATH, {"rejects": [{"reject": 1, "event": waste("other")}]}))

    assert {answer.status for answer in answers} == {202}
    rows = [row for answer in answers for row in answer.json["rejects"]]
    assert {row["outcome"] for row in rows} == {"posted", "under-way"}
    assert len({row["receipt"] for row in rows}) == 2  # one for each reject, whoever asked
    records = sent(own_broker, 9)
    receipts = {item.headers.receipt for item in records}
    assert {item.record_id for item in records} == {f"replay/{receipt}/0" for receipt in receipts}
    counts = count(organisation, records)
    assert (counts.added, counts.rejected) == (3, 0)
    assert value(organisation, "SELECT string_agg(id, ' ' ORDER BY id) FROM measurement") == "1 2 3"
    assert value(organisation, "SELECT bool_and(batch_id IS NOT NULL AND content = '') FROM replay")

    steward = running.client("steward", None)
    again = steward.post_to(PATH, {"rejects": [1, 2]})
    assert [row["outcome"] for row in again.json["rejects"]] == ["closed", "closed"]
    assert steward.get("/v1/rejects").json["rows"] == []
    receipt = steward.get(f"/v1/receipts/{rows[0]['receipt']}").json
    assert (receipt["state"], receipt["new"]) == ("done", 1)


def test_a_replay_that_was_begun_and_not_sent_is_sent_as_it_was_begun(
    running: RunningDoor, own_broker: OwnBroker, organisation: str
) -> None:
    refuse(organisation, waste("1"))
    client = running.client("team", ["keuken"])
    first = client.post_to(
        PATH, {"rejects": [{"reject": 1, "event": waste("1", time="2026-03-02T00:00:00Z")}]}
    )
    assert first.json["rejects"][0]["outcome"] == "posted"
    change(organisation, {"sites": {"another": {}}}, "test")  # judged by the configuration of the first time

    # As if the door had died behind what it wrote down: another one asks.
    second = running.client("steward", None).post_to(PATH, {"rejects": [1]})

    assert second.json["rejects"][0] == first.json["rejects"][0] | {"outcome": "under-way"}
    one, two = sent(own_broker, 2)
    assert (one.record_id, one.headers, one.events) == (two.record_id, two.headers, two.events)
    assert one.events[0]["time"] == "2026-03-02T00:00:00Z"
    count(organisation, [one])
    count(organisation, [two])
    assert value(organisation, ROWS) == 1


def test_what_is_refused_behind_the_door_again_is_a_reject_of_its_own_once(
    running: RunningDoor, own_broker: OwnBroker, organisation: str
) -> None:
    refuse(organisation, waste("1"))
    client = running.client("steward", None)
    client.post_to(PATH, {"rejects": [1]})
    client.post_to(PATH, {"rejects": [1]})
    client.post([waste("1", data={"stream": "paper", "quantity": 1, "unit": "kg"})])

    # What was posted last is counted first: what is under way becomes a conflict.
    for item in sorted(sent(own_broker, 3), key=lambda item: item.record_id.startswith("replay/")):
        count(organisation, [item])

    first, second = running.client("steward", None).get("/v1/rejects?state=all").json["rows"]
    assert (first["state"], second["state"], second["replay_of"]) == ("replayed", "open", 1)
    assert first["replay"]["rejects"] == [second["reject"]]
    assert (first["replay"]["new"], first["replay"]["rejected"]) == (0, 1)


def all_rejects(client: Client) -> list[dict[str, Any]]:
    """Every reject with its history, without what is of this database only."""
    rows = client.get("/v1/rejects?state=all").json["rows"]
    names = {row["reject"]: f"{row['origin']}/{row['position']}" for row in rows}
    own = ("reject", "recorded_at", "replayable_until", "replayed_at")
    told = [{name: value for name, value in row.items() if name not in own} for row in rows]
    for row in told:
        row["replay_of"] = names.get(row["replay_of"])
        if row["replay"]:
            row["replay"]["rejects"] = [names[number] for number in row["replay"]["rejects"]]
    return sorted(told, key=lambda row: (row["origin"], row["position"]))


def agrees(dsn: str) -> bool:
    async def run() -> bool:
        async with await connect_async(dsn, "owner") as connection:
            return (await verify(connection, lambda _: None)).agrees

    return asyncio.run(run())


@pytest.mark.parametrize("replays_first", [False, True])
def test_a_restored_database_knows_the_replays_of_since_the_backup(
    running: RunningDoor,
    own_broker: OwnBroker,
    organisation: str,
    serve: Serve,
    replays_first: bool,
) -> None:
    """Also of a reject that it has only later, under another number; and restored once more."""
    token = create_token(organisation, "steward", None)
    refuse(organisation, waste("1"), [waste("2"), waste("3")])
    file = backup_of(organisation)
    refuse(organisation, waste("4"), waste("5"), first=2)
    two_records = [waste("in place of 1"), waste("6", team="ok-centrum")]
    wishes = [{"reject": 1, "event": two_records}, 2, {"reject": 3, "event": waste("in place of 4")}]
    client = Client(running.port, token)
    answer = client.post_to(PATH, {"rejects": wishes})
    records = sent(own_broker, 4)
    count(organisation, records)
    before = all_rejects(client)
    running.stop()

    for _ in range(2):
        put_back(organisation, file, replace=True)
        if not replays_first:
            refuse(organisation, waste("4"), waste("5"), first=2)
        for item in records[:-1]:
            count(organisation, [item])
        count(organisation, records)
        if replays_first:
            refuse(organisation, waste("4"), waste("5"), first=2)

        door = serve()
        wait_until(lambda: door.parts.is_ready, 20)  # noqa: B023
        client = Client(door.port, token)
        assert all_rejects(client) == before
        (open_,) = client.get("/v1/rejects").json["rows"]
        assert (open_["id"], open_["reject"] > 1000) == (None, True)
        again = client.post_to(PATH, {"rejects": [1, {"reject": 2, "event": waste("other")}]}).json["rejects"]
        assert [row["outcome"] for row in again] == ["closed", "closed"]
        for row in answer.json["rejects"]:
            assert client.get(f"/v1/receipts/{row['receipt']}").json["state"] == "done"
        assert agrees(organisation)
        door.stop()
    assert len(own_broker.records()) == 4


def test_posted_again_before_a_restored_database_has_read_the_first_replay_one_has_its_effect(
    running: RunningDoor, own_broker: OwnBroker, organisation: str, serve: Serve
) -> None:
    token = create_token(organisation, "steward", None)
    refuse(organisation, waste("1"), waste("2"))
    file = backup_of(organisation)
    parts = [waste("first"), waste("second", team="ok-centrum")]
    wishes = [{"reject": 1, "event": parts}, {"reject": 2, "event": waste("third")}]
    Client(running.port, token).post_to(PATH, {"rejects": wishes})
    first = sent(own_broker, 3)
    running.stop()
    put_back(organisation, file, replace=True)

    door = serve()
    wait_until(lambda: door.parts.is_ready, 20)
    client = Client(door.port, token)
    count(organisation, [item for item in first if item.events[0]["id"] == "first"])
    wishes = [{"reject": 1, "event": waste("other")}, {"reject": 2, "event": waste("fourth")}]
    answers = client.post_to(PATH, {"rejects": wishes}).json["rejects"]
    assert [(row["outcome"], row["receipt"] is None) for row in answers] == [
        ("under-way", True),
        ("posted", False),
    ]
    count(organisation, sent(own_broker, 4))

    counted = "SELECT string_agg(id, ' ' ORDER BY id) FROM measurement"
    assert value(organisation, counted) == "first fourth second"
    client.connection.close()  # the door ends one that was silent for long
    (twice,) = client.get("/v1/rejects").json["rows"]
    assert (twice["id"], "posted again twice" in twice["problems"][0]["problem"]) == ("third", True)
    assert agrees(organisation)


def test_what_was_counted_and_erased_since_is_no_conflict(
    running: RunningDoor, own_broker: OwnBroker, organisation: str, tmp_path: Path
) -> None:
    noted = waste("1", data=waste("1")["data"] | {"note": "van Jan de Vries"})
    record(organisation, batch_of([json.dumps(noted | {"team": "ok-centrum"})]))
    refuse(organisation, waste("2"))
    redact(organisation, Wanted(search="de vries"), "test", tmp_path / "redactions.jsonl")

    wish = {"reject": 1, "event": noted | {"team": "ok-centrum"}}
    answer = running.client("steward", None).post_to(PATH, {"rejects": [wish]})

    assert answer.json["rejects"][0]["outcome"] == "posted"
    assert count(organisation, sent(own_broker, 1)).repeats == 1


def test_a_reject_of_a_team_that_the_token_does_not_post_for_is_not_its_own(
    running: RunningDoor, organisation: str
) -> None:
    refuse(organisation, waste("1"))
    events = waste("2", team="ok-centrum")

    for client in (running.client("steward", ["ok-centrum"]), running.client("team", ["ok-centrum"])):
        for wish in (1, {"reject": 1, "event": events}):
            answer = client.post_to(PATH, {"rejects": [wish]})
            (error,) = answer.json["rejects"][0]["errors"]
            assert (answer.status, error["problem"]) == (
                422,
                "there is no reject 1 that this token may post again",
            )

    own = {"reject": 1, "event": waste("2")}
    both = running.client("steward", ["ok-centrum", "keuken"])
    assert both.post_to(PATH, {"rejects": [own]}).json["rejects"][0]["outcome"] == "posted"


def test_what_cannot_be_posted_again_says_why_and_stays(running: RunningDoor, organisation: str) -> None:
    refuse(organisation, b"not json", waste("2", team="ok-centrum"), [waste("3"), waste("4", time="never")])
    refuse(organisation, waste("5"), topic="measurements.waste.stranger")
    keuken, viewer = running.client("team", ["keuken"]), running.client("viewer", [])
    steward = running.client("steward", None)

    answer = steward.post_to(PATH, {"rejects": [1, 2, 3, 4, 99]})

    assert answer.status == 422
    assert [
        (row["reject"], [(error["field"], error["problem"]) for error in row["errors"]])
        for row in answer.json["rejects"]
    ] == [
        (1, [("reject", "it cannot be read: not JSON: Expecting value (line 1, column 1)")]),
        (2, [("team", "the poster may not speak for 'ok-centrum'")]),
        (3, [("[1].time", "'never' is not a moment")]),
        (4, [("reject", "integrator stranger is not known")]),
        (99, [("reject", "there is no reject 99 that this token may post again")]),
    ]
    assert viewer.post_to(PATH, {"rejects": [1]}).status == 403
    assert keuken.post_to(PATH, {"rejects": []}).json["errors"][0]["field"] == "rejects"
    assert keuken.post_to(PATH, {"rejects": [1, "2", {"reject": 3, "events": []}]}).status == 422
    assert keuken.post_to(PATH, {"rejects": [1, 1]}).status == 422
    assert keuken.call("POST", PATH, b"{", {}).status == 400
    assert len(steward.get("/v1/rejects").json["rows"]) == 4
    with psycopg.connect(organisation) as connection:
        assert connection.execute("SELECT count(*) FROM replay").fetchone() == (0,)
