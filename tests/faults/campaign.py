"""A stack that is posted to from all sides, and what must be in it by what the posters were promised."""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.settings import Settings
from tests.acceptance.poster import KINDS, Measurements, poster_of
from tests.door_client import Client
from tests.faults import slipping
from tests.faults.clocks import Clocks, why_not
from tests.faults.comparing import (
    TotalKey,
    bad_records,
    conflicts_of,
    differences,
    is_conflict,
    states_of,
    totals_of,
)
from tests.faults.integrator import NAME, Integrator
from tests.faults.spool_disk import SpoolDisk
from tests.integration.alerting.receivers import web_server
from tests.kafka import KafkaCluster, kafka_cluster
from tests.oracle import Sum, expect
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

TEAMS = ("keuken", "ok-centrum")
EVERYBODY = (*TEAMS, slipping.TEAM)
ORGANISATION: dict[str, Any] = {
    "main_site": "main",
    "teams": {team: {} for team in EVERYBODY},
    "meters": {},
}
COUNTED_SECONDS = 180
MACHINES = 3  # of the integrator
FAIL_POINT_FILE = "fail-point"


class Campaign:
    """What is under test and what is done to it.

    `clocks`, `spool_disk`, `cluster`: None where there is no such thing. `injected`: faults by kind.
    """

    def __init__(
        self,
        stack: Stack,
        seed: str,
        *,
        streams: list[str],
        clocks: Clocks | None,
        spool_disk: SpoolDisk | None,
        cluster: KafkaCluster | None,
        hook: slipping.Hook,
        hook_url: str,
    ) -> None:
        self.stack = stack
        self.random = random.Random(seed)  # noqa: S311 no secret
        self.clocks = clocks
        self.spool_disk = spool_disk
        self.cluster = cluster
        self.injected = Counter[str]()
        self.checks = 0
        self.told = slipping.Told(hook)
        self.posters = [poster_of(stack, team, seed) for team in EVERYBODY]
        self._slips = slipping.Slips(self._chance(), streams, share=0.05 if len(streams) > 10 else 0.15)
        self.posters[-1].measurements = self._slips  # type: ignore[assignment]
        given: dict[str, Any] = {
            name.lower(): value for name, value in (cluster.settings if cluster else {}).items()
        }
        broker = Settings(**{"broker": stack.state.broker} | given)
        self.integrators = [
            Integrator(
                number,
                str(stack.state.owner_dsn),
                broker,
                self._chance(),
                [Measurements(team, self._chance(), prefix=f"{NAME}-{number}-") for team in TEAMS],
            )
            for number in range(MACHINES)
        ]
        steward = stack.run("token", "create", "--steward").strip()
        self._client = Client(urlsplit(stack.api).port or 0, steward)
        self._followed = Counter[str]()
        slipping.prepare(stack, self.posters[-1], hook_url, streams)

    def _chance(self) -> random.Random:
        return random.Random(self.random.random())  # noqa: S311 no secret

    @property
    def fail_point_file(self) -> Path:
        """Names the place where the next process dies."""
        return self.stack.home / FAIL_POINT_FILE

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Post meanwhile and a bit longer; then everything must be counted."""
        writers = [*self.posters, *self.integrators]
        for writer in writers:
            writer.start()
        try:
            yield
            self.wait_for_posts(3)
        finally:
            for writer in writers:
                writer.ask_to_stop()
            for writer in writers:
                writer.stop()
        self.check()

    def wait_for_posts(self, number: int) -> None:
        """Wait until each poster has got so many more posts accepted."""
        wanted = [len(poster.receipts) + number for poster in self.posters]

        def posted() -> bool:
            reached = zip(self.posters, wanted, strict=True)
            return all(poster.failure or len(poster.receipts) >= receipts for poster, receipts in reached)

        wait_until(posted, COUNTED_SECONDS)

    @property
    def bodies(self) -> list[str]:
        """Every event that must be counted, a repeat or a conflict, as JSON."""
        posted = [body for poster in self.posters for body in poster.accepted]
        return posted + [body for machine in self.integrators for body in machine.counted]

    def check(self) -> None:
        """Wait until everything is counted, and compare it with what was promised."""
        self._wait_for_the_count()
        self._client.connection.close()  # it may be one to a door that was killed
        self._check_receipts()
        bodies = self.bodies
        expected = expect(bodies, ORGANISATION)
        verified = self.stack.call("verify").stdout
        found = {
            "ledger": differences(self._ledger(), states_of(expected)),
            "totals": differences(self._totals(), totals_of(expected)),
            "verify": {} if verified.startswith("Everything agrees: ") else {"says": verified},
        }
        assert not any(found.values()), found
        self._check_rejects(conflicts_of(bodies, expected))
        self.told.check(self.stack, self._slips.slipped)
        self.checks += 1

    def _wait_for_the_count(self) -> None:
        """However long it takes, as long as it goes on."""
        lowest = math.inf

        def less() -> tuple[int] | None:
            lag = self.stack.health().get("lag")
            return (lag,) if lag is not None and lag < lowest else None

        while lowest:
            (lowest,) = wait_until(less, COUNTED_SECONDS)

    def _check_receipts(self) -> None:
        wrong = []
        for poster in self.posters:
            team = poster.measurements.team
            for text, events in poster.receipts[self._followed[team] :]:
                receipt = self._done(text)
                parts = sum(receipt[name] for name in ("new", "repeats", "rejected"))
                if receipt["events"] != events or events != parts:
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
        period = "from=2024-01-01&to=2027-01-01&bucket=all&by=team,category&limit=10000"
        for kind in KINDS:
            for flow in ("use", "feed-in") if kind == "energy" else (None,):
                path = f"/v1/totals?kind={kind}&{period}{f'&flow={flow}' if flow else ''}"
                for row in self._get(path)["rows"]:
                    key = row["team"], kind, row["category"], flow, row["base_unit"]
                    totals[key] = Sum(int(row["base_quantity"]), row["readings"])
        return totals

    def _ledger(self) -> dict[tuple[str, ...], dict[int, str]]:
        """The state of every revision of every measurement, as the command shows it."""
        rows = json.loads(self.stack.run("events", "--json"))["rows"]
        return {
            (row["team"], row["kind"], row["source"], row["id"]): {
                revision["revision"]: revision["state"] for revision in row["revisions"]
            }
            for row in rows
        }

    def _check_rejects(self, conflicts: set[tuple[str, ...]]) -> None:
        """Every conflict is there; every bad record is there, no more often than it was written."""
        rows: list[dict[str, Any]] = json.loads(self.stack.run("rejects", "--json"))["rows"]
        found = {(row["team"], row["kind"], row["source"], row["id"]) for row in rows if is_conflict(row)}
        assert found == conflicts
        origins = Counter((row["origin"], row["position"]) for row in rows)
        assert [origin for origin, times in origins.items() if times > 1] == []
        bad = bad_records(rows)
        times = {name: times for machine in self.integrators for name, times in machine.bad.items()}
        wrong = {name: (bad[name], most) for name, most in times.items() if not 1 <= bad[name] <= most}
        assert (wrong, bad.keys() - times.keys()) == ({}, set())

    def _get(self, path: str) -> Any:
        answer = self._client.get(path)
        assert answer.status == 200, answer.body
        return answer.json


@contextmanager
def campaign_of(seed: str, streams: int, kafka_nodes: int) -> Iterator[Campaign]:
    """A campaign on a stack of its own: two processors, a disk and clocks of its own where that can be.

    `streams`: how many targets can slip; `kafka_nodes`: of a real cluster, 0 for the embedded broker.
    """
    chosen = slipping.STREAMS[:streams]
    with temporary_stacks() as make, web_server() as (hook, url), ExitStack() as resources:
        cluster = resources.enter_context(kafka_cluster(kafka_nodes)) if kafka_nodes else None
        stack = make(WORKERS="2", **(cluster.settings if cluster else {}))
        stack.settings["FAIL_POINT"] = str(stack.home / FAIL_POINT_FILE)
        stack.settings["ORGANISATION"] = str(stack.home / "organisation.toml")
        teams = "".join(f"[teams.{team}]\n" for team in EVERYBODY)
        integrator = f"[integrators.{NAME}]\nteams = {json.dumps(TEAMS)}\n"
        text = teams + integrator + slipping.organisation(chosen)
        (stack.home / "organisation.toml").write_text(text)
        clocks = None if why_not() else Clocks(stack.home / "clocks")
        disk = None if cluster else SpoolDisk(stack)
        if disk:
            resources.callback(disk.remove)
        resources.callback(stack.call, "down")
        stack = replace(stack, variables=clocks.variables if clocks else {})
        stack.up()
        yield Campaign(
            stack,
            seed,
            streams=chosen,
            clocks=clocks,
            spool_disk=disk,
            cluster=cluster,
            hook=hook,
            hook_url=url,
        )
