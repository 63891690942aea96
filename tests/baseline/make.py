"""`python -m tests.baseline.make`: the baseline anew, by the code of its commit, and what that says of it."""

import asyncio
import json
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer

from schemas.json_text import write_json
from services.backup.archive import Manifest, write_archive
from services.store.backup import open_copyable
from tests.acceptance.poster import Measurements
from tests.baseline.code import OldStack, old_code
from tests.baseline.questions import KINDS, path, totals_questions
from tests.door_client import Client
from tests.waiting import wait_until

HERE = Path(__file__).parent
SEED = 20261122
EVENTS = 120
SECONDS = 90
TARGETS_ON = "2026-01-15"

Event = dict[str, Any]


class Making:
    """A stack of the old code, and what was asked of it."""

    def __init__(self, stack: OldStack) -> None:
        self.stack = stack
        self.answers: dict[str, Any] = {}
        self.receipts: list[str] = []
        self.steward = self.client("--steward")

    def client(self, *sort: str) -> Client:
        """A client with a new token."""
        return Client(urlsplit(self.stack.api).port or 0, self.stack.run("token", "create", *sort).strip())

    def post(self, client: Client, events: list[Event]) -> None:
        """Post, and wait until all are counted or rejected."""
        client.connection.close()  # the door closes one that was idle for long
        answer = client.post(events)
        assert answer.status == 202, answer.body
        self.receipts.append(answer.json["receipt"])
        wait_until(lambda: self.get(f"/v1/receipts/{self.receipts[-1]}")["state"] == "done", SECONDS)

    def get(self, path: str) -> Any:
        """What the old code answers."""
        self.steward.connection.close()
        answer = self.steward.get(path)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def ask(self, name: str, path: str) -> None:
        """Ask, and keep the answer with its question."""
        answer = self.get(path)
        assert answer.get("cursor") is None, f"{name}: the fixture is to stay small"
        self.answers[name] = {"path": path, "answer": answer}


def months(year: int) -> Iterator[tuple[str, str]]:
    """The months of a year in local time."""
    starts = [f"{year + month // 12}-{month % 12 + 1:02}-01T00:00:00" for month in range(13)]
    zones = ["+02:00" if 4 <= month % 12 + 1 <= 10 else "+01:00" for month in range(13)]
    return pairwise(start + zone for start, zone in zip(starts, zones, strict=True))


def event(kind: str, id_: str, data: Event | None = None, **attributes: Any) -> Event:
    """A CloudEvent."""
    posted = {"specversion": "1.0", "type": f"nl.groenmeter.{kind}.v1", "id": id_, "source": "/hand"}
    return posted | attributes | ({} if data is None else {"data": data})


def by_hand() -> list[Event]:
    """What `Measurements` does not make: containers, gas as read, free text, emoji, a clock change."""
    summer = {"from": "2025-10-26T02:30:00+02:00", "to": "2025-10-26T02:15:00+01:00"}
    weeks = {"from": "2025-03-20T00:00:00+01:00", "to": "2025-04-03T00:00:00+02:00"}
    residual = {"stream": "residual", "quantity": "0.000001", "unit": "kg"}
    return [
        event("waste", "boxes", {"stream": "sza", "container": "sza-drum-30l", "containers": 3} | weeks),
        event(
            "waste", "\N{STETHOSCOPE} קוד", residual | weeks | {"note": "zak gescheurd", "evidence": "bon 7"}
        ),
        event("waste", "detail", residual | weeks | {"detail": True, "quantity": 7, "site": "west"}),
        event(
            "energy",
            "gas",
            {"carrier": "natural-gas", "quantity": 1234, "unit": "m3", "meter": "gas-1"} | weeks,
        ),
        event("energy", "hour", {"carrier": "electricity", "quantity": 1001, "unit": "Wh"} | summer),
        event(
            "energy",
            "sun",
            {"carrier": "electricity", "quantity": 7, "unit": "kWh", "flow": "generation"} | weeks,
        ),
        event("food-waste", "soup", {"stage": "plate", "quantity": 3, "unit": "g", "item": "soep"} | weeks),
        event(
            "medication-waste",
            "box",
            {
                "reason": "expired",
                "pieces": 7,
                "mass": "1.5",
                "mass_unit": "g",
                "cost_eur": "99.99",
                "product": "X",
            },
            time="2025-10-26T03:30:00+01:00",
        ),
        event("activity", "area", {"indicator": "floor-area", "quantity": 1000, "unit": "m2"} | weeks),
        event("waste", "gone", residual | weeks),
        event("waste", "gone", revision=3, retracted=True),
        event("waste", "gone", residual | weeks | {"quantity": 5}, revision=2),
    ]


def residual_waste(kilograms: dict[str, float], revision: int = 1) -> list[Event]:
    """A year of two streams by month: `kilograms` of each stream."""
    return [
        event(
            "waste",
            f"{stream}-{start}",
            {"stream": stream, "quantity": amount, "unit": "kg", "from": start, "to": end},
            revision=revision,
        )
        for stream, amount in kilograms.items()
        for start, end in months(2025)
    ]


