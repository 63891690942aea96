"""From a posted measurement to a message: real mail and web servers, a teller that is killed in between."""

import json
import os
import signal
from datetime import date
from itertools import pairwise
from urllib.parse import urlsplit

import psycopg
import pytest

from services.local.stack import LOGS
from tests.door_client import Client
from tests.integration.alerting.receivers import is_signed, mail_server, web_server
from tests.stacks import temporary_stacks
from tests.waiting import wait_until

SECONDS = 90
YEAR = date.today().year - 1  # noqa: DTZ011 it is over everywhere

SHARE = """
[targets.%s]
nl = "Hoogstens %d %% restafval"
en = "At most %d %% residual waste"
theme = "circular"
kind = "share_max"
unit = "%%"
anchors = [{ year = %d, value = %d }]
parts = [{ slug = "residual", nl = "rest", en = "residual", kind = "waste", categories = ["residual"] }]
of = [{ slug = "all", nl = "alles", en = "all", kind = "waste", categories = ["residual", "paper"] }]
"""
ORGANISATION = "[teams.facilities]\n" + "".join(
    SHARE % (name, most, most, YEAR, most) for name, most in (("quarter", 25), ("two-fifths", 40))
)


@pytest.fixture(scope="module")
def mail():
    """A mailbox and its address for the settings."""
    with mail_server() as (mailbox, port):
        yield mailbox, f"smtp://127.0.0.1:{port}?from=meter@example.nl"


@pytest.fixture(scope="module")
def web():
    """A hook and its address."""
    with web_server() as (hook, url):
        yield hook, f"{url}?token=hush"


@pytest.fixture(scope="module")
def stack(mail, tmp_path_factory):
    file = tmp_path_factory.mktemp("organisation") / "organisation.toml"
    file.write_text(ORGANISATION)
    with temporary_stacks() as make:
        stack = make(ORGANISATION=str(file), SMTP_URL=mail[1], PUBLIC_URL="https://meter.example")
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def secret(stack, web):
    """The hook's; with everybody subscribed."""
    other = ["--team", "facilities"]
    stack.run("subscriber", "add", "nurse", "--email", "nurse@example.nl", "--target", "quarter")
    stack.run("subscriber", "add", "team", "--email", "team@example.nl", *other)
    return stack.run("subscriber", "add", "hook", "--webhook", web[1], "--language", "en").strip()


def months():
    """The months of the year, each [from, to) in local time."""
    starts = [f"{YEAR + month // 12}-{month % 12 + 1:02}-01T00:00:00" for month in range(13)]
    zones = ["+02:00" if 4 <= month % 12 + 1 <= 10 else "+01:00" for month in range(13)]
    return pairwise(start + zone for start, zone in zip(starts, zones, strict=True))


def reading(stream, start, end, kilos, revision=1):
    data = {"stream": stream, "quantity": kilos, "unit": "kg", "from": start, "to": end}
    event = {"specversion": "1.0", "type": "nl.groenmeter.waste.v1", "source": f"/{stream}", "id": start}
    return event | {"revision": revision, "data": data}


@pytest.fixture(scope="module")
def client(stack):
    return Client(urlsplit(stack.api).port, stack.run("token", "create", "facilities").strip())


def posted(client, *events):
    client.connection.close()  # the door ends one that was idle for long; the next call opens another
    answer = client.post(list(events))
    assert answer.status == 202, answer.body
    assert answer.json["rejected"] == 0, answer.body


def targets(stack):
    rows = json.loads(stack.run("targets", "--json"))["rows"]
    return {row["id"]: row for row in rows}


def messages(stack):
    return json.loads(stack.run("messages", "--json"))["rows"]


