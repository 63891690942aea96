"""`groenmeter subscriber` and `messages`, as they are typed."""

import json

import pytest
import typer
from typer.testing import CliRunner

from services.alerting import commands
from services.alerting.outcome import SENT, Outcome
from services.alerting.teller import Teller
from services.errors import UserError
from services.store.configuration import change
from services.store.subscribers import list_subscribers
from tests.integration.alerting.receivers import is_signed, mail_server, web_server
from tests.integration.alerting.telling import insert_change, settle, subscribe


@pytest.fixture
def run(database, tmp_path, monkeypatch):
    """Runs `groenmeter` with these words on a database of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", database)
    app = typer.Typer()
    commands.register(app)

    def invoke(*words, stdin=None):
        return CliRunner().invoke(app, words, input=stdin)

    return invoke


def test_added_listed_removed(run, database, owner):
    change(database, {"teams": {"a4": {}}}, "test")
    assert run("subscriber", "list").stdout == ""
    added = run("subscriber", "add", "nurse", "--email", "n.urse@example.nl", "--team", "a4")
    assert (added.exit_code, added.stdout) == (0, "")
    hook = run("subscriber", "add", "hook", "--webhook", "https://h.example/T0/hush", "--language", "en")
    secret = hook.stdout.strip()
    assert secret.startswith("whsec_")
    both = ["--target", "residual-waste-2026", "--target", "unsorted-share-2030", "--severity", "red"]
    chat = run("subscriber", "add", "chat", "--apprise", "-", *both, stdin="json://u:hush@chat.example/x\n")
    assert chat.exit_code == 0, chat.exception

    listed = run("subscriber", "list", "--json").stdout
    rows = {row.pop("subscriber"): row for row in json.loads(listed)["rows"]}
    assert [rows[name]["address"] for name in ("nurse", "hook", "chat")] == [
        "n.urse@example.nl",
        "https://h.example/...",
        "json://...",
    ]
    assert rows["nurse"] | {"created": None} == {
        "channel": "email",
        "address": "n.urse@example.nl",
        "targets": None,
        "team": "a4",
        "severity": "amber",
        "language": "nl",
        "created": None,
        "disabled": None,
    }
    assert (rows["chat"]["targets"], rows["chat"]["severity"]) == (both[1:4:2], "red")
    for shown in (listed, run("subscriber", "list").stdout):
        assert "hush" not in shown
        assert secret not in shown
    assert "hush" not in repr(list_subscribers(owner))
    assert secret not in repr(list_subscribers(owner))

    assert run("subscriber", "remove", "hook").exit_code == 0
    assert [entry.name for entry in list_subscribers(owner)] == ["chat", "nurse"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nurse", "--email", "nobody"], "--email 'nobody' is not one e-mail address"),
        (["nurse", "--email", "a@example.nl, b@example.nl"], "is not one e-mail address"),
        (["nurse", "--email", "a@example.nl\r\nBcc: b@example.nl"], "is not one e-mail address"),
        (
            ["Nurse", "--email", "a@example.nl"],
            "the name 'Nurse' cannot be used; allowed: 1 to 63",
        ),
        (["nurse", "--webhook", "ftp://hush.example"], "--webhook must be an http:// or https:// address"),
        (["nurse", "--webhook", "https://[hush"], "--webhook must be an http:// or https:// address"),
        (["nurse", "--apprise", "hush://x"], "apprise cannot read this address"),
        (
            ["nurse", "--email", "a@example.nl", "--target", "residual-waste-2025", "--team", "a4"],
            "did you mean residual-waste-2026?\n--team 'a4' is not known; allowed: none yet",
        ),
        (["nurse", "--webhook", "https://h.example", "--secret-file", "none"], "--secret-file none: "),
        (["nurse", "--webhook", "https://h.example", "--secret-file", "secret"], "24 to 64 bytes in base64"),
    ],
)
def test_wrong_ones_are_refused_in_words(run, owner, tmp_path, words, said):
    (tmp_path / "secret").write_text("hush")
    result = run("subscriber", "add", *words)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)
    assert "hush" not in str(result.exception)
    assert list_subscribers(owner) == []


@pytest.mark.parametrize(
    "words",
    [
        ["nurse"],
        ["nurse", "--email", "a@example.nl", "--webhook", "https://h.example"],
        ["nurse", "--email", "a@example.nl", "--secret-file", "secret"],
        ["nurse", "--email", "a@example.nl", "--severity", "green"],
        ["nurse", "--email", "a@example.nl", "--language", "fr"],
    ],
)
def test_wrong_usage(run, words):
    assert run("subscriber", "add", *words).exit_code == 2


def test_a_name_is_of_one(run):
    run("subscriber", "add", "nurse", "--email", "a@example.nl")
    assert "there is a subscriber nurse already" in str(
        run("subscriber", "add", "nurse", "--email", "b@example.nl").exception
    )
    for command in ("remove", "test"):
        assert "there is no subscriber 'x'" in str(run("subscriber", command, "x").exception)


def test_a_test_message_is_sent_now(run, monkeypatch):
    run("subscriber", "add", "nurse", "--email", "nurse@example.nl")
    assert "no mail server is set: GROENMETER_SMTP_URL" in str(run("subscriber", "test", "nurse").exception)
    with mail_server() as (mailbox, port):
        monkeypatch.setenv("GROENMETER_SMTP_URL", f"smtp://127.0.0.1:{port}?from=meter@example.nl")
        assert run("subscriber", "test", "nurse").exit_code == 0
        ((_, recipients, mail),) = mailbox.mails
        assert (recipients, mail["Subject"]) == (["nurse@example.nl"], "Groenmeter: proefbericht")
    with web_server() as (hook, url):
        secret = run("subscriber", "add", "hook", "--webhook", url).stdout.strip()
        assert run("subscriber", "test", "hook").exit_code == 0
        ((headers, body),) = hook.posts
        assert json.loads(body)["type"] == "test"
        assert is_signed(headers, body, secret)
        hook.answer = lambda _: 500
        assert "was not taken: the receiver answers 500" in str(run("subscriber", "test", "hook").exception)


def test_messages_say_what_became_of_them(run, owner, writer):
    subscribe(owner, "broken")
    subscribe(owner, "nurse")
    insert_change(owner)
    outcomes = {"broken": Outcome("failed", "the receiver answers 500"), "nurse": SENT}
    settle(Teller(lambda subscriber, _: outcomes[subscriber.name], {}), writer)
    rows = {row["subscriber"]: row for row in json.loads(run("messages", "--json").stdout)["rows"]}
    broken, nurse = rows["broken"], rows["nurse"]
    assert (nurse["state"], nurse["attempts"], nurse["problem"], nurse["next_attempt_at"]) == (
        "sent",
        1,
        None,
        None,
    )
    assert (broken["state"], broken["problem"], broken["ended_at"]) == (
        "waiting",
        "the receiver answers 500",
        None,
    )
    assert (nurse["target"], nurse["from_band"], nurse["to_band"], nurse["since"]) == (
        "residual-waste-2026",
        "green",
        "red",
        "2026-09-01",
    )
    table = run("messages").stdout
    assert "the receiver answers 500" in table
    assert nurse["message_id"] in table
    assert len(json.loads(run("messages", "--limit", "1", "--json").stdout)["rows"]) == 1
