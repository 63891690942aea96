"""What the door says to machines: health, metrics, OpenAPI, and problems for everything else."""

import jsonschema
import pytest

from tests.door_client import Client
from tests.integration.intake.conftest import RunningDoor
from tests.integration.intake.test_answers import EVENT


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/docs", "/openapi.json"])
def test_these_need_no_token(door: RunningDoor, path: str) -> None:
    assert Client(door.port, "").call("GET", path, headers={"Authorization": ""}).status == 200


def test_the_documentation_needs_no_other_server(keuken: Client) -> None:
    assert b"http://" not in keuken.get("/docs").body
    assert b"https://" not in keuken.get("/docs").body


def test_metrics_need_a_token_and_end_as_they_should(door: RunningDoor, keuken: Client) -> None:
    assert Client(door.port, "").get("/metrics").status == 401
    keuken.post([EVENT, 5])

    lines = keuken.get("/metrics").body.decode().splitlines()

    values = dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
    assert float(values['groenmeter_door_events_total{outcome="accepted"}']) >= 1
    assert float(values['groenmeter_door_events_total{outcome="rejected"}']) >= 1
    assert float(values['groenmeter_door_responses_total{status="202"}']) >= 1
    assert {"groenmeter_lag_events", "groenmeter_freshness_seconds", "groenmeter_door_spool_bytes"} <= set(
        values
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", "/v1/events", 405), ("POST", "/health/live", 405)],
)
def test_errors_of_the_framework_are_problems_too(
    keuken: Client, method: str, path: str, status: int
) -> None:
    answer = keuken.call(method, path, b"{}")

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert {"type", "title", "status", "detail"} == set(answer.json)
    assert answer.json["status"] == status


def test_openapi_describes_the_events_themselves(keuken: Client) -> None:
    document = keuken.get("/openapi.json").json
    body = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]

    for content in body.values():
        examples = (
            [content["example"]]
            if "example" in content
            else [example["value"] for example in content["examples"].values()]
        )
        schema = content["schema"] | {"components": document["components"]}
        for example in examples:
            jsonschema.validate(example, schema)
            assert keuken.post(example).status == 202
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(EVENT | {"data": {"stream": "no such stream"}}, schema)


def test_openapi_names_every_answer(keuken: Client) -> None:
    responses = keuken.get("/openapi.json").json["paths"]["/v1/events"]["post"]["responses"]

    assert set(responses) == {"202", "400", "401", "403", "413", "415", "422", "429", "503"}
