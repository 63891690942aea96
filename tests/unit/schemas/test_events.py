"""The rules of single attributes and fields: what is refused, where, and what the person is told."""

import json
import time

import pytest

from schemas.events import EVENTS, KIND_OF_TYPE, read_event
from schemas.json_text import Unreadable, read_json
from schemas.measurement import Measurement, Refused, measure
from tests.unit.schemas.judging import CONTEXT, KINDS, event, fields, judge, measured, problems


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_event_of_each_kind_is_accepted(kind):
    assert measured(event(kind)).kind == kind


ATTRIBUTES = [
    ({"specversion": ...}, "specversion", "is missing", None),
    ({"specversion": "0.3"}, "specversion", "'0.3' is not known", None),
    ({"specversion": 1}, "specversion", "1 is not a text", None),
    ({"id": ...}, "id", "is missing", None),
    ({"id": None}, "id", "is missing", None),
    ({"id": ""}, "id", "is empty", None),
    ({"id": "x" * 129}, "id", "is 129 characters long", None),
    ({"id": 17}, "id", "17 is not a text", None),
    ({"id": "a\0b"}, "id", "NUL", None),
    ({"source": ...}, "source", "is missing", None),
    ({"source": "/" * 257}, "source", "is 257 characters long", None),
    ({"source": "de weegschaal"}, "source", "not a URI reference", None),
    ({"type": ...}, "type", "is missing", None),
    ({"type": "nl.groenmeter.wast.v1"}, "type", "is not known", "did you mean nl.groenmeter.waste.v1?"),
    ({"type": "nl.groenmeter.waste.v2"}, "type", "is not known", "did you mean nl.groenmeter.waste.v1?"),
    ({"type": "nl.groenmeter.meter-reading.v1"}, "type", "is not known", "post what was used between"),
    ({"type": 5}, "type", "5 is not known", None),
    ({"type": ["nl.groenmeter.waste.v1"]}, "type", "an array is not known", None),
    ({"time": ...}, "time", "is missing", None),
    ({"time": "2026-03-01T14:30:00"}, "time", "no offset", "write 2026-03-01T14:30:00+01:00"),
    (
        {"time": "2026-03-01T14:30:00." + "1" * 24 + "Z"},
        "time",
        "more than 6 fraction digits",
        "microseconds",
    ),
    ({"time": "2026-06-30T23:59:60Z"}, "time", "leap second", "59"),
    ({"time": "1999-12-31T00:00:00Z"}, "time", "before the year 2000", None),
    ({"time": "2026-11-23T12:00:00.000001Z"}, "time", "in the future", None),
    ({"time": "9999-12-31T23:59:59Z"}, "time", "in the future", None),
    ({"time": 1772368200}, "time", "not a moment", None),
    ({"team": ...}, "team", "is missing", None),
    ({"team": "OK Centrum"}, "team", "is not a slug", None),
    ({"team": "ok-centrun"}, "team", "'ok-centrun' is not known", "did you mean ok-centrum?"),
    ({"revision": 0}, "revision", "0 is not allowed", None),
    ({"revision": 1_000_000}, "revision", "1000000 is not allowed", None),
    ({"revision": "2"}, "revision", "'2' is not allowed", None),
    ({"revision": True}, "revision", "True is not allowed", None),
    ({"retracted": "true"}, "retracted", "is not allowed", None),
    ({"retracted": 1}, "retracted", "1 is not allowed", None),
    ({"data": ...}, "data", "is missing", None),
    ({"data": None}, "data", "is missing", None),
    ({"data": "4 kg"}, "data", "is not an object", None),
    ({"data": [1]}, "data", "an array is not an object", None),
    ({"data_base64": "e30=", "data": ...}, "data_base64", "is not accepted", None),
]


@pytest.mark.parametrize(("attributes", "field", "problem", "hint"), ATTRIBUTES)
def test_what_is_wrong_with_an_attribute(attributes, field, problem, hint):
    found = problems(event("waste", **attributes))

    assert [item.field for item in found] == [field, *(["data"] if field == "data_base64" else [])]
    assert problem in found[0].problem
    assert hint is None or hint in found[0].hint


