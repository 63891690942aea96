"""The reading calls over HTTP: who may read what, and what every answer looks like."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import fastjsonschema
import psycopg
import pytest

from services.intake.app import create_app
from services.settings import load_settings
from services.store.configuration import change
from tests.integration.intake.conftest import settings_of, start_door
from tests.integration.query.asking import count, event
from tests.integration.query.publishing import told
from tests.strategies import ORGANISATION
from tests.waiting import wait_until

TOTALS = "/v1/totals?kind=waste&from=2026-01-01&to=2027-01-01"
EXPLAIN = TOTALS.replace("totals", "explain")


@pytest.fixture(scope="module")
def door(postgres, template, broker, tmp_path_factory):
    postgres.create_database("test_query_door", template)
    dsn = postgres.dsn("test_query_door")
    change(dsn, ORGANISATION, "test")
    data = {"stream": "residual", "quantity": "0.1", "unit": "kg", "note": "zakken"}
    count(
        dsn,
        event("waste", "1", data, time="2026-03-05T12:00:00Z"),
        event("waste", "2", data | {"detail": False}, time="2026-03-05T12:00:00Z", team="keuken"),
    )
    door = start_door(settings_of(dsn, broker, tmp_path_factory.mktemp("door")), dsn)
    wait_until(lambda: door.parts.is_ready, 20)
    yield door
    door.stop()
    postgres.drop_database("test_query_door")


def test_every_token_reads_all_totals(door):
    for client in (door.client(), door.client("steward"), door.client("viewer")):
        answer = client.get(TOTALS + "&by=team")

        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert [(row["team"], row["base_quantity"]) for row in answer.json["rows"]] == [
            ("keuken", "100000"),
            ("ok-centrum", "100000"),
        ]
        assert b'"quantity":0.1,' in answer.body


def test_every_token_reads_the_factors_page_by_page(door):
    viewer = door.client("viewer")
    whole = viewer.get("/v1/factors?kind=energy").json["rows"]

    first = viewer.get("/v1/factors?kind=energy&limit=7").json
    second = viewer.get(f"/v1/factors?kind=energy&limit=10000&cursor={first['cursor']}").json
    assert [*first["rows"], *second["rows"]] == whole
    assert {row["kg_co2e"] for row in whole if row["category"] == "district-heat"} == {"40.45", "34.31"}
    assert (
        door.client().get("/v1/factors?category=electricity&on=2023-06-01").json["rows"][0]["kg_co2e"]
        == "0.337"
    )
    wrong = viewer.get("/v1/factors?on=1-3-2026&history=maybe&category=x")
    assert (wrong.status, {error["field"] for error in wrong.json["errors"]}) == (
        422,
        {"on", "history", "category"},
    )


def test_events_and_rejects_are_of_the_own_team_only(door):
    keuken, steward, viewer = door.client(), door.client("steward", ["keuken"]), door.client("viewer")

    assert [row["team"] for row in keuken.get("/v1/events").json["rows"]] == ["keuken"]
    assert [row["team"] for row in keuken.get("/v1/events?team=keuken").json["rows"]] == ["keuken"]
    assert [row["team"] for row in steward.get("/v1/events").json["rows"]] == ["keuken", "ok-centrum"]
    for path in ("/v1/events", "/v1/rejects"):
        assert keuken.get(f"{path}?team=ok-centrum").status == 403
        assert keuken.get(f"{path}?team=ok-centrum&team=keuken").status == 422
        assert viewer.get(path).status == 403
        assert steward.get(f"{path}?team=ok-centrum").status == 200
        assert keuken.get(path).json["cursor"] is None
        assert door.client().call("GET", path, headers={"Authorization": "Bearer gm_no"}).status == 401
    assert door.client().call("GET", TOTALS, headers={"Authorization": "Bearer gm_no"}).status == 401


def test_only_a_steward_reads_who_changed_what(door):
    door.client()
    steward = door.client("steward", ["keuken"])
    first = steward.get("/v1/audit?about=token&limit=1").json
    rest = steward.get(f"/v1/audit?about=token&limit=1&cursor={first['cursor']}").json

    (newest,), (earlier,) = first["rows"], rest["rows"]
    assert newest["after"]["sort"] == "steward"
    assert newest["at"] > earlier["at"]
    assert {"hash", "token_no"} & newest["after"].keys() == {"token_no"}
    (team,) = steward.get("/v1/audit?subject=teams/keuken").json["rows"]
    assert (team["about"], team["before"], team["after"]["detail"]) == ("configuration", None, True)
    assert steward.get("/v1/audit?about=tokens&cursor=x").status == 422
    assert door.client().get("/v1/audit").status == 403
    assert door.client("viewer").get("/v1/audit").status == 403


def test_a_team_explains_its_own_and_a_viewer_sees_no_free_text(door):
    keuken, steward, viewer = door.client(), door.client("steward"), door.client("viewer")

    assert [row["team"] for row in keuken.get(f"{EXPLAIN}&team=keuken").json["rows"]] == ["keuken"]
    for elsewhere in (EXPLAIN, f"{EXPLAIN}&team=ok-centrum"):
        refused = keuken.get(elsewhere)
        assert refused.status == 403
        assert "team=keuken" in refused.json["detail"]
    for client, text in ((steward, {"note": "zakken"}), (viewer, None)):
        answer = client.get(EXPLAIN).json
        assert [row["texts"] for row in answer["rows"]] == [text, text]
        assert [total["base_quantity"] for total in answer["totals"]] == ["200000"]
    assert door.client().call("GET", EXPLAIN, headers={"Authorization": "Bearer gm_no"}).status == 401
    assert viewer.get("/v1/explain?kind=waste").status == 422


def test_wrong_parameters_are_a_problem_that_names_them_all(door):
    answer = door.client().get("/v1/totals?kind=wast&from=1-2-2026&colour=green&by=team&by=site")

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 422
    errors = {error["field"]: error for error in answer.json["errors"]}
    assert set(errors) == {"kind", "from", "to", "colour", "by"}
    assert errors["kind"] == {
        "field": "kind",
        "problem": "'wast' is not known",
        "allowed": "activity, energy, food-waste, medication-waste, waste",
        "hint": "did you mean waste?",
    }
    assert errors["from"]["hint"] == "write 2026-02-01"


def test_as_of_of_an_answer_needs_no_escaping_and_a_cursor_neither(door):
    client = door.client()
    first = client.get(TOTALS + "&by=team&limit=1").json

    second = client.get(f"{TOTALS}&by=team&limit=1&cursor={first['cursor']}").json
    again = client.get(f"{TOTALS}&by=team&as_of={first['as_of']}").json

    assert again["rows"] == first["rows"] + second["rows"]
    assert quote(first["as_of"], safe=":") == first["as_of"]
    wrong = client.get(f"{TOTALS}&as_of=2026-11-22T12:00:00+01:00").json["errors"]
    assert wrong[0]["hint"] == "in an address a + is written %2B"


def test_a_question_that_takes_too_long_is_refused_and_the_next_one_is_answered(door, monkeypatch):
    monkeypatch.setattr("services.store.snapshot.LONGEST_SECONDS", "0.001")
    refused = door.client().get(TOTALS)
    monkeypatch.undo()

    assert refused.status == 422
    assert "shorter period" in refused.json["errors"][0]["hint"]
    assert door.client().get(TOTALS).status == 200


def test_heavy_questions_do_not_keep_the_door_from_posts(door):
    waste = {"stream": "paper", "quantity": 1, "unit": "kg"}
    with psycopg.connect(door.dsn) as blocking, ThreadPoolExecutor(20) as pool:
        blocking.execute("LOCK TABLE rollup_day IN ACCESS EXCLUSIVE MODE")
        asked = [pool.submit(door.client("viewer").get, TOTALS) for _ in range(20)]
        wait_until(lambda: _waiting(door.dsn) >= 8, 10)

        posted = door.client().post([event("waste", "3", waste, time="2025-03-05T12:00:00Z", team="keuken")])

        assert posted.status == 202
        assert not any(question.done() for question in asked)
        blocking.rollback()
        assert {question.result().status for question in asked} == {200}


def _waiting(dsn):
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").rowcount


def test_openapi_describes_every_parameter_and_row():
    settings = load_settings({"GROENMETER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    document = json.loads(json.dumps(create_app(settings).openapi()))

    operation = document["paths"]["/v1/totals"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == [
        *("kind", "from", "to", "bucket", "by", "team", "site", "category", "flow", "method"),
        *("detail", "as_of", "basis", "limit", "cursor"),
    ]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(answer["properties"]) == {"as_of", "time_zone", "rows", "cursor"}
    assert "co2e" in answer["properties"]["rows"]["items"]["properties"]
    assert {"/v1/events", "/v1/rejects"} <= set(document["paths"])
    assert operation["security"]


def test_every_token_reads_what_was_published_and_stewards_who_did(door):
    told(door.dsn, "yearly report", "2026-01-01", "2027-01-01", published_by="jan")
    data = {"stream": "residual", "quantity": "0.3", "unit": "kg"}
    count(door.dsn, event("waste", "1", data, time="2026-03-05T12:00:00Z", revision=2))

    for client, who in (
        (door.client(), None),
        (door.client("viewer"), None),
        (door.client("steward"), "jan"),
    ):
        (row,) = client.get("/v1/publications").json["rows"]
        assert (row["publication"], row["published_by"], row["told_to"]) == ("yearly report", who, "board")
        (row,) = client.get("/v1/restatements?publication=yearly%20report&kind=waste").json["rows"]
        assert (row["before"], row["after"]) == (0.2, 0.4)
        assert row["text"]["en"].startswith(
            "Residual waste (unsorted), March 2026: +100 % since yearly report"
        )
        differences = client.get(TOTALS).json["rows"][0]["co2e_differences"]
        assert differences["since_reported"]["publication"] == "yearly report"
    for path in ("/v1/publications", "/v1/restatements"):
        assert door.client().call("GET", path, headers={"Authorization": "Bearer gm_no"}).status == 401
        assert door.client().get(f"{path}?colour=green").status == 422


def test_rows_are_what_openapi_says(door):
    document = create_app(
        load_settings({"GROENMETER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    ).openapi()
    steward = door.client("steward")
    for path, address in (
        ("/v1/totals", TOTALS),
        ("/v1/events", "/v1/events"),
        ("/v1/rejects", "/v1/rejects"),
        ("/v1/explain", EXPLAIN),
        ("/v1/explain", "/v1/explain?target=residual-waste-2026&on=2026-06-01"),
        ("/v1/factors", "/v1/factors?limit=5"),
        ("/v1/factors", "/v1/factors?history=yes&kind=energy"),
        ("/v1/publications", "/v1/publications"),
        ("/v1/restatements", "/v1/restatements?by=team,site,category,method"),
    ):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        fastjsonschema.validate(content["schema"], steward.get(address).json)
