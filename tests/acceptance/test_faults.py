"""Whatever dies while measurements are posted: each 202 counts exactly once, in totals, receipts and ledger.

Two teams post all the time to one stack with two processors. Set `FAULTS_SEED` to post the same again.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from tests.acceptance.poster import KINDS, REFUSED, Measurements, Poster, kind_of, poster_of
from tests.door_client import Client
from tests.oracle import Expected, Sum, expect
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

TEAMS = ("keuken", "ok-centrum")
ORGANISATION: dict[str, Any] = {"main_site": "main", "teams": {team: {} for team in TEAMS}, "meters": {}}
PROCESSORS = ("processor-1", "processor-2")
COUNTED_SECONDS = 120
RUNNING_SECONDS = 60
RECORDS = 5

TotalKey = tuple[str, str, str, str | None, str]


class Campaign:
    """A stack with posters, and what must be in it by what they were promised."""

    def __init__(self, stack: Stack, posters: list[Poster]) -> None:
        self.stack = stack
        self.posters = posters
        self.by_topic: list[str] = []
        self.bad_records = 0
        steward = stack.run("token", "create", "--steward").strip()
        self.client = Client(urlsplit(stack.api).port or 0, steward)
        self._followed = Counter[str]()

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Post meanwhile and a bit longer; then everything must be counted."""
        for poster in self.posters:
            poster.start()
        try:
            yield
            self.wait_for_posts(5)
        finally:
            for poster in self.posters:
                poster.stop()
        self.check()

    def wait_for_posts(self, number: int) -> None:
        """Wait until each poster has got so many more posts accepted."""
        wanted = [len(poster.receipts) + number for poster in self.posters]

        def posted() -> bool:
            reached = zip(self.posters, wanted, strict=True)
            return all(poster.failure or len(poster.receipts) >= receipts for poster, receipts in reached)

        wait_until(posted, COUNTED_SECONDS)

    def check(self) -> None:
        """Wait until everything is counted, and compare it with what was accepted."""
        wait_until(lambda: self.stack.status()["lag"] == 0, COUNTED_SECONDS)
        self.client.connection.close()  # it may be one to a door that was killed
        self._check_receipts()
        bodies = [body for poster in self.posters for body in poster.accepted] + self.by_topic
        expected = expect(bodies, ORGANISATION)
        assert self._totals() == totals_of(expected)
        assert self._ledger() == states_of(expected)
        assert self._conflicts() == conflicts_of(bodies, expected)
        assert len(self._rejects_of_records()) == self.bad_records
        verified = self.stack.run("verify")
        assert verified.startswith("Everything agrees: "), verified

    def _check_receipts(self) -> None:
        wrong = []
        for poster in self.posters:
            team = poster.measurements.team
            for text, events in poster.receipts[self._followed[team] :]:
                receipt = self._done(text)
                if receipt["events"] != events or events != sum(
                    receipt[name] for name in ("new", "repeats", "rejected")
                ):
                    wrong.append(receipt)
            self._followed[team] = len(poster.receipts)
        assert wrong == []

    def _done(self, receipt: str) -> dict[str, Any]:
        def done() -> dict[str, Any] | None:
            state: dict[str, Any] = self._get(f"/v1/receipts/{receipt}")
            return state if state["state"] == "done" else None

        return wait_until(done, COUNTED_SECONDS) or {}

    def _totals(self) -> dict[TotalKey, Sum]:
        """Everything that was counted, by team, kind, category, flow and base unit."""
        totals = {}
        period = "from=2024-01-01&to=2026-01-01&bucket=all&by=team,category&limit=10000"
        for kind in KINDS:
            rows = [
                (row, flow)
                for flow in (("use", "feed-in") if kind == "energy" else (None,))
                for row in self._get(f"/v1/totals?kind={kind}&{period}{f'&flow={flow}' if flow else ''}")[
                    "rows"
                ]
            ]
            for row, flow in rows:
                key = row["team"], kind, row["category"], flow, row["base_unit"]
                totals[key] = Sum(int(row["base_quantity"]), row["readings"])
        return totals

    def has_read_the_topics(self) -> bool:
        """Whether everything that was written to topics is in the ledger or in the rejects.

        What waits on a topic of the embedded broker cannot be told otherwise: it reports a lower bound.
        """
        if len(self._rejects_of_records()) < self.bad_records:
            return False
        ledger, wanted = self._ledger(), states_of(expect(self.by_topic, ORGANISATION))
        return all(ledger.get(identity) == states for identity, states in wanted.items())

    def _ledger(self) -> dict[tuple[str, ...], dict[int, str]]:
        """The state of every revision of every measurement, as the command shows it."""
        rows = json.loads(self.stack.run("events", "--json"))["rows"]
        return {
            (row["team"], row["kind"], row["source"], row["id"]): {
                revision["revision"]: revision["state"] for revision in row["revisions"]
            }
            for row in rows
        }

    def _conflicts(self) -> set[tuple[str, ...]]:
        rows = self._rejects()
        return {(row["team"], row["kind"], row["source"], row["id"]) for row in rows if is_conflict(row)}

    def _rejects_of_records(self) -> list[dict[str, Any]]:
        return [row for row in self._rejects() if not is_conflict(row)]

    def _rejects(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.stack.run("rejects", "--json"))["rows"]
        return rows

    def _get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status == 200, answer.body
        return answer.json


