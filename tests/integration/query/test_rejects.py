"""`GET /v1/rejects` and putting aside."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import typer
from typer.testing import CliRunner

from schemas.problems import Problem
from services.query import commands, reject_commands
from services.query.rejects import rejects_answer
from services.store.connection import connect_async
from services.store.ledger import Batch, Ledger, Reject
from services.store.rejects import dismiss
from services.store.tokens import create_token
from tests.integration.query.asking import ask, columns, pages, problems
from tests.integration.store.recording import CALENDAR, provenance

PROBLEM = Problem("data.unit", "'kilo' is not a unit here", "g, kg, t", 'Write "kg" for kilograms.')


def refuse(dsn, *rejects):
    """Record rejects, each in a batch of its own."""

    async def run():
        async with await connect_async(dsn, "writer") as connection:
            for reject in rejects:
                await Ledger(connection, CALENDAR).record(Batch("test", rejects=[reject]))

    asyncio.run(run())


def reject_of(origin, team="ok-centrum", event=None, **changes):
    """A refused waste event of a record."""
    came = provenance(origin, 4, event or {"id": "1"})._replace(**{"topic": "measurements.waste"} | changes)
    return Reject(came, (PROBLEM,), "waste", team, "/scale", "1")


def test_a_reject_says_who_what_why_and_until_when(organisation):
    create_token(organisation, "team", ["ok-centrum"])
    refuse(organisation, reject_of("receipt/0", event={"id": "1", "other": "é" * 300}, token_no=1))

    (row,) = ask(organisation, rejects_answer)["rows"]

    assert row.pop("excerpt") == '{"id":"1","other":"' + "é" * 181 + "…"
    kept = datetime.fromisoformat(row.pop("replayable_until")) - datetime.fromisoformat(
        row.pop("recorded_at")
    )
    assert kept == timedelta(days=90)
    assert len(row.pop("posted_by")) == 8
    assert row.pop("received_at").endswith("Z")
    assert row == {
        "reject": 1,
        "team": "ok-centrum",
        "kind": "waste",
        "source": "/scale",
        "id": "1",
        "problems": [PROBLEM.as_dict()],
        "topic": "measurements.waste",
        "origin": "receipt/0",
        "position": 4,
        "state": "open",
        "replayed_at": None,
        "replay": None,
        "replay_of": None,
        "erased_at": None,
        "dismissed": None,
    }


def test_an_excerpt_holds_no_free_text_and_no_clock_time_of_a_medication(organisation):
    event = {"time": "2026-03-02T12:34:57Z", "data": {"note": 'of "Jan" jan@lumc.nl', "quantity": 1}}
    waste = reject_of("receipt/0", event=event)
    refuse(organisation, waste, replace(reject_of("receipt/1", event=event), kind="medication-waste"))

    assert columns(ask(organisation, rejects_answer), "excerpt") == [
        ('{"time":"2026-03-02T12:34:57Z","data":{"note":"…","quantity":1}}',),
        ('{"time":"2026-03-02T…","data":{"note":"…","quantity":1}}',),
    ]


def test_what_cannot_be_read_is_shown_as_far_as_it_goes(organisation):
    refuse(organisation, reject_of("log/measurements.waste/0/7", team=None, event=b'{"id": "\xff\x00'))

    assert columns(ask(organisation, rejects_answer), "team", "excerpt", "posted_by") == [
        (None, '{"id": "\N{REPLACEMENT CHARACTER}\0', None)
    ]


def test_filters_and_pages(organisation):
    names = [f"receipt/{number}" for number in range(5)]
    refuse(organisation, *[reject_of(name, team=team) for name, team in zip(names, ["keuken", None] * 3)])  # noqa: B905

    def found(**parameters):
        return [origin for (origin,) in columns(ask(organisation, rejects_answer, **parameters), "origin")]

    assert found() == names
    assert found(team="keuken") == names[::2]
    assert found(own_team="ok-centrum") == []
    third = ask(organisation, rejects_answer)["rows"][2]["recorded_at"]
    assert found(since=third) == names[2:]
    assert found(since="2020-01-01") == names
    assert found(since="2999-01-01") == []
    first = ask(organisation, rejects_answer, limit="2")
    refuse(organisation, reject_of("receipt/9"))
    rest = pages(organisation, rejects_answer, limit="2", cursor=first["cursor"])
    assert [row["origin"] for answer in [first, *rest] for row in answer["rows"]] == names
    assert problems(organisation, rejects_answer, since="2026-02-30", team="ok") == {
        "since": "2026-02-30 is not a day that exists",
        "team": "'ok' is not known",
    }


def dismiss_one(dsn, number):
    async def run():
        async with await connect_async(dsn, "owner") as connection:
            return await dismiss(connection, [number], "test", "of a test")

    return asyncio.run(run())


def test_what_is_put_aside_is_out_of_the_list_from_then_on(organisation):
    refuse(organisation, reject_of("a/0"), reject_of("b/0"))
    before = ask(organisation, rejects_answer)

    assert [dismiss_one(organisation, 1), dismiss_one(organisation, 1)] == [[1], []]

    answer = ask(organisation, rejects_answer)
    assert answer["rows"] == before["rows"][1:]
    assert ask(organisation, rejects_answer, as_of=before["as_of"]) == before
    assert ask(organisation, rejects_answer, as_of=before["as_of"], state="all") == before
    first, second = ask(organisation, rejects_answer, state="all")["rows"]
    assert (first["state"], second["state"]) == ("dismissed", "open")
    assert first["dismissed"] == {"at": answer["as_of"], "by": "test", "note": "of a test"}
    assert problems(organisation, rejects_answer, state="closed") == {"state": "'closed' is not known"}


def test_who_posted_on_a_topic_of_an_integrator_is_known(organisation):
    refuse(organisation, reject_of("log/x/0/1", topic="measurements.waste.scale"), reject_of("log/x/0/2"))

    assert columns(ask(organisation, rejects_answer), "posted_by") == [("integrator/scale",), (None,)]


def test_many_are_put_aside_at_once_by_the_integrator_that_sent_them(organisation, tmp_path, monkeypatch):
    monkeypatch.setenv("GROENMETER_DATABASE_URL", organisation)
    monkeypatch.setenv("GROENMETER_HOME", str(tmp_path))
    topics = ["measurements.waste.scale", "measurements.waste.other", "measurements.waste"]
    refuse(
        organisation, *[reject_of(f"log/{topic}/0/{n}", topic=topic) for n in range(2) for topic in topics]
    )

    app = typer.Typer()
    for module in (commands, reject_commands):
        module.register(app)
    said = CliRunner().invoke(app, ["rejects", "--integrator", "scale", "--dismiss", "test messages"])
    everything = CliRunner().invoke(app, ["rejects", "--dismiss", "test messages"])

    assert "2 of 2 put aside" in said.output
    assert (everything.exit_code, "--integrator" in everything.output) == (2, True)
    left = [topic for (topic,) in columns(ask(organisation, rejects_answer), "topic")]
    assert left == topics[1:] * 2
