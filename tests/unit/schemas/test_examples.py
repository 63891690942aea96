"""The examples of each event: what is valid is, what is invalid says why, and the generated schema agrees."""

import json

import fastjsonschema
import jsonschema
import pytest

from schemas.catalogue import KINDS
from schemas.events import EVENTS
from schemas.generate import EXAMPLES, GENERATED
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, Refused, measure
from tests.unit.schemas.judging import AMSTERDAM, CONTEXT, ORGANISATION

TEAMS = ("ok-centrum", "gebouwen", "inzameling", "keuken", "apotheek", "bedrijfsbureau")
JUDGED = Context(
    ORGANISATION.with_changes({"teams": {team: {} for team in TEAMS}}), AMSTERDAM, CONTEXT.received
)


def files(sort):
    return [
        pytest.param(kind, path, id=f"{kind}/{path.stem}")
        for kind in KINDS
        for path in sorted((EXAMPLES / kind / sort).glob("*.json"))
    ]


@pytest.fixture(scope="module")
def validators():
    """For each kind the generated schema, as jsonschema and as fastjsonschema read it."""
    schemas = {kind: json.loads((GENERATED / f"{kind}.schema.json").read_text("utf-8")) for kind in KINDS}
    return {
        kind: (jsonschema.Draft202012Validator(schema), fastjsonschema.compile(schema))
        for kind, schema in schemas.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_enough_examples(kind):
    assert len(list((EXAMPLES / kind / "valid").iterdir())) >= 3
    assert len(list((EXAMPLES / kind / "invalid").iterdir())) >= 6


@pytest.mark.parametrize(("kind", "path"), files("valid"))
def test_a_valid_example_is_accepted_by_everyone(kind, path, validators):
    event = json.loads(path.read_text("utf-8"))
    standard, fast = validators[kind]

    measurement = measure(read_json(path.read_bytes()), JUDGED)
    assert isinstance(measurement, Measurement), measurement
    assert measurement.kind == kind
    EVENTS[kind].model_validate(read_json(path.read_bytes()))
    standard.validate(event)
    fast(event)


@pytest.mark.parametrize(("kind", "path"), files("invalid"))
def test_an_invalid_example_says_what_is_wrong(kind, path, validators):
    example = read_json(path.read_bytes())
    result = measure(example["event"], JUDGED)

    assert isinstance(result, Refused)
    assert sorted(problem.field for problem in result.problems) == sorted(
        problem["field"] for problem in example["problems"]
    )
    for expected in example["problems"]:
        found = next(problem for problem in result.problems if problem.field == expected["field"])
        assert expected["problem"] in found.problem
        assert ("hint" in expected) <= (found.hint is not None)
        assert expected.get("hint", "") in (found.hint or "")


@pytest.mark.parametrize(("kind", "path"), files("invalid"))
def test_the_generated_schema_refuses_what_it_can(kind, path, validators):
    example = json.loads(path.read_text("utf-8"))
    standard, fast = validators[kind]

    assert standard.is_valid(example["event"]) is not example["schema_rejects"]
    if example["schema_rejects"]:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            fast(example["event"])