def is_conflict(reject: Mapping[str, Any]) -> bool:
    """Whether an event was refused for the other content that is in the ledger."""
    return [problem["field"] for problem in reject["problems"]] == ["revision"]


def totals_of(expected: Expected) -> dict[TotalKey, Sum]:
    """The days of the expectation, added up."""
    quantities, readings = Counter[TotalKey](), Counter[TotalKey]()
    for (leaf, _), part in expected.days.items():
        key = leaf.team, leaf.kind, leaf.category, leaf.flow, leaf.unit
        quantities[key] += part.quantity
        readings[key] += part.readings
    return {key: Sum(quantities[key], readings[key]) for key in readings}


def states_of(expected: Expected) -> dict[tuple[str, ...], dict[int, str]]:
    """What the ledger must say of every revision."""
    states: dict[tuple[str, ...], dict[int, str]] = {}
    for (identity, revision), row in expected.ledger.items():
        states.setdefault(identity, {})[revision] = "retracted" if row.retracted else "counted"
    for revisions in states.values():
        for revision in set(revisions) - {max(revisions)}:
            revisions[revision] = "superseded"
    return states


def conflicts_of(bodies: list[str], expected: Expected) -> set[tuple[str, ...]]:
    """The measurements of which other content came under a known revision."""
    conflicts = set()
    for body, outcome in zip(bodies, expected.outcomes, strict=True):
        if outcome == "conflict":
            event = json.loads(body)
            conflicts.add((event["team"], kind_of(event), event["source"], event["id"]))
    return conflicts


def campaign_of(stack: Stack, seed: str) -> Campaign:
    """A campaign on a stack that is up."""
    print(f"FAULTS_SEED={seed}")
    return Campaign(stack, [poster_of(stack, team, seed) for team in TEAMS])


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    with temporary_stacks() as make:
        stack = make(WORKERS="2")
        stack.up()
        yield campaign_of(stack, os.environ.get("FAULTS_SEED") or str(time.time_ns()))


def pids_of(stack: Stack, *names: str) -> Mapping[str, int]:
    """The process ids of these parts, as soon as all of them run."""

    def running() -> Mapping[str, int] | None:
        parts = {part.name: part.pid for part in stack.state.processes if part.name in names and part.pid}
        return parts if len(parts) == len(names) else None

    return wait_until(running, RUNNING_SECONDS) or {}


def kill(stack: Stack, *names: str) -> None:
    """End parts as a crash would, and wait until others run in their place."""
    pids = pids_of(stack, *names)
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(pids_of(stack, *names).values()) & set(pids.values()), RUNNING_SECONDS)


def crash(stack: Stack) -> None:
    """End every process of the stack at the same moment, as if the machine lost power, and start it again."""
    supervisor = psutil.Process(stack.state.supervisor.pid or 0)
    everything = [supervisor, *supervisor.children(recursive=True)]
    for process in everything:
        process.suspend()
    for process in everything:
        process.kill()
    psutil.wait_procs(everything, timeout=RUNNING_SECONDS)
    stack.up()


