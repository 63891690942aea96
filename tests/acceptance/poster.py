"""Posts measurements of every kind without end, whatever happens to the stack, and remembers every 202."""

import http.client
import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.door_client import Answer, Client
from tests.oracle import Identity
from tests.stacks import Stack
from tests.waiting import wait_until

KINDS = ("energy", "waste", "food-waste", "medication-waste", "activity")
SOURCES = 8
BATCH = 25
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 120
PERIODS = [
    {"from": "2024-12-27T00:00:00+01:00", "to": "2025-01-03T00:00:00+01:00"},
    {"from": "2025-10-24T00:00:00+02:00", "to": "2025-11-01T00:00:00+01:00"},
]
SHORT = [{"from": "2025-10-26T01:50:00+02:00", "to": "2025-10-26T02:20:00+02:00"}]
REFUSED = {
    "specversion": "1.0",
    "type": "nl.groenmeter.waste.v1",
    "id": "refused",
    "source": "/scale",
    "time": "2025-01-01T00:00:00Z",
    "data": {"stream": "not-of-the-catalogue", "quantity": 1, "unit": "kg"},
}

Event = dict[str, Any]


class Receipt(NamedTuple):
    """What a 202 promised: so many events."""

    text: str
    events: int


@dataclass
class Measurements:
    """Makes up the events of a team: new ones, repeats, corrections, retractions and conflicts.

    Teams number their measurements alike: kind, source and id are the same, only the team differs. The two
    contents of a conflict have equal amounts, so that the totals do not depend on which one came first.
    """

    team: str
    random: random.Random
    prefix: str = ""
    posted: list[Event] = field(default_factory=list)
    newest: dict[Identity, int] = field(default_factory=dict)

    def batch(self) -> list[Event]:
        """One event or several."""
        return [self.event() for _ in range(self.random.choice([1, 1, 3, self.random.randint(2, BATCH)]))]

    def event(self) -> Event:
        """The next event."""
        shape = self.random.random()
        if not self.posted or shape < 0.6:
            number = len(self.newest) + 1
            event = self._content(KINDS[number % len(KINDS)])
            event |= {"id": f"{self.prefix}{number}", "source": f"/scale/{number % SOURCES}"}
        else:
            event = self._change_of(self.random.choice(self.posted[-300:]), shape)
        self.posted.append(event)
        identity = self.identity(event)
        self.newest[identity] = max(event.get("revision", 1), self.newest.get(identity, 0))
        return event

    def identity(self, event: Event) -> Identity:
        """What the event is known by."""
        return Identity(self.team, kind_of(event), event["source"], event["id"])

    def _change_of(self, event: Event, shape: float) -> Event:
        if shape < 0.75 or (shape >= 0.95 and event.get("retracted")):
            return event
        if shape >= 0.95:
            return event | {"data": event["data"] | {"note": f"another note {self.random.random()}"}}
        named = {name: event[name] for name in ("id", "source")}
        named["revision"] = self.newest[self.identity(event)] + self.random.randint(1, 2)
        if shape < 0.85:
            return self._content(kind_of(event)) | named
        common = {name: event[name] for name in ("specversion", "type", "team")}
        return common | named | {"retracted": True}

    def _content(self, kind: str) -> Event:
        event: Event = {"specversion": "1.0", "type": f"nl.groenmeter.{kind}.v1", "team": self.team}
        event["data"] = self._data(kind)
        if self.random.random() < 0.3:
            event["data"] |= self.random.choice(PERIODS if kind == "medication-waste" else PERIODS + SHORT)
        else:
            month, day, hour = (self.random.randint(*edges) for edges in ((1, 12), (1, 28), (0, 23)))
            event["time"] = f"2025-{month:02}-{day:02}T{hour:02}:12:34.567+01:00"
        return event

    def _data(self, kind: str) -> Event:
        amount = f"{self.random.randint(0, 99_999)}.{self.random.randint(0, 999_999_999):09}"
        choose = self.random.choice
        data: Event = {
            "energy": {"carrier": choose(["electricity", "district-heat"]), "quantity": amount, "unit": "MJ"},
            "waste": {"stream": choose(["residual", "paper", "sza"]), "quantity": amount, "unit": "kg"},
            "food-waste": {"stage": choose(["plate", "serving"]), "quantity": amount, "unit": "g"},
            "medication-waste": {"reason": choose(["expired", "spilled"]), "cost_eur": amount},
            "activity": {"indicator": "meals", "quantity": self.random.randint(0, 99_999), "unit": "1"},
        }[kind]
        if kind == "medication-waste":
            data["pieces"] = self.random.randint(0, 999)
        elif self.random.random() < 0.2:
            data["cost_eur"] = amount
        if kind == "energy":
            data["flow"] = choose(["use", "feed-in"])
        return data


class InThread:
    """Takes turns in a thread of its own while told to. `failure`: what ended it."""

    failure: BaseException | None = None
    stopping = threading.Event()  # of one that was never started

    def turn(self) -> None:
        """Do the next thing; soon over when `stopping` is set."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin, or go on."""
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the turn under way."""
        self.stopping.set()

    def stop(self) -> None:
        """End after the turn under way; raises what went wrong meanwhile."""
        self.stopping.set()
        self._thread.join()
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.turn()
        except BaseException as failure:  # the test's thread raises it
            self.failure = failure


@dataclass
class Poster(InThread):
    """Posts for one team in a thread while told to; what is not answered is posted again, as it is.

    `receipts` and `accepted` (JSON texts, in the order of their answers) are what the door promised to count;
    `refused`: how many posts were answered with 503, `broken` how many not at all.
    """

    client: Client
    measurements: Measurements
    receipts: list[Receipt] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    broken: int = 0

    def turn(self) -> None:
        """Post the next events."""
        self.post(self.measurements.batch())
        self.stopping.wait(PAUSE_SECONDS)

    def post(self, events: list[Event]) -> None:
        """Post events until they are accepted, with one among them now and then that is refused."""
        bad = None
        if len(events) > 1 and self.measurements.random.random() < 0.2:
            bad = self.measurements.random.randrange(len(events) + 1)
            events = [*events[:bad], REFUSED, *events[bad:]]
        body = json.dumps(events if len(events) > 1 else events[0]).encode()
        answer = wait_until(lambda: self._ask(body), PATIENCE_SECONDS)
        assert answer.status == 202, answer.body
        outcomes = [entry["outcome"] for entry in answer.json["events"]]
        assert outcomes == ["rejected" if index == bad else "accepted" for index in range(len(events))]
        self.accepted += [json.dumps(event) for index, event in enumerate(events) if index != bad]
        self.receipts.append(Receipt(answer.json["receipt"], answer.json["accepted"]))

    def _ask(self, body: bytes) -> Answer | None:
        try:
            answer = self.client.post(body)
        except (OSError, http.client.HTTPException):
            self.client.connection.close()
            self.broken += 1
        else:
            if answer.status != 503:
                return answer
            self.refused += 1
        self.stopping.wait(PAUSE_SECONDS)
        return None


def poster_of(stack: Stack, team: str, seed: str) -> Poster:
    """A poster of a team that there is."""
    token = stack.run("token", "create", team).strip()
    client = Client(urlsplit(stack.api).port or 0, token)
    return Poster(client, Measurements(team, random.Random(f"{seed} {team}")))  # noqa: S311 no secret


def kind_of(event: Event) -> str:
    """The kind that the event's type names."""
    return str(event["type"]).removeprefix("nl.groenmeter.").removesuffix(".v1")
