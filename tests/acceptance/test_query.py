"""Reading in the whole stack: over HTTP and by the commands, the same object."""

import json
from urllib.parse import urlencode, urlsplit

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


def test_explain_on_the_command_line_as_over_http(stack, client):
    counted(client, electricity("explained", "12.5", time="2025-03-05T12:30:00+01:00"))
    asked = {"kind": "energy", "from": "2025-03-01", "to": "2025-04-01", "team": "facilities"}
    command = ["explain", *(part for name, value in asked.items() for part in (f"--{name}", value))]

    answer = client.get("/v1/explain?" + urlencode(asked)).json

    assert [row["id"] for row in answer["rows"]] == ["explained"]
    assert json.loads(stack.run(*command, "--json")) == answer
    told = stack.run(*command, "--language", "nl")
    assert answer["words"]["nl"][0] in told
    assert "12.5 kWh" in told


def refuse(stack, payload, topic="measurements.waste", token_no=1, team="facilities"):
    """Put what was posted among the rejects, as a processor does; its number."""
    with psycopg.connect(stack.state.owner_dsn, autocommit=True) as connection:
        row = connection.execute(
            """
            INSERT INTO reject
                (batch_id, origin, position, topic, team, received_at, token_no, problems, payload)
            SELECT max(batch_id), 'forged/' || gen_random_uuid(), 0, %s, %s, now(), %s, '[]', %s
            FROM batch_log
            RETURNING reject_no
            """,
            (topic, team, token_no, payload),
        ).fetchone()
        connection.execute(
            "UPDATE batch_log SET events = events + 1, rejected = rejected + 1"
            " WHERE batch_id = (SELECT max(batch_id) FROM batch_log)"
        )
        return row[0]


def test_a_conflict_is_replayed_as_a_correction(stack, client):
    counted(client, waste("conflict", 1))
    receipt = counted(client, waste("conflict", 2))
    assert receipt["rejected"] == 1
    (reject,) = client.get("/v1/rejects").json["rows"]
    assert "revision 2" in reject["problems"][0]["hint"]
    assert json.loads(stack.run("rejects", "--json"))["rows"] == [reject]

    again = stack.run("rejects", "--replay")
    assert "0 of 1 posted again" in again
    assert "revision 2" in again
    assert client.get("/v1/rejects").json["rows"] == [reject]

    assert "1 of 1 posted again: 1 new, 0 repeats, 0 refused" in stack.run(
        "rejects", "--replay", "--as-correction"
    )
    assert client.get("/v1/rejects").json["rows"] == []
    assert "0 of 0 posted again" in stack.run("rejects", "--replay")
    (closed,) = client.get("/v1/rejects?state=all").json["rows"]
    assert closed["state"] == "replayed"
    assert closed["replay"] | {"received_at": None, "posted_by": None} == {
        "received_at": None,
        "posted_by": None,
        "corrected": True,
        "new": 1,
        "repeats": 0,
        "rejected": 0,
        "rejects": [],
    }
    assert closed["received_at"] == reject["received_at"]
    assert "replayed corrected" in stack.run("rejects", "--all")
    assert client.get(f"/v1/rejects?as_of={reject['recorded_at']}").json["rows"] == [reject]
    number = str(closed["reject"])
    assert "0 of 1 posted again" in stack.run("rejects", number, "--replay")
    (measurement,) = client.get("/v1/events?id=conflict").json["rows"]
    assert [item["revision"] for item in measurement["revisions"]] == [2, 1]


def test_what_was_mended_is_replayed(stack, client):
    events = [waste(f"mended-{number}", number, team="verpleging") for number in (1, 2)]
    of_a_stranger = refuse(stack, json.dumps(events).encode(), "measurements.waste.weigher", None)
    unreadable = refuse(stack, b'{"id": ')
    strange = [str(of_a_stranger), str(unreadable)]
    output = stack.run("rejects", *strange, "--replay")
    assert "0 of 2 posted again" in output
    assert "integrator weigher is not known" in output
    assert "cannot be read" in output

    stack.run("integrator", "add", "weigher", "--teams", "verpleging")
    assert "1 of 2 posted again: 2 new" in stack.run("rejects", *strange, "--replay")

    file = stack.home / "mended.json"
    file.write_text(json.dumps(waste("mended-3", "3", team="facilities")))
    with_file = stack.run("rejects", str(unreadable), "--replay", "--with", str(file))
    assert "1 of 1 posted again: 1 new" in with_file
    assert client.get("/v1/events?id=mended-3").json["rows"][0]["state"] == "counted"
    assert stack.run("rejects") == ""


def test_what_is_never_to_count_is_put_aside(stack, client):
    number = str(refuse(stack, b"garbage"))

    assert stack.call("rejects", number, "--dismiss", "of jan@lumc.nl").returncode == 1
    assert "1 of 1 put aside" in stack.run("rejects", number, "--dismiss", "a test of the scale")
    assert stack.run("rejects") == ""
    assert "put aside" in stack.run("rejects", "--all")
    assert "was put aside" in stack.run("rejects", number, "--replay")
    stack.run("verify")


def test_what_its_poster_may_not_post_is_not_replayed(stack, client):
    forged = [
        (
            {"token_no": 1, "team": "verpleging"},
            waste("1", 1, team="verpleging"),
            "not speak for 'verpleging'",
        ),
        ({"token_no": None}, waste("1", 1, team="facilities"), "without the door's headers"),
        ({}, {"id": "1", "team": "facilities"}, "type: is missing"),
    ]
    numbers = [str(refuse(stack, json.dumps(event).encode(), **of)) for of, event, _ in forged]

    output = stack.run("rejects", "--replay")

    assert "0 of 3 posted again" in output
    assert [line for *_, line in forged if line not in output] == []
    client.connection.close()  # it may have been idle for long
    answer = client.post_to("/v1/rejects/replay", {"rejects": [int(numbers[0])]})
    assert (answer.status, answer.json["rejects"][0]["errors"][0]["field"]) == (422, "reject")
    stack.run("rejects", *numbers, "--dismiss", "forged")


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