def end_supervisor(stack: Stack) -> None:
    """End the supervisor only; its children end themselves before it is started again."""
    state = stack.state
    os.kill(state.supervisor.pid or 0, signal.SIGKILL)
    wait_until(lambda: not any(part.is_alive() for part in state.processes), RUNNING_SECONDS)
    stack.up()


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """A part that hangs meanwhile, with all its own children."""
    process = psutil.Process(pids_of(stack, name)[name])
    family = [process, *process.children(recursive=True)]
    for member in family:
        member.suspend()
    try:
        yield
    finally:
        for member in family:
            if member.is_running():
                member.resume()


@pytest.mark.parametrize(
    "rounds",
    [
        [("processor-1",), PROCESSORS, ("broker",), ("broker", "processor-2")],
        [("door",), ("door", "processor-1"), ("database",), ("database", "door", "broker")],
    ],
    ids=["processors and broker", "door and database"],
)
def test_a_part_is_killed_while_measurements_are_posted(
    campaign: Campaign, rounds: list[tuple[str, ...]]
) -> None:
    with campaign.posting():
        for victims in rounds:
            campaign.wait_for_posts(5)
            kill(campaign.stack, *victims)


def test_the_database_hangs_and_comes_back(campaign: Campaign) -> None:
    with campaign.posting():
        campaign.wait_for_posts(5)
        with stopped(campaign.stack, "database"):
            campaign.wait_for_posts(2)  # the first may have been under way


def test_everything_is_killed_and_started_again(campaign: Campaign) -> None:
    with campaign.posting():
        for fault in (crash, end_supervisor):
            campaign.wait_for_posts(5)
            fault(campaign.stack)


def test_records_of_an_integrator_while_processors_are_killed(campaign: Campaign) -> None:
    campaign.stack.run("integrator", "add", "lab", "--teams", ",".join(TEAMS))
    seeds = [poster.measurements.random.random() for poster in campaign.posters]
    labs = [
        Measurements(team, random.Random(seed), prefix="lab-")  # noqa: S311 no secret
        for team, seed in zip(TEAMS, seeds, strict=True)
    ]
    with campaign.posting():
        for victims in [("processor-1",), PROCESSORS, ()]:
            asyncio.run(produce(campaign.stack, labs))
            if victims:
                kill(campaign.stack, *victims)
        campaign.by_topic = [json.dumps(event) for lab in labs for event in lab.posted]
        campaign.bad_records = 3 * len(labs) * RECORDS * len(bad_records("", labs[0]))
        wait_until(campaign.has_read_the_topics, COUNTED_SECONDS)


async def produce(stack: Stack, labs: list[Measurements]) -> None:
    """Write records of each mode to the topics of the integrator, and records that cannot be counted."""
    address = stack.status()["urls"]["broker"]
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:

        async def send(kind: str, value: object, **headers: str) -> None:
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            encoded = [(f"ce_{name}", text.encode()) for name, text in headers.items()]
            team = lab.team.encode()
            await producer.send_and_wait(f"measurements.{kind}.lab", body, key=team, headers=encoded)

        for lab in labs:
            for number in range(RECORDS):
                for kind, group in groupby(lab.batch(), kind_of):
                    await send(kind, list(group))
                event = lab.event()
                await send(kind_of(event), event)
                attributes = dict(lab.event())
                data = attributes.pop("data", b"")
                spelt = {
                    name: str(value).lower() for name, value in attributes.items() if name == "retracted"
                }
                await send(kind_of(attributes), data, **{n: str(v) for n, v in attributes.items()} | spelt)
                for value in bad_records(f"bad-{number}", lab):
                    await send("waste", value)


def bad_records(id_: str, lab: Measurements) -> list[object]:
    """Records of one fault each: not JSON, empty, without a team, for a foreign team, of another kind."""
    event = REFUSED | {"id": id_, "data": REFUSED["data"] | {"stream": "residual"}}
    kitchen = {"type": "nl.groenmeter.food-waste.v1", "data": {"stage": "plate", "quantity": 1, "unit": "g"}}
    return [b"{", b"", event, [event | {"team": "nobody"}], event | {"team": lab.team} | kitchen]
