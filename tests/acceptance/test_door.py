"""The door in the whole stack: what was answered 202 counts exactly once, whatever dies."""

import http.client
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.door_client import Answer, Client
from tests.kafka import KafkaCluster
from tests.stacks import Stack
from tests.waiting import wait_until

EVENTS_IN_BATCH = 7
PAUSE_SECONDS = 0.03
ROUNDS = 2
COUNTED_SECONDS = 60


def event(id_: str, grams: int = 1) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/scale",
        "type": "nl.groenmeter.food-waste.v1",
        "time": "2026-03-01T14:30:00+01:00",
        "data": {"stage": "plate", "quantity": grams, "unit": "g"},
    }


@pytest.fixture
def team() -> str:
    """A team of this test alone: a stack may serve several tests."""
    return f"keuken-{uuid.uuid4()}"


@pytest.fixture
def keuken(stack: Stack, team: str) -> Client:
    """A client with a token of the team, made by the commands."""
    stack.run("team", "add", team)
    token = stack.run("token", "create", team).strip()
    return Client(urlsplit(stack.api).port or 0, token)


def receipt_of(client: Client, answer: Answer) -> dict[str, Any]:
    """The receipt of an answer once everything in it is counted."""
    assert answer.status == 202, answer.body
    path = f"/v1/receipts/{answer.json['receipt']}"

    def done() -> dict[str, Any] | None:
        state: dict[str, Any] = client.get(path).json
        return state if state["state"] == "done" else None

    return wait_until(done, COUNTED_SECONDS) or {}


def test_a_post_is_followed_to_its_count(keuken: Client) -> None:
    posted = [event("1"), event("2"), event("3") | {"type": "nl.groenmeter.food-waste.v2"}]

    first = receipt_of(keuken, keuken.post(posted))
    again = receipt_of(keuken, keuken.post(posted))
    other = receipt_of(keuken, keuken.post([event("1", grams=2), event("4")]))

    counts = ("events", "new", "repeats", "rejected")
    assert [first[name] for name in counts] == [2, 2, 0, 0]
    assert [again[name] for name in counts] == [2, 0, 2, 0]
    assert [other[name] for name in counts] == [2, 1, 0, 1]


@dataclass
class Poster:
    """Posts batch after batch in a thread; a batch without a 202 is posted again, as the contract says."""

    client: Client
    accepted: list[Answer] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.wait(PAUSE_SECONDS):
            first = len(self.accepted) * EVENTS_IN_BATCH
            self.post([event(str(first + number)) for number in range(EVENTS_IN_BATCH)])

    def post(self, events: list[dict[str, Any]]) -> None:
        deadline = time.monotonic() + COUNTED_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.client.post(events)
            except (OSError, http.client.HTTPException):
                self.client.connection.close()
                self.stopping.wait(0.05)
                continue
            if answer.status == 202:
                self.accepted.append(answer)
                return
            assert answer.status == 503, answer.body
        raise AssertionError("the door did not come back")


@pytest.mark.parametrize("victims", [["door"], ["broker"], ["database"], ["door", "broker", "processor-1"]])
def test_every_202_counts_exactly_once_whoever_is_killed(
    stack: Stack, keuken: Client, team: str, victims: list[str], kafka: KafkaCluster | None
) -> None:
    poster = Poster(keuken)
    thread = threading.Thread(target=poster.run)
    thread.start()
    for _ in range(ROUNDS):
        before = len(poster.accepted)
        wait_until(lambda before=before: len(poster.accepted) > before + 20, COUNTED_SECONDS)
        for victim in victims:
            if kafka and victim == "broker":
                kafka.kill(1)
                kafka.start(1)
            else:
                stack.kill(victim)
        wait_until(
            lambda: {process["state"] for process in stack.status()["processes"]} == {"running"},
            COUNTED_SECONDS,
        )
    poster.stopping.set()
    thread.join()

    wait_until(lambda: stack.health().get("lag") == 0, COUNTED_SECONDS)
    states = [receipt_of(poster.client, answer) for answer in poster.accepted]
    assert [state for state in states if state["new"] + state["repeats"] != EVENTS_IN_BATCH] == []
    with psycopg.connect(str(stack.state.owner_dsn)) as connection:
        counted = connection.execute(
            "SELECT count(*), count(DISTINCT id) FROM measurement JOIN source USING (source_no)"
            " WHERE team = %s",
            (team,),
        ).fetchone()
        total = connection.execute(
            "SELECT sum(quantity), sum(readings) FROM rollup_day JOIN leaf USING (leaf_no) WHERE team = %s",
            (team,),
        ).fetchone()
    events = len(poster.accepted) * EVENTS_IN_BATCH
    assert counted == (events, events)
    assert total == (events * 1000, events)


def test_a_door_that_is_told_to_stop_ends_at_once_also_without_a_broker(
    stack: Stack, keuken: Client, kafka: KafkaCluster | None
) -> None:
    if kafka:
        pytest.skip("without a broker of its own there is no spool")
    stack.kill("broker")
    assert keuken.post([event("1")]).status == 202
    began = time.monotonic()

    stack.run("down")
    stack.up()

    assert time.monotonic() - began < COUNTED_SECONDS
    wait_until(lambda: stack.health().get("lag") == 0, COUNTED_SECONDS)


def test_no_log_holds_a_token_or_a_body(stack: Stack, keuken: Client) -> None:
    keuken.post([event("secret-id")])
    keuken.post(b'{"id": "secret-id"')
    keuken.call("POST", f"/v1/nothing?token={keuken.token}", b"secret-id")
    Client(keuken.port, keuken.token[:-1]).post([event("secret-id")])

    logs = [path.read_text() for path in (stack.home / "logs").glob("*.log")]

    assert logs
    assert not any(keuken.token.split("_", 2)[2][:20] in text or "secret-id" in text for text in logs)
