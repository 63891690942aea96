"""The generated documents: current, repeatable, complete, and true of what is accepted."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import KINDS
from schemas.events import DATA
from schemas.generate import GENERATED, as_text, documents, generate
from schemas.json_schema import event_schema
from schemas.topics import DoorHeaders
from tests.strategies import contents, spelt

DOCUMENTS = documents()


def references(value):
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield item
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_committed_documents_are_current():
    for name, document in DOCUMENTS.items():
        assert (GENERATED / name).read_text("utf-8") == as_text(document), name


def test_there_is_a_schema_of_each_kind_and_one_description_of_the_topics():
    assert set(DOCUMENTS) == {f"{kind}.schema.json" for kind in KINDS} | {"asyncapi.json"}


def test_writing_is_repeatable_and_check_names_what_is_not_current(tmp_path, capsys):
    directory = tmp_path / "schemas" / "generated"
    directory.parent.mkdir()

    assert generate(DOCUMENTS, ["--check"], directory) == 1
    assert not directory.exists()
    assert "not current: schemas/generated/asyncapi.json" in capsys.readouterr().err

    assert generate(DOCUMENTS, [], directory) == 0
    assert generate(DOCUMENTS, ["--check"], directory) == 0
    assert {file.name for file in directory.iterdir()} == set(DOCUMENTS)

    (directory / "waste.schema.json").write_text("{}")
    assert generate(DOCUMENTS, ["--check"], directory) == 1
    assert capsys.readouterr().err == "not current: schemas/generated/waste.schema.json\n"
    assert generate(DOCUMENTS, [], directory) == 0
    assert generate(DOCUMENTS, ["--check"], directory) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_valid_in_the_new_and_the_old_dialect(kind):
    jsonschema.Draft202012Validator.check_schema(DOCUMENTS[f"{kind}.schema.json"])
    jsonschema.Draft7Validator.check_schema(event_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind):
    properties = event_schema(kind)["properties"]
    described = properties | properties["data"]["properties"]

    assert set(properties["data"]["properties"]) == {
        field.alias or name for name, field in DATA[kind].model_fields.items()
    }
    assert [name for name, schema in described.items() if schema and not schema.get("description")] == [
        "type"
    ]


VALIDATORS = {kind: jsonschema.Draft202012Validator(event_schema(kind)) for kind in KINDS}


def event_of(draw, kind):
    post = draw(contents(kind))
    event = json.loads(draw(spelt(post)))
    if event.get("retracted"):
        event.pop("data", None)
    return event | {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": f"nl.groenmeter.{kind}.v1",
    }


@settings(max_examples=100)
@given(data=st.data())
def test_what_is_accepted_fits_the_schema(data):
    kind = data.draw(st.sampled_from(KINDS))
    event = event_of(data.draw, kind)

    VALIDATORS[kind].validate(event)


ASYNCAPI = DOCUMENTS["asyncapi.json"]


def test_every_reference_of_asyncapi_leads_somewhere():
    found = set(references(ASYNCAPI))

    assert found
    for reference in found:
        target = ASYNCAPI
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert isinstance(target, dict)


def test_every_topic_is_a_channel():
    assert {channel["address"] for channel in ASYNCAPI["channels"].values()} == {
        f"measurements.{kind}{suffix}" for kind in KINDS for suffix in ("", ".{integrator}")
    }


def test_the_headers_are_those_that_the_door_writes():
    written = [name for name, _ in DoorHeaders(0, "r/0", 1, "r", 1).encode()]

    assert list(ASYNCAPI["components"]["schemas"]["headers"]["properties"]) == written
