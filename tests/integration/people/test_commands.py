"""`redact`, `retention` and `audit` as they are typed."""

import json

import pytest
import typer
from typer.testing import CliRunner

from services.errors import UserError
from services.people import commands
from services.store.configuration import change
from tests.integration.store.recording import query, value
from tests.integration.store.test_redactions import NAME, count, event, refuse
from tests.strategies import ORGANISATION


@pytest.fixture
def run(database, tmp_path, monkeypatch):
    """Runs `groenmeter` with these words, and what is typed, on a database of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", database)
    monkeypatch.setenv("GROENMETER_BROKER", "localhost:1")
    monkeypatch.setenv("GROENMETER_REDACTIONS", str(tmp_path / "apart" / "redactions.jsonl"))
    app = typer.Typer()
    commands.register(app)
    return lambda *words, typed="": CliRunner().invoke(app, words, input=typed)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name what to erase"),
        (["--team", "facilities"], "name what to erase"),
        (["--search", "ab"], "3 characters"),
        (["--id", "1", "--field", "comment"], "none of note"),
        (["--kind", "wast", "--id", "1"], "none of energy"),
    ],
)
def test_what_is_asked_wrongly_is_said(run, words, told):
    result = run("redact", *words, "--yes")
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_a_receipt_of_another_installation_erases_nothing(run):
    result = run("redact", "--receipt", "x", "--yes")
    assert isinstance(result.exception, UserError)
    assert "no receipt of this installation" in str(result.exception)


def test_a_text_that_is_typed_is_erased_and_never_shown(run, database, tmp_path):
    count(database, event(note=NAME), event("2"), event(f"van {NAME}"))
    refuse(database, {"id": "9", "who": NAME}, identity=False)

    shown = run("redact", "--search", "-", "--dry-run", typed=f"{NAME}\n")
    assert (shown.exit_code, "nothing was erased" in shown.stderr) == (0, True)
    assert "ok-centrum" in shown.stdout
    assert "all that was posted (reject 1)" in shown.stdout
    assert isinstance(run("redact", "--search", "-", typed=f"{NAME}\n").exception, UserError)
    assert value(database, "SELECT texts FROM free_text") == {"note": NAME}

    told = run("redact", "--search", "-", "--yes", "--why", "request 12", typed=f"{NAME}\n")

    assert told.exit_code == 0
    assert "1 texts in the ledger, and from 1 rejects" in told.stdout
    assert "the topics of the broker, until 20" in told.stdout
    assert "1 measurements have it in their id" in told.stderr
    assert NAME not in told.output.replace(f"van {NAME}", "")
    assert (tmp_path / "apart" / "redactions.jsonl").exists()
    nothing = run("redact", "--search", "-", "--yes", "--json", typed=f"{NAME}\n")
    assert json.loads(nothing.stdout)["texts"] == []


def test_who_did_what_is_shown_newest_first(run, database):
    change(database, ORGANISATION, "test")
    change(database, {"teams": {"keuken": {"nl": "De [bold]keuken"}}}, "test")

    rows = json.loads(run("audit", "--subject", "teams/keuken", "--json").stdout)["rows"]
    assert [row["after"]["nl"] for row in rows] == ["De [bold]keuken", ""]
    assert (rows[0]["before"]["nl"], rows[1]["before"]) == ("", None)
    assert "De [bold]keuken" in run("audit", "--about", "configuration").stdout
    assert run("audit", "--about", "tokens").exit_code == 2
    assert run("audit", "--since", "2999-01-01").stdout == ""


def test_what_is_kept_for_how_long_is_shown(run, database):
    shown = json.loads(run("retention", "--plan", "--json").stdout)
    assert (shown["forgotten_now"], shown["due"]) == (None, 0)
    assert [row["kept"] for row in shown["rows"]][:3] == ["90 days", "30 days", "7 days"]
    query(database, "UPDATE retention SET ran_at = ran_at - interval '1 day' RETURNING 1")
    assert "forgot the payloads of 0 rejects" in run("retention").stderr
    assert "forgot" not in run("retention").stderr