def gas() -> list[Event]:
    """Two years by month: 10 % less in the second."""
    return [
        event(
            "energy",
            f"gas-{start}",
            {"carrier": "natural-gas", "quantity": amount, "unit": "Nm3", "from": start, "to": end},
        )
        for year, amount in ((2024, 1000), (2025, 900))
        for start, end in months(year)
    ]


async def write_to_topics(broker: str) -> None:
    """What an integrator writes: good records, bad ones, and one for a team that it may not speak for yet."""
    good = event(
        "waste", "lab-1", {"stream": "glass", "quantity": 2, "unit": "kg"}, time="2025-05-01T10:00:00Z"
    )
    records: list[object] = [
        good | {"team": "keuken"},
        [good | {"team": "keuken", "id": "lab-2"}, good | {"team": "ok-centrum", "id": "lab-3"}],
        good | {"team": "nobody"},
        {"no": "event"},
    ]
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        for record in records:
            await producer.send_and_wait("measurements.waste.lab", json.dumps(record).encode(), key=b"lab")
        await producer.send_and_wait("measurements.waste.lab", b"{", key=b"lab")


def fill(making: Making) -> None:
    """Everything that there is to be."""
    stack = making.stack
    stack.run("subscriber", "add", "nurse", "--email", "nurse@example.nl", "--team", "facilities")
    stack.run("subscriber", "add", "hook", "--webhook", "http://127.0.0.1:9/closed", "--language", "en")
    facilities = making.client("facilities")
    making.post(facilities, residual_waste({"residual": 10, "paper": 90}) + gas())
    wait_until(lambda: target(making, "quarter")["band"] == "green", SECONDS)
    stack.run("integrator", "add", "lab", "--teams", "keuken")
    asyncio.run(write_to_topics(str(stack.state.broker)))
    wait_until(lambda: len(refused(making)) == 4, SECONDS)
    stack.run("integrator", "add", "lab", "--teams", "keuken,ok-centrum")
    replayed = stack.call("rejects", "--replay", "--team", "ok-centrum")
    print(replayed.stdout, replayed.stderr)
    wait_until(lambda: making.get("/v1/events?id=lab-3")["rows"], SECONDS)
    for team in ("keuken", "ok-centrum"):
        client = making.client(team)
        measurements = Measurements(team, random.Random(f"{SEED} {team}"))  # noqa: S311 no secret
        while len(measurements.posted) < EVENTS:
            making.post(client, measurements.batch())
        making.post(client, by_hand())
    for kind in KINDS:
        ask_as_of(making, kind)
    making.post(facilities, residual_waste({"residual": 60}, revision=2))
    wait_until(lambda: target(making, "quarter")["band"] == "red", SECONDS)
    wait_until(lambda: len(json.loads(stack.run("messages", "--json"))["rows"]) == 2, SECONDS)
    stack.run("token", "revoke", making.client("--viewer").token)
    wait_until(lambda: stack.health().get("lag") == 0, SECONDS)


def refused(making: Making) -> list[Event]:
    """The rejects of the integrator."""
    rows: list[Event] = making.get("/v1/rejects")["rows"]
    return [row for row in rows if row["topic"].endswith(".lab")]


def target(making: Making, name: str) -> Event:
    """How a target stands."""
    (row,) = (row for row in making.get(f"/v1/targets?on={TARGETS_ON}")["rows"] if row["id"] == name)
    return dict(row)


def ask_as_of(making: Making, kind: str) -> None:
    """What is so now must be answered later, too, for this moment."""
    question = totals_questions()[f"{kind} in all"]
    as_of = making.get(path(question))["as_of"]
    making.ask(f"{kind} in all, earlier", path(question | {"as_of": as_of}))


def ask_everything(making: Making) -> None:
    """What is recorded beside the data."""
    for name, question in totals_questions().items():
        making.ask(name, path(question))
    making.ask("targets", f"/v1/targets?on={TARGETS_ON}&team=facilities")
    making.ask("rejects", "/v1/rejects?limit=10000")
    for team in ("keuken", "ok-centrum"):
        making.ask(f"events of {team}", f"/v1/events?team={team}&limit=10000&kind=waste")
    for number, receipt in enumerate(making.receipts):
        making.ask(f"receipt {number}", f"/v1/receipts/{receipt}")


def main() -> None:
    """Make both files."""
    with tempfile.TemporaryDirectory(prefix="groenmeter-baseline-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "code").mkdir()
        settings = {"ORGANISATION": str(HERE / "organisation.toml"), "WORKERS": "2"}
        (directory / "home").mkdir()
        stack = OldStack(directory / "home", settings, old_code(directory / "code"))
        stack.up()
        try:
            making = Making(stack)
            fill(making)
            ask_everything(making)
            verified = stack.run("verify")
            assert verified.startswith("Everything agrees"), verified
            with (
                open_copyable(str(stack.state.owner_dsn)) as copyable,
                (HERE / "database.backup").open("wb") as file,
            ):
                manifest = Manifest(groenmeter="0.1.0", facts=copyable.facts)
                rows = write_archive(
                    file, manifest, ((table, copyable.rows(table)) for table in copyable.facts.tables)
                )
        finally:
            stack.end()
    recorded = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": rows,
        "answers": making.answers,
    }
    (HERE / "answers.json").write_text(write_json(recorded) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
