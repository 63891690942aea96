"""What is content: the spelling is not, everything else that was posted is."""

import dataclasses
import json
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.json_text import read_json
from schemas.measurement import fingerprint, measure
from tests.unit.schemas.judging import CONTEXT, KINDS, ORGANISATION, event, measured

PERIOD = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}
GAS = {"carrier": "natural-gas", "quantity": "10", "unit": "m3", "meter": "gas-1"}
COUNTED = {"quantity": ..., "unit": ..., "containers": 1, "container": "wheelie-240l"}


def of(kind, values=None, /, **attributes):
    return measured(event(kind, values, **attributes)).fingerprint


SAME = [
    ("energy", {"quantity": "12.5"}, {"quantity": "12.500"}),
    ("energy", {"quantity": "12.5"}, {"quantity": "12500", "unit": "Wh"}),
    ("energy", {"quantity": "12.5"}, {"quantity": "45", "unit": "MJ"}),
    ("energy", {"quantity": "12"}, {"quantity": 12}),
    ("energy", {"quantity": "0.000000001"}, {"quantity": "0"}),
    ("energy", GAS, GAS | {"quantity": "10.0000001"}),
    ("waste", {"quantity": "4", "unit": "kg"}, {"quantity": "4000", "unit": "g"}),
    ("waste", {"quantity": "4", "unit": "kg"}, {"quantity": "0.004", "unit": "t"}),
    ("waste", {"cost_eur": "1.005"}, {"cost_eur": "1"}),
    ("waste", PERIOD, {"from": "2026-02-28T23:00:00Z", "to": "2026-03-31T22:00:00.000Z"}),
    ("waste", COUNTED, COUNTED | {"containers": "1.0"}),
    ("waste", {"note": None}, {}),
    ("medication-waste", {"pieces": 30}, {"pieces": "30.0"}),
    ("medication-waste", {"mass": "1", "mass_unit": "g"}, {"mass": "1000", "mass_unit": "mg"}),
]


@pytest.mark.parametrize(("kind", "data", "other"), SAME)
def test_spelling_is_no_content(kind, data, other):
    assert of(kind, data) == of(kind, other)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_fields_is_no_content(kind):
    posted = event(kind, PERIOD | {"note": "n", "cost_eur": "5", "site": "main"})
    turned = dict(reversed(posted.items())) | {"data": dict(reversed(posted["data"].items()))}

    assert json.dumps(posted) != json.dumps(turned)
    assert measured(posted) == measured(turned)


@pytest.mark.parametrize("kind", KINDS)
def test_other_attributes_are_no_content(kind):
    assert of(kind, subject="x", dataschema="/s") == of(kind)


def test_identity_is_no_content():
    assert of("waste", id="2", source="/b", team="apotheek", revision=5) == of("waste")


def test_time_in_utc_is_content():
    assert of("waste", time="2026-03-01T13:30:00.0Z") == of("waste", time="2026-03-01T14:30:00+01:00")
    assert of("waste", time="2026-03-01T13:30:00.000001Z") != of("waste", time="2026-03-01T13:30:00Z")


def test_time_beside_a_period_is_no_content():
    assert of("waste", PERIOD, time=...) == of("waste", PERIOD) == of("waste", PERIOD, time="straks")


def test_the_clock_time_of_medication_is_no_content():
    assert of("medication-waste", time="2026-03-01T08:00:00Z") == of("medication-waste")
    assert of("medication-waste", time="2026-03-01T23:30:00Z") != of("medication-waste")


def test_of_a_retraction_only_that_it_is_one_is_content():
    bare = of("waste", retracted=True, data=..., time=...)

    assert of("waste", {"quantity": "9"}, retracted=True) == bare
    assert of("activity", retracted=True, time="2026-01-01T00:00:00Z") == bare
    assert of("waste") != bare


CHANGES = {
    "energy": {
        "carrier": "district-heat",
        "flow": "use",
        "quantity": "12.6",
        "meter": "e-1",
    },
    "waste": {"stream": "paper", "quantity": "4.1"},
    "food-waste": {"stage": "serving", "item": "soep", "reason": "te veel", "quantity": "851"},
    "medication-waste": {
        "reason": "opened",
        "pieces": 31,
        "mass": {"mass": "1", "mass_unit": "g"},
        "atc": "N02BE01",
        "product": "paracetamol",
    },
    "activity": {"indicator": "admissions", "quantity": 42},
}
COMMON = {
    "site": "main",
    "method": "weighed",
    "detail": False,
    "cost_eur": "0",
    "evidence": "bon 12",
    "note": "n",
    "period": PERIOD,
}


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in KINDS for field in (CHANGES[kind] | COMMON)]
)
def test_every_field_is_content_and_absent_is_not_its_default(kind, field):
    value = (CHANGES[kind] | COMMON)[field]
    change = value if isinstance(value, dict) else {field: value}

    assert of(kind, change) != of(kind)


def test_fields_are_not_taken_for_each_other():
    texts = [{"item": "x"}, {"reason": "x"}, {"note": "x"}, {"evidence": "x"}]

    assert len({of("food-waste", text) for text in texts}) == len(texts)


def test_containers_are_content_by_number_and_name_not_by_weight():
    assert of("waste", COUNTED) != of("waste", {"quantity": "20", "unit": "kg"})
    assert of("waste", COUNTED | {"containers": 2}) != of("waste", COUNTED)
    assert of("waste", COUNTED | {"container": "bag-60l", "containers": 5}) != of("waste", COUNTED)


def test_m3_are_content_as_they_were_read():
    changed = ORGANISATION.with_changes({"meters": {"gas-1": {"correction": "1.2"}}})
    before = measured(event("energy", GAS))
    after = measured(event("energy", GAS), dataclasses.replace(CONTEXT, organisation=changed))

    assert before.quantity != after.quantity
    assert before.fingerprint == after.fingerprint
    assert before.fingerprint != of("energy", GAS | {"unit": "Nm3"})
    assert before.fingerprint != of("energy", GAS | {"unit": "Nm3", "quantity": "10.385"})


def test_the_configuration_is_no_content():
    changed = ORGANISATION.with_changes(
        {"main_site": "campus-west", "teams": {"ok-centrum": {"detail": True}}}
    )
    context = dataclasses.replace(CONTEXT, organisation=changed)

    assert measured(event("waste"), context).fingerprint == of("waste")


def test_a_json_number_and_a_text_are_one_content():
    body = json.dumps(event("energy")).replace('"12.5"', "12.50")

    assert measure(read_json(body.encode()), CONTEXT).fingerprint == of("energy")


def test_a_fingerprint_is_for_ever():
    """Stored fingerprints are compared with new ones: another way of making them needs another migration."""
    assert fingerprint({"retracted": True}).hex() == "a5e6f1d016b5768e70a4be3d5e76eb48"
    assert of("energy", PERIOD | {"note": "שלום"}).hex() == "23b891c5f5d94be843dd3b305dcc006a"
    assert of("waste").hex() == "d7c6b2929d3d3dd5e07865a3bc1a6d31"


@given(
    st.dictionaries(
        st.sampled_from(["note", "item", "quantity", "from_"]),
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.integers(0, 10**17)
        | st.booleans()
        | st.tuples(st.integers(0, 10**17), st.sampled_from(["J", "mg"])).map(list),
    )
)
def test_a_fingerprint_is_of_the_sorted_json_text(content):
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    assert fingerprint(content) == blake2b(text.encode(), digest_size=16).digest()