FIELDS = [
    ("waste", {"site": "Campus"}, "site", "is not a slug", None),
    ("waste", {"site": "campus-wst"}, "site", "is not known", "did you mean campus-west?"),
    ("waste", {"method": "gewogen"}, "method", "is not known", None),
    ("waste", {"method": "weighted"}, "method", "is not known", "did you mean weighed?"),
    ("waste", {"method": "unstated"}, "method", "is not known", None),
    ("waste", {"detail": "yes"}, "detail", "is not allowed", None),
    ("waste", {"cost_eur": "12,50"}, "cost_eur", "decimal comma", "write 12.50"),
    ("waste", {"cost_eur": -1}, "cost_eur", "is negative", "higher revision"),
    ("waste", {"cost_eur": "1000000000000000"}, "cost_eur", "too many digits", None),
    ("waste", {"evidence": "x" * 201}, "evidence", "is 201 characters long", None),
    ("waste", {"evidence": "bon 12 van j.smit@lumc.nl"}, "evidence", "e-mail address", "leave people out"),
    ("waste", {"note": "x" * 501}, "note", "is 501 characters long", None),
    ("waste", {"note": ""}, "note", "is empty", None),
    ("waste", {"note": "van j.smit@lumc.nl"}, "note", "e-mail address", "leave people out"),
    ("waste", {"note": "bsn 123456782"}, "note", "BSN", "leave people out"),
    ("waste", {"note": "geb. 1-2-1960"}, "note", "date of birth", "leave people out"),
    ("waste", {"note": "a\0"}, "note", "NUL", None),
    ("waste", {"weight": 4}, "weight", "not a field of this kind", None),
    ("waste", {"quantiti": 4}, "quantiti", "not a field of this kind", "did you mean quantity?"),
    ("waste", {"from_": "2026-03-01T00:00:00Z"}, "from_", "not a field of this kind", "did you mean from?"),
    ("waste", {"stream": ...}, "stream", "is missing", None),
    ("waste", {"stream": "restafval"}, "stream", "is not known", None),
    ("waste", {"stream": "residuals"}, "stream", "is not known", "did you mean residual?"),
    ("waste", {"unit": "kilo"}, "unit", "'kilo' is not a unit here", 'Write "kg"'),
    ("waste", {"unit": "kWh"}, "unit", "'kWh' is not a unit here", "cannot be used here"),
    ("waste", {"unit": "mg"}, "unit", "'mg' is not a unit here", None),
    ("waste", {"unit": ...}, "unit", "is missing", None),
    ("waste", {"quantity": ...}, "quantity", "is missing", None),
    ("waste", {"quantity": "1.250,5"}, "quantity", "decimal comma", "write 1250.5"),
    ("waste", {"quantity": "1_000"}, "quantity", "groups of digits", "write 1000"),
    ("waste", {"quantity": "1" * 30}, "quantity", "too many digits", None),
    ("waste", {"quantity": "NaN"}, "quantity", "not a number", "leave a missing reading out"),
    ("waste", {"quantity": "\N{ARABIC-INDIC DIGIT FOUR}"}, "quantity", "another script", "0 to 9"),
    ("waste", {"quantity": "999999999999", "unit": "t"}, "quantity", "is too large", "unit"),
    ("energy", {"carrier": "steam"}, "carrier", "is not known", None),
    ("energy", {"carrier": "electricty"}, "carrier", "is not known", "did you mean electricity?"),
    ("energy", {"flow": "usage"}, "flow", "is not known", "did you mean use?"),
    ("energy", {"flow": "feed_in"}, "flow", "is not known", "did you mean feed-in?"),
    ("energy", {"unit": "kW"}, "unit", "'kW' is not a unit here", "power"),
    ("energy", {"unit": "KWH"}, "unit", "'KWH' is not a unit here", 'Write "kWh"'),
    ("energy", {"unit": "m3"}, "unit", "'m3' is not a unit here", "cannot be used here"),
    ("energy", {"carrier": "district-heat", "unit": "l"}, "unit", "'l' is not a unit here", None),
    ("energy", {"carrier": "diesel", "unit": "kWh"}, "unit", "'kWh' is not a unit here", None),
    ("energy", {"carrier": "natural-gas", "unit": "kWh"}, "unit", "'kWh' is not a unit here", None),
    ("energy", {"quantity": ...}, "quantity", "is missing", None),
    ("energy", {"unit": ...}, "unit", "is missing", None),
    ("energy", {"meter": ""}, "meter", "is empty", None),
    ("food-waste", {"stage": "oven"}, "stage", "is not known", None),
    ("food-waste", {"unit": "mg"}, "unit", "'mg' is not a unit here", None),
    ("food-waste", {"item": "soep van jan@lumc.nl"}, "item", "e-mail address", "leave people out"),
    ("food-waste", {"item": "bsn 123456782"}, "item", "BSN", "leave people out"),
    ("food-waste", {"reason": "geboren 12 mei 1960"}, "reason", "date of birth", "leave people out"),
    ("food-waste", {"quantity": True}, "quantity", "True is not an amount", None),
    ("medication-waste", {"reason": "lost"}, "reason", "is not known", None),
    ("medication-waste", {"pieces": "2.5"}, "pieces", "is not whole", None),
    ("medication-waste", {"pieces": -2}, "pieces", "is negative", "higher revision"),
    ("medication-waste", {"mass": "5", "mass_unit": "t"}, "mass_unit", "'t' is not a unit here", None),
    ("medication-waste", {"mass": "5"}, "mass_unit", "is missing", None),
    ("medication-waste", {"mass_unit": "g"}, "mass", "is missing", None),
    ("medication-waste", {"atc": "n02be01"}, "atc", "is not an ATC code", None),
    ("medication-waste", {"product": "van a.b@lumc.nl"}, "product", "e-mail address", "leave people out"),
    ("activity", {"indicator": "surgeries"}, "indicator", "is not known", None),
    ("activity", {"quantity": "41.5"}, "quantity", "is not whole", None),
    ("activity", {"unit": "stuks"}, "unit", "'stuks' is not a unit here", 'Write "1"'),
    ("activity", {"unit": 1}, "unit", "1 is not a text", None),
    ("activity", {"indicator": "commuting", "unit": "m"}, "unit", "'m' is not a unit here", None),
    ("activity", {"indicator": "sevoflurane", "unit": "g"}, "unit", "'g' is not a unit here", None),
]


