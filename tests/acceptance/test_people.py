"""Erasing a text in the whole stack: it is gone from everything on this machine, and does not come back."""

import json
from urllib.parse import urlsplit

import pytest

from tests.door_client import Client
from tests.stacks import Stack
from tests.waiting import wait_until

SECONDS = 60
NAME = "Jan Voorbeeld-Achternaam"
TOTALS = ("totals", "--kind", "waste", "--from", "2026-01-01", "--to", "2027-01-01", "--json")


def event(id_, quantity="7.25", **texts):
    return {
        "specversion": "1.0",
        "type": "nl.groenmeter.waste.v1",
        "id": id_,
        "source": "/people",
        "time": "2026-03-05T12:30:00+01:00",
        "data": {"stream": "residual", "quantity": quantity, "unit": "kg", **texts},
    }


def sums(stack):
    return json.loads(stack.run(*TOTALS))["rows"]


class Posting:
    """Posts events of a team and waits until they are counted; answers their receipt."""

    def __init__(self, stack: Stack) -> None:
        stack.run("team", "add", "facilities")
        self._stack = stack
        self.again()

    def again(self) -> None:
        """With a new token: a restore may have taken the old one away."""
        self._token = self._stack.run("token", "create", "facilities").strip()

    def __call__(self, *events):
        client = Client(urlsplit(self._stack.api).port, self._token)
        answer = client.post(list(events))
        assert answer.status == 202, answer.body
        path = f"/v1/receipts/{answer.json['receipt']}"
        wait_until(lambda: client.get(path).json["state"] == "done", SECONDS)
        return client.get(path).json


@pytest.fixture(scope="module")
def posting(stack: Stack):
    """Posts to the stack of this module."""
    return Posting(stack)


def files_with(stack, text):
    """The files of the spool and the logs that hold a text."""
    kept = [path for name in ("spool", "logs") for path in (stack.home / name).iterdir()]
    return [path.name for path in kept if text.encode() in path.read_bytes()]


def test_an_erased_text_is_gone_and_stays_away(stack, posting, tmp_path):
    posting(event("0", note=NAME))
    stack.run("backup", str(tmp_path / "before.backup"))
    posts = [
        event("1", note=f"gewogen door {NAME}"),
        event("2", evidence=f"bon {NAME}", note="nat"),
        event("3"),
    ]
    receipt = posting(*posts)
    assert posting(event("1", "8", note=f"gewogen door {NAME}"))["rejected"] == 1  # a conflict
    before = sums(stack)
    wait_until(lambda: "spool.sqlite" in " ".join(files_with(stack, NAME)), SECONDS)

    shown = json.loads(stack.run("redact", "--search", NAME.lower(), "--dry-run", "--json"))
    assert [(text["id"], text["fields"]) for text in shown["texts"]] == [
        ("0", ["note"]),
        ("1", ["note"]),
        ("2", ["evidence"]),
    ]
    assert [reject["fields"] for reject in shown["rejects"]] == [["note"]]
    assert shown["erased"] is None
    assert NAME in stack.run("events", "--json")

    told = stack.run("redact", "--search", NAME, "--why", "request 12", "--yes")

    assert "3 texts in the ledger, and from 1 rejects" in told
    assert "embedded broker" in told
    assert "the spool on this machine" not in told  # the door has followed
    assert files_with(stack, NAME) == []
    assert NAME not in stack.run("events", "--json") + stack.run("rejects", "--json")
    (revision,) = json.loads(stack.run("events", "--id", "1", "--json"))["rows"][0]["revisions"]
    assert (revision["texts"], list(revision["erased"])) == ({}, ["note"])
    assert sums(stack) == before
    assert posting(*posts) | {"receipt": ""} == receipt | {"receipt": "", "new": 0, "repeats": 3}
    assert NAME not in stack.run("events", "--json")
    assert files_with(stack, NAME) == []
    assert "agrees" in stack.run("verify")

    told = stack.call("restore", str(tmp_path / "before.backup"), "--replace")  # has the text of the first

    assert told.returncode == 0, told.stderr
    assert "Erased again: 1 texts" in told.stdout + told.stderr
    posting.again()
    wait_until(lambda: stack.health().get("lag") == 0, SECONDS)
    assert sums(stack) == before
    assert posting(event("0", note=NAME), *posts)["repeats"] == 4
    rows = json.loads(stack.run("events", "--json"))["rows"]
    erased = [row["id"] for row in rows for revision in row["revisions"] if revision["erased"]]
    assert (sorted(erased), NAME in json.dumps(rows)) == (["0", "1", "2"], False)
    assert NAME not in stack.run("rejects", "--json")
    assert files_with(stack, NAME) == []
    assert "agrees" in stack.run("verify")
