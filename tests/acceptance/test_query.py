"""Reading in the whole stack: over HTTP and by the commands, the same object."""

import json
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.door_client import Client
from tests.waiting import wait_until

COUNTED_SECONDS = 60
TIME = "2026-03-05T12:30:00+01:00"


def electricity(id_, quantity, **attributes):
    data = {"carrier": "electricity", "quantity": quantity, "unit": "kWh"}
    return _event("energy", id_, data, attributes)


def waste(id_, quantity, **attributes):
    return _event("waste", id_, {"stream": "residual", "quantity": quantity, "unit": "kg"}, attributes)


def _event(kind, id_, data, attributes):
    event = {"specversion": "1.0", "type": f"nl.groenmeter.{kind}.v1", "id": id_, "source": "/query"}
    return event | {"time": TIME, "data": data} | attributes


@pytest.fixture(scope="module")
def client(stack):
    """A client of team facilities."""
    stack.run("team", "add", "facilities")
    stack.run("team", "add", "verpleging", "--detail")
    token = stack.run("token", "create", "facilities").strip()
    return Client(urlsplit(stack.api).port, token)


def counted(client, *events):
    """Post and wait; the receipt."""
    answer = client.post(list(events))
    assert answer.status == 202, answer.body
    path = f"/v1/receipts/{answer.json['receipt']}"
    wait_until(lambda: client.get(path).json["state"] == "done", COUNTED_SECONDS)
    return client.get(path).json


def test_post_follow_read(stack, client):
    receipt = counted(client, electricity("1", "100.5"), electricity("2", "0.000001"), waste("1", "7.25"))
    assert (receipt["new"], receipt["rejected"]) == (3, 0)

    totals = "/v1/totals?kind=energy&from=2026-01-01&to=2027-01-01&bucket=month"
    answer = client.get(totals)
    assert b'"quantity":100.500001,' in answer.body
    (row,) = answer.json["rows"]
    assert (row["start"], row["base_quantity"], row["readings"]) == ("2026-03-01", "361800004", 2)

    command = [
        "totals",
        "--kind",
        "energy",
        "--from",
        "2026-01-01",
        "--to",
        "2027-01-01",
        "--bucket",
        "month",
    ]
    assert json.loads(stack.run(*command, "--json")) == answer.json
    assert "100.500001" in stack.run(*command)
    as_of = answer.json["as_of"]
    counted(client, electricity("1", "5", revision=2))
    assert client.get(f"{totals}&as_of={as_of}").body == answer.body
    assert json.loads(stack.run(*command, "--as-of", as_of, "--json")) == answer.json
    assert client.get(totals).json["rows"][0]["base_quantity"] == "18000004"

    events = client.get("/v1/events?source=/query&id=1&kind=energy").json
    (measurement,) = events["rows"]
    assert [item["state"] for item in measurement["revisions"]] == ["counted", "superseded"]
    assert (
        json.loads(stack.run("events", "--id", "1", "--kind", "energy", "--json"))["rows"] == events["rows"]
    )
    state = json.loads(stack.run("receipt", receipt["receipt"], "--json"))
    assert state == receipt


def test_a_reject_is_replayed_once_it_can_count(stack, client):
    counted(client, waste("conflict", 1))
    receipt = counted(client, waste("conflict", 2))
    assert receipt["rejected"] == 1
    (reject,) = client.get("/v1/rejects").json["rows"]
    assert "revision 2" in reject["problems"][0]["hint"]
    assert json.loads(stack.run("rejects", "--json"))["rows"] == [reject]

    again = stack.run("rejects", "--replay")
    assert "1 of 1 posted again: 0 new, 0 repeats, 1 refused" in again

    first, second = client.get("/v1/rejects").json["rows"]
    assert first["replayed_at"] is not None
    assert second["replayed_at"] is None
    with psycopg.connect(stack.state.owner_dsn, autocommit=True) as connection:
        # As if the reason were gone: it was meant to be another measurement.
        payload = json.dumps(waste("mended", 2) | {"team": "facilities"}).encode()
        connection.execute("UPDATE reject SET payload = %s", (payload,))
    assert "1 of 1 posted again: 1 new, 0 repeats, 0 refused" in stack.run("rejects", "--replay")
    assert "0 of 0 posted again" in stack.run("rejects", "--replay")
    assert client.get("/v1/events?id=mended").json["rows"][0]["state"] == "counted"


def test_what_its_poster_may_not_post_is_not_replayed(stack, client):
    forged = [
        (1, "verpleging", b'{"id": "1"}', "may not speak for verpleging; allowed: facilities"),
        (None, "facilities", b'{"id": "1"}', "without the door's headers"),
        (1, "facilities", b'{"id": ', "cannot be read"),
        (1, "facilities", b'{"id": "1", "team": "facilities"}', "type: is missing"),
    ]
    with psycopg.connect(stack.state.owner_dsn, autocommit=True) as connection:
        for position, (token_no, team, payload, _) in enumerate(forged):
            connection.execute(
                """
                INSERT INTO reject
                    (batch_id, origin, position, topic, team, received_at, token_no, problems, payload)
                SELECT max(batch_id), 'forged', %s, 'measurements.waste', %s, now(), %s, '[]', %s
                FROM batch_log
                """,
                (position, team, token_no, payload),
            )

        output = stack.run("rejects", "--replay")
        connection.execute("DELETE FROM reject WHERE origin = 'forged'")

    assert "0 of 4 posted again" in output
    assert [line for *_, line in forged if line not in output] == []


def test_verify_agrees_and_finds_damage(stack, client):
    counted(client, electricity("verified", 1))
    assert stack.run("verify").startswith("Everything agrees: ")
    assert json.loads(stack.run("verify", "--json"))["agrees"] is True

    damage = "UPDATE rollup_day SET quantity = quantity {} 1 WHERE day = '2026-03-05'"
    with psycopg.connect(stack.state.owner_dsn, autocommit=True) as connection:
        connection.execute(damage.format("+"))
        result = stack.call("verify")
        connection.execute(damage.format("-"))
    assert result.returncode == 1
    assert '"day":"2026-03-05"' in result.stdout
    assert "differences" in result.stderr
    stack.run("verify")


def test_wrong_options_are_wrong_usage(stack):
    result = stack.call("totals", "--kind", "wast", "--from", "2026-01-01", "--to", "2026-01-01")

    assert result.returncode == 2
    assert "--kind 'wast' is not known" in result.stderr
    assert "--to is not after from" in result.stderr
    unknown = stack.call("receipt", "abc")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no receipt" in unknown.stderr


def test_without_a_stack_the_commands_say_what_to_do(new_stack):
    result = new_stack().call("verify")

    assert result.returncode == 1
    assert "groenmeter up" in result.stderr
