"""A database that is lost: its backup, and what came since, are the original again."""

import json
import os
import random
import shutil
import time
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.poster import KINDS, Event, Measurements, Poster
from tests.door_client import Client
from tests.kafka import kafka_cluster
from tests.stacks import Stack, temporary_stacks
from tests.waiting import wait_until

TEAMS = ("keuken", "ok-centrum")
POSTS = 6
SECONDS = 90


class Counted:
    """A stack with two teams, and everything that it can be asked."""

    def __init__(self, stack: Stack, seed: str) -> None:
        print(f"BACKUP_SEED={seed}")
        self.stack = stack
        self.posters = []
        for team in TEAMS:
            stack.run("team", "add", team)
            client = Client(urlsplit(stack.api).port or 0, stack.run("token", "create", team).strip())
            self.posters.append(Poster(client, Measurements(team, random.Random(f"{seed} {team}"))))  # noqa: S311
        self.token = stack.run("token", "create", "--steward").strip()

    def post(self) -> None:
        """Post, corrections, repeats and conflicts among it, until everything is counted.

        Each post is of one source and so on one partition: which of two repeats is counted, and which of two
        contents wins a conflict, is up to their order, and across partitions there is none.
        """
        for poster in self.posters:
            poster.client.connection.close()
            events = [event for _ in range(POSTS) for event in poster.measurements.batch()]
            for _, group in groupby(sorted(events, key=_source), key=_source):
                poster.post(list(group))
        self.wait()

    def wait(self) -> None:
        """Wait until nothing waits."""
        wait_until(lambda: self.stack.health().get("lag") == 0, SECONDS)

    def answers(self) -> dict[str, Any]:
        """Totals, ledger, rejects and receipts; without what is of the moment at which it was recorded."""
        client = Client(urlsplit(self.stack.api).port or 0, self.token)
        answers: dict[str, Any] = {}
        for kind in KINDS:
            flow = "&flow=use,feed-in" if kind == "energy" else ""
            path = f"/v1/totals?kind={kind}&from=2024-01-01&to=2026-01-01&by=category,team&detail=all{flow}"
            answers[kind] = client.get(path).json["rows"]
        answers["events"] = [
            row | {"revisions": [_without(revision, "recorded_at") for revision in row["revisions"]]}
            for row in client.get("/v1/events?limit=10000").json["rows"]
        ]
        rejects = client.get("/v1/rejects?limit=10000").json["rows"]
        # What is to be sent instead of a conflict rests on the revisions that its batch knew.
        answers["rejects"] = sorted(
            (_without(row, "reject", "recorded_at", "replayable_until", "problems") for row in rejects),
            key=json.dumps,
        )
        for poster in self.posters:
            for receipt in poster.receipts:
                answers[receipt.text] = client.get(f"/v1/receipts/{receipt.text}").json
        return answers


def _source(event: Event) -> tuple[str, str]:
    return event["type"], event["source"]


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.fixture(scope="module")
def counted(stack: Stack) -> Counted:
    return Counted(stack, os.environ.get("BACKUP_SEED") or str(time.time_ns()))


@pytest.fixture(scope="module")
def backup(counted: Counted) -> Path:
    """A backup, behind which more was counted."""
    return backed_up(counted)


def backed_up(counted: Counted) -> Path:
    """The file of a backup, behind which more was counted."""
    counted.post()
    file = counted.stack.home / "groenmeter.backup"
    counted.stack.run("backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    counted.post()
    return file


def lose_and_restore(counted: Counted, file: Path) -> str:
    """Lose the whole database, restore it, start again and wait; what was said meanwhile."""
    stack = counted.stack
    stack.run("down")
    assert stack.state.data is not None
    shutil.rmtree(stack.state.data)
    said = stack.call("restore", str(file))
    assert said.returncode == 0, said.stderr
    stack.up()
    counted.wait()
    return said.stderr


def test_a_lost_database_is_the_original_again(counted: Counted, backup: Path) -> None:
    before = counted.answers()
    said = lose_and_restore(counted, backup)

    assert "Everything agrees" in said
    assert "The door sends again" in said
    assert counted.answers() == before
    assert counted.stack.run("verify").startswith("Everything agrees: ")
    counted.post()  # with the tokens of before


def test_on_a_real_cluster_what_came_since_is_read_again_from_the_topics() -> None:
    with kafka_cluster(nodes=1) as cluster, temporary_stacks() as make:
        stack = make(**cluster.settings)
        stack.up()
        counted = Counted(stack, os.environ.get("BACKUP_SEED") or str(time.time_ns()))
        file = backed_up(counted)
        before = counted.answers()
        said = lose_and_restore(counted, file)

        assert "read again from the topics" in said
        assert counted.answers() == before
        assert stack.run("verify").startswith("Everything agrees: ")


def test_nothing_is_overwritten_unless_told_to(counted: Counted, backup: Path) -> None:
    stack, before = counted.stack, counted.answers()
    supervisor = stack.process("supervisor").pid

    refused = stack.call("restore", str(backup))
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
    there = stack.call("backup", str(backup))
    assert (there.returncode, "is there already" in there.stderr) == (1, True)
    assert stack.process("supervisor").pid == supervisor
    assert counted.answers() == before


def test_a_stack_that_runs_is_started_again(counted: Counted, backup: Path) -> None:
    """A second time, while everything is up; and what came since is counted once more, once."""
    stack, before = counted.stack, counted.answers()

    said = stack.call("restore", str(backup), "--replace")
    assert said.returncode == 0, said.stderr
    counted.wait()

    assert counted.answers() == before
    assert stack.run("verify").startswith("Everything agrees: ")
