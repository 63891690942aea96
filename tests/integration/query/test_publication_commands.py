"""`publish`, `publications` and `restatements`, as they are typed."""

import json
from datetime import datetime

import pytest
import typer
from typer.testing import CliRunner

from services.errors import UserError
from services.query import commands, publication_commands
from tests.integration.query.asking import count, event
from tests.integration.store.recording import value
from tests.oracle import AMSTERDAM

DAYS = ("--from", "2026-01-01", "--to", "2026-04-01")


@pytest.fixture
def run(organisation, tmp_path, monkeypatch):
    """Runs `groenmeter` with these words on a database of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", organisation)
    app = typer.Typer()
    commands.register(app)
    publication_commands.register(app)
    return lambda *words: CliRunner().invoke(app, words)


def paper(revision, kilograms):
    data = {"stream": "paper", "quantity": kilograms, "unit": "kg"}
    return event("waste", "1", data, time="2026-03-05T12:00:00Z", revision=revision)


def test_a_report_and_what_became_of_it(run, organisation):
    count(organisation, paper(1, 1000))
    before = value(organisation, "SELECT max(recorded_at) FROM batch_log")

    published = run(
        "publish", "kwartaalbericht", *DAYS, "--told-to", "raad van bestuur", "--note", "1e kwartaal"
    )
    assert (published.exit_code, "published kwartaalbericht" in published.stdout) == (0, True)
    assert run("restatements").stdout == ""
    count(organisation, paper(2, 1012))
    earlier = run(
        *("publish", "maart", "--from", "2026-03-01", "--to", "2026-04-01", "--kind", "waste"),
        *("--as-of", before.isoformat(), "--json"),
    )

    row = json.loads(earlier.stdout)
    assert (row["publication"], row["kinds"], row["figures"][0]["base_quantity"]) == (
        "maart",
        ["waste"],
        "1000000000",
    )
    assert row["told_on"] == before.astimezone(AMSTERDAM).date().isoformat()
    assert datetime.fromisoformat(row["as_of"]) == before
    rows = json.loads(run("publications", "--json").stdout)["rows"]
    assert [(each["publication"], each["told_to"]) for each in rows] == [
        ("maart", ""),
        ("kwartaalbericht", "raad van bestuur"),
    ]
    assert "raad van bestuur" in run("publications").stdout
    assert "paper" in run("publications", "maart").stdout
    told = run("restatements", "kwartaalbericht", "--lang", "nl").stdout
    assert "Papier, maart 2026: +1,2 % sinds kwartaalbericht van" in told
    assert "door 1 gecorrigeerde meting." in told
    assert "as reported" in run("totals", "--kind", "waste", *DAYS).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("publish", "x", "--from", "2026-01-01", "--to", "2026-01-01"),
        ("publish", "x", "--from", "1-1-2026", "--to", "2026-04-01"),
        ("publish", "x", "--from", "1999-12-31", "--to", "2026-04-01"),
        ("publish", " ", *DAYS),
        ("publish", "a\nb", *DAYS),
        ("publish", "x" * 101, *DAYS),
        ("publish", "x", *DAYS, "--note", "ask jan@example.nl"),
        ("publish", "x", *DAYS, "--kind", "wast"),
        ("publish", "x", *DAYS, "--as-of", "yesterday"),
        ("restatements", "never published"),
        ("publications", "never published"),
    ],
)
def test_wrong_usage_is_said(run, organisation, words):
    count(organisation, paper(1, 1))
    result = run(*words)

    assert result.exit_code == 2
    assert result.stderr
    assert value(organisation, "SELECT count(*) FROM publication") == 0


def test_what_cannot_be_published(run, organisation):
    count(organisation, paper(1, 1))
    assert run("publish", "x", *DAYS).exit_code == 0

    for words, problem in (
        (("x", *DAYS), "named x already"),
        (("y", "--from", "2025-01-01", "--to", "2026-01-01"), "nothing was measured"),
        (("y", *DAYS, "--as-of", "2099-01-01T00:00:00Z"), "nothing was known then"),
        (("y", *DAYS, "--as-of", "2001-01-01T00:00:00Z"), "nothing was known then"),
    ):
        error = run("publish", *words).exception
        assert isinstance(error, UserError)
        assert problem in str(error)