@pytest.mark.parametrize(("kind", "data", "field", "problem", "hint"), FIELDS)
def test_what_is_wrong_with_a_field(kind, data, field, problem, hint):
    found = problems(event(kind, data))

    assert [item.field for item in found] == [f"data.{field}"]
    assert problem in found[0].problem
    assert hint is None or hint in found[0].hint


def test_everything_wrong_is_reported_at_once():
    posted = event(
        "waste",
        {"quantity": "1.250,5", "unit": "kilo", "stream": "x", "note": "a@b.nl", "kleur": 1, "site": "q"},
        specversion="2",
        id="",
        source="a b",
        team="nobody",
        time="gisteren",
        revision=0,
    )

    assert fields(posted) == [
        *("data.kleur", "data.note", "data.quantity", "data.site", "data.stream", "data.unit"),
        *("id", "revision", "source", "specversion", "team", "time"),
    ]


def test_a_wrong_amount_does_not_hide_a_wrong_unit():
    assert fields(event("activity", {"quantity": "1.5", "unit": "stuks"})) == ["data.quantity", "data.unit"]
    assert fields(event("waste", {"quantity": "1,5", "unit": "stuks"})) == ["data.quantity", "data.unit"]


def test_an_unknown_type_says_nothing_about_its_data():
    posted = event("soil", {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}, time=...)

    assert fields(posted) == ["type"]


def test_a_null_is_an_absent_field():
    posted = event("waste", {"note": None, "detail": None, "from": None, "to": None}, revision=None)

    assert measured(posted) == measured(event("waste"))


def test_other_context_attributes_are_accepted_and_not_kept():
    posted = event(
        "waste", subject="x", datacontenttype="application/json", dataschema="/s", traceparent="00"
    )

    assert measured(posted) == measured(event("waste"))


def test_emoji_and_right_to_left_text_come_back_unchanged():
    text = "\N{STETHOSCOPE} \N{RIGHT-TO-LEFT OVERRIDE}שלום e\N{COMBINING ACUTE ACCENT}\N{ZERO WIDTH JOINER}"
    measurement = measured(event("waste", {"note": text, "evidence": text}, id=text))

    assert measurement.id == text
    assert measurement.free_text == {"note": text, "evidence": text}


def test_lengths_are_in_characters():
    assert measured(event("waste", id="\N{STETHOSCOPE}" * 128)).id == "\N{STETHOSCOPE}" * 128
    assert fields(event("waste", id="\N{STETHOSCOPE}" * 129)) == ["id"]


