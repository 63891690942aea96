import dataclasses

import pytest

from schemas.topics import DoorHeaders, Topic, topics_of_kind

HEADERS = DoorHeaders(
    received=1_772_368_200_123_456,
    record_id="0199-1/0",
    token_no=7,
    receipt="0199-1",
    configuration=3,
)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("measurements.energy", Topic("energy")),
        ("measurements.food-waste", Topic("food-waste")),
        ("measurements.medication-waste.scale-house-2", Topic("medication-waste", "scale-house-2")),
    ],
)
def test_names_of_topics(name, topic):
    assert Topic.of_name(name) == topic
    assert topic.name == name


@pytest.mark.parametrize(
    "name",
    ["measurements", "measurements.soil", "measurements.rejects", "energy", "measurements.energy.A", ""],
)
def test_what_is_no_topic_of_measurements(name):
    with pytest.raises(ValueError, match="not a topic of measurements"):
        Topic.of_name(name)


def test_a_kind_has_the_doors_topic_and_one_for_each_integrator():
    assert [topic.name for topic in topics_of_kind("waste", ["b", "a"])] == [
        "measurements.waste",
        "measurements.waste.a",
        "measurements.waste.b",
    ]


def test_headers_come_back():
    assert DoorHeaders.decode(dict(HEADERS.encode())) == HEADERS


@pytest.mark.parametrize("name", [name for name, _ in HEADERS.encode()])
def test_without_one_of_them_they_are_not_the_doors(name):
    assert DoorHeaders.decode({key: value for key, value in HEADERS.encode() if key != name}) is None


@pytest.mark.parametrize(
    ("name", "value"), [("received", b"now"), ("token-id", b"x"), ("record-id", b"\xff"), ("schema", b"")]
)
def test_what_is_not_as_the_door_writes_it_is_not_the_doors(name, value):
    assert DoorHeaders.decode(dict(HEADERS.encode()) | {name: value}) is None


def test_a_higher_schema_is_read_and_can_be_told():
    later = dataclasses.replace(HEADERS, schema=2)

    assert DoorHeaders.decode(dict(later.encode())).schema == 2