def test_from_a_measurement_to_a_message(stack, client, secret, mail, web):
    """A month is corrected: 30 % residual waste, where 25 % is the most. One mail, one signed post."""
    mailbox, hook = mail[0], web[0]
    *rest, december = months()
    posted(client, *(reading("paper", *month, 105) for month in [*rest, december]))
    posted(client, *(reading("residual", *month, 10) for month in [*rest, december]))
    wait_until(lambda: targets(stack)["quarter"]["band"] == "green", SECONDS)
    # 11 x 10 + 430 = 540 kg of 540 + 12 x 105 = 1800 kg: 30 %. (30 - 25) / 25 = 20 % behind.
    posted(client, reading("residual", *december, 430, revision=2))
    wait_until(lambda: mailbox.mails and hook.posts, SECONDS)
    wait_until(lambda: {row["state"] for row in messages(stack)} == {"sent"}, SECONDS)

    ((_, recipients, mail_),) = mailbox.mails
    assert recipients == ["nurse@example.nl"]
    assert mail_["Subject"] == "Groenmeter: Hoogstens 25 % restafval is nu rood"
    text = mail_.get_body(["plain"]).get_content()
    assert "loopt 20 % achter: 30 %, het doel is tot nu toe hoogstens 25 % (5 procentpunt te veel)" in text
    assert f"Sinds: 1 januari {YEAR + 1}" in text
    assert f"metingen tot en met 31 december {YEAR}; 100 % compleet" in text
    assert "https://meter.example/v1/targets" in text
    assert "subscriber remove nurse" in mail_.get_body(["html"]).get_content()

    ((headers, body),) = hook.posts
    assert is_signed(headers, body, secret)
    told = json.loads(body)["data"]
    assert (told["target"], told["from_band"], told["to_band"]) == ("quarter", "green", "red")
    assert told["evaluation"]["drift"] == "0.2"
    assert {row["message_id"] for row in messages(stack)} == {told["id"], mail_["X-Groenmeter-Message"]}


def test_killed_between_handing_over_and_noting(stack, client, secret, web):
    """Told once more, under the same id, and never again."""
    hook = web[0]
    before = len(hook.posts)
    teller = stack.process("teller").pid

    def kill_at_the_first(hook):
        if len(hook.posts) == before + 1:
            os.kill(teller, signal.SIGKILL)
        return 204

    hook.answer = kill_at_the_first
    # 11 x 10 + 1150 = 1260 kg of 1260 + 12 x 105 = 2520 kg: 50 %, where 40 % is the most.
    posted(client, reading("residual", *list(months())[-1], 1150, revision=3))
    wait_until(lambda: len(hook.posts) > before + 1, SECONDS)
    wait_until(lambda: {row["state"] for row in messages(stack)} == {"sent"}, SECONDS)
    assert stack.process("teller").pid != teller

    (headers, body), (again, same) = hook.posts[before:]
    assert headers["webhook-id"] == again["webhook-id"]
    assert body == same
    assert json.loads(body)["data"]["target"] == "two-fifths"
    assert is_signed(headers, body, secret)
    assert is_signed(again, same, secret)
    (row,) = [row for row in messages(stack) if row["message_id"] == headers["webhook-id"]]
    assert row["attempts"] == 2


def test_a_retraction_and_a_correction_move_everything_and_what_was_said_stays(stack, client):
    """From the post to the band that people know; and every answer as of then is the one that was given."""
    days = f"--from {YEAR}-01-01 --to {YEAR + 1}-01-01"
    calls = f"totals --kind waste --bucket month {days}", f"targets --on {YEAR + 1}-02-01", "events"

    def said(*as_of):
        return [json.loads(stack.run(*call.split(), *as_of, "--json")) for call in calls]

    def stored():
        with psycopg.connect(stack.state.owner_dsn) as connection:
            known = dict(connection.execute("SELECT target, band FROM alert_state").fetchall())
            found = dict(connection.execute("SELECT target, row FROM current_evaluation").fetchall())
            better = "SELECT count(*) FROM band_change WHERE NOT worse AND target = 'quarter'"
            return known["quarter"], found["quarter"]["band"], connection.execute(better).fetchone()[0]

    statements = [said()]
    assert stored() == ("red", "red", 0)
    start, end = list(months())[-1]
    retraction = reading("residual", start, end, 1, revision=4) | {"retracted": True}
    posted(client, {name: value for name, value in retraction.items() if name != "data"})
    # Without December nobody can tell: no verdict, and nobody hears that it would be better.
    wait_until(lambda: stored() == ("red", "unknown", 0), SECONDS)
    statements.append(said())
    posted(client, reading("residual", start, end, 10, revision=5))
    wait_until(lambda: stored() == ("green", "green", 1), SECONDS)
    statements.append(said())

    december = [statement[0]["rows"][-1]["base_quantity"] for statement in statements]
    assert december == ["1255000000", "105000000", "115000000"]
    bands = [{row["id"]: row["band"] for row in statement[1]["rows"]}["quarter"] for statement in statements]
    assert bands == ["red", "unknown", "green"]
    for statement in statements:
        assert said("--as-of", statement[0]["as_of"]) == statement
    assert stack.run("verify").startswith("Everything agrees: ")


def test_secrets_are_in_no_log(stack, secret):
    logs = "".join(file.read_text() for file in (stack.home / LOGS).iterdir())
    assert "is sent" in logs
    assert "hush" not in logs
    assert secret not in logs
    assert secret not in stack.run("subscriber", "list", "--json")