@pytest.mark.parametrize("posted", [None, 1, "x", [], [event("waste")], True])
def test_what_is_no_object_is_no_event(posted):
    found = problems(posted)

    assert [item.field for item in found] == [""]
    assert "is not an event" in found[0].problem


def test_an_empty_object_lacks_everything_that_is_needed():
    assert fields({}) == ["data", "id", "source", "specversion", "team", "type"]


def test_the_name_of_an_unknown_field_is_quoted_in_part_and_without_nul():
    (found,) = problems(event("waste", {"a\0" + "b" * 200: 1}))

    assert "\0" not in found.field
    assert len(found.field) < 100


def test_no_problem_holds_a_nul_or_a_long_excerpt():
    posted = event("waste", {"stream": "\0" * 300, "unit": "\0", "quantity": "\0" * 300}, team="\0", id="\0")
    text = json.dumps([item.as_dict() for item in problems(posted)], ensure_ascii=False)

    assert "\\u0000" not in text
    assert all(len(item.problem) < 500 for item in problems(posted))


def test_a_body_full_of_nonsense_is_refused_at_once():
    long = "x" * 1_000_000
    posted = event("waste", {long: 1, "stream": long, "unit": long, "quantity": long}, team=long, type=long)

    started = time.process_time()
    found = problems(posted)

    assert time.process_time() - started < 1
    assert all(len(item.problem) + len(item.field) < 500 for item in found)


NUMBERS_AS_TEXTS = [
    ('"specversion": "1.0"', '"specversion": 1.0', "specversion"),
    ('"id": "1"', '"id": 1.5', "id"),
    ('"source": "/scale/3"', '"source": 1.5', "source"),
    ('"team": "ok-centrum"', '"team": 1e5', "team"),
    ('"unit": "kg"', '"unit": 1.5', "data.unit"),
    ('"stream": "residual"', '"stream": 1.5', "data.stream"),
]


@pytest.mark.parametrize(("text", "number", "field"), NUMBERS_AS_TEXTS)
def test_a_json_number_is_no_text(text, number, field):
    body = json.dumps(event("waste"))
    assert text in body
    result = measure(read_json(body.replace(text, number).encode()), CONTEXT)

    assert isinstance(result, Refused)
    assert [problem.field for problem in result.problems] == [field]
    assert "is not a" in result.problems[0].problem


@pytest.mark.parametrize(
    "number", ["1e400", "-1", "1E2", "0.0000000001", "1" * 30, "true", "[1]", '{"a": 1}']
)
def test_json_values_that_are_no_amount(number):
    body = json.dumps(event("waste")).replace('"quantity": "4"', f'"quantity": {number}')
    result = measure(read_json(body.encode()), CONTEXT)

    assert isinstance(result, Refused)
    assert [problem.field for problem in result.problems] == ["data.quantity"]


def test_a_json_number_is_read_losslessly():
    posted = event("energy", {"carrier": "diesel", "unit": "l", "quantity": "?"})
    body = json.dumps(posted).replace('"?"', "99999999999999.123456789")
    result = measure(read_json(body.encode()), CONTEXT)

    assert isinstance(result, Measurement)
    assert result.quantity == 99_999_999_999_999_123


def test_whatever_nesting_can_be_read_can_be_judged():
    body = json.dumps(event("waste")).replace('"quantity": "4"', '"quantity": %s')
    judged = 0
    for depth in range(900, 1_000):
        try:
            value = read_json((body % ("[" * depth + "]" * depth)).encode())
        except Unreadable:
            continue
        assert isinstance(measure(value, CONTEXT), Refused)
        judged += 1

    assert judged


def test_both_ways_of_reading_agree():
    """The fast reading (pydantic's) and the one that finds every problem give the same values."""
    for kind in KINDS:
        posted = event(kind)
        _, fast_attributes, fast_data, problems_found = read_event(posted)
        _, attributes, data, _ = read_event(posted | {"revision": None})
        assert problems_found == []
        assert {name: fast_attributes[name] for name in attributes} == attributes
        assert fast_data == data


def test_every_kind_has_its_type():
    assert {kind: f"nl.groenmeter.{kind}.v1" for kind in EVENTS} == {
        kind: name for name, kind in KIND_OF_TYPE.items()
    }


def test_the_refused_say_who_they_are():
    result = judge(event("waste", {"unit": "kilo"}, id="z-1"))

    assert isinstance(result, Refused)
    assert (result.kind, result.team, result.source, result.id) == ("waste", "ok-centrum", "/scale/3", "z-1")
