"""Whatever is remembered of events that came before, the next one is judged as if it were the first."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import forms
from schemas.forms import Forms
from schemas.json_text import Unreadable, read_json
from schemas.layouts import Written
from schemas.measurement import Context, Measurement, measure
from schemas.moments import read_moment
from tests.unit.schemas.judging import AMSTERDAM, KINDS, ORGANISATION, RECEIVED, event

RECEIVED_AT = read_moment(RECEIVED)
PERIOD = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-03-01T00:15:00+01:00"}

ATTRIBUTES: dict[str, list[Any]] = {
    "id": ["2", "x" * 128, "x" * 129, "", "a\0", "5", 5, None, ["1"], ...],
    "source": ["/scale/4", "/scale 4", "", 4, "5", 5, {"a": 1}, ...],
    "team": ["keuken", "nobody", "", None, True, ...],
    "type": ["nl.groenmeter.energy.v1", "nl.groenmeter.waste.v1", "nl.groenmeter.power.v1", 1, ...],
    "time": ["2026-11-23T11:59:59Z", "2026-11-23T12:00:01Z", "1999-12-31T00:00:00Z", "today", 5, None, ...],
    "revision": [1, 2, 999_999, 1_000_000, 0, "2", 2.0, True, None, ...],
    "retracted": [True, False, "true", None],
    "specversion": ["0.3", 1.0, "1.0", ...],
    "subject": ["not kept", 5],
    "data_base64": ["eA=="],
    "data": [None, [], "text", ...],
}
DATA: dict[str, list[Any]] = {
    "quantity": [
        0,
        7,
        2.75,
        "0.0005",
        "1.50",
        10**14,
        10**15,
        "999999999999999",
        -1,
        1e22,
        "1,5",
        True,
        None,
        ...,
    ],
    "unit": ["kWh", "MWh", "kg", "g", "t", "1", "m3", "Nm3", "%d", 1, None, ...],
    "from": ["2026-03-01T00:00:00Z", "2025-01-01T00:00:00Z", "2026-03-01", 5, None, ...],
    "to": ["2026-11-23T12:00:00Z", "2026-11-23T12:00:01Z", "2026-02-28T23:59:59Z", 5, None, ...],
    "carrier": ["electricity", "natural-gas", "district-heat", "wind", 1, None, ...],
    "stream": ["residual", "paper", "%s", None, ...],
    "indicator": ["operations", "floor-area", None, ...],
    "flow": ["use", "feed-in", "both", None, True],
    "meter": ["gas-1", "5", 5, "%d", '100% \N{POT OF FOOD} "quoted" \\', "", None],
    "site": ["campus-west", "moon", 5, None],
    "method": ["metered", "guessed", None, False],
    "detail": [True, False, 1, 0, "true", None],
    "evidence": [
        "ticket 5",
        '100 % "sure" \\ \N{POT OF FOOD}',
        "nurse@example.nl",
        "",
        "x" * 201,
        5,
        "5",
        None,
    ],
    "note": [
        "as read",
        '100 % "sure" \\ \N{POT OF FOOD}',
        "BSN 111222333",
        "geb. 1-1-1980",
        "",
        5,
        "5",
        None,
    ],
    "cost_eur": [1.5, "free"],
    "reason": ["expired"],
    "pieces": [3],
    "colour": ["green"],
}


def one_change(choices: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [(name, value) for name, values in choices.items() for value in values]
    return st.lists(st.sampled_from(pairs), max_size=2).map(dict)


events = st.builds(
    lambda kind, period, changes, values: event(kind, {**(PERIOD if period else {}), **values}, **changes),
    st.sampled_from(KINDS),
    st.booleans(),
    one_change(ATTRIBUTES),
    one_change(DATA),
)


def in_full(result: object) -> object:
    """With what `==` leaves out."""
    return result, type(result), getattr(result, "content", None) if has_texts(result) else None


def has_texts(result: object) -> bool:
    """Whether its content is asked for: only when a text of it was erased."""
    return isinstance(result, Measurement) and result.free_text is not None


@given(st.lists(events, min_size=2, max_size=8), st.sampled_from([None, frozenset(["ok-centrum"])]))
def test_it_says_what_measure_says(posted: list[dict[str, Any]], speaks_for: frozenset[str] | None) -> None:
    context = Context(ORGANISATION, AMSTERDAM, RECEIVED_AT, speaks_for, default_team="keuken")
    remembering = Forms(ORGANISATION, AMSTERDAM, speaks_for, default_team="keuken")

    for one in [*posted, *posted]:
        raw = read_json(json.dumps(one).encode())
        assert in_full(remembering.measure(raw, RECEIVED_AT)) == in_full(measure(raw, context))


def read(remembering: Forms, body: bytes) -> list[Any]:
    """The events of an array, or an event, as a record of it is read."""
    return remembering.read(body) or remembering.learn(body, read_json(body))


def as_body(posted: Any, indent: int | None, is_compact: bool, is_ascii: bool) -> bytes:
    separators = (",", ":") if is_compact else None
    return json.dumps(posted, indent=indent, separators=separators, ensure_ascii=is_ascii).encode()


records = st.builds(
    as_body,
    events | st.lists(events, min_size=1, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(records, min_size=2, max_size=6), st.data())
def test_records_are_read_as_json_is(bodies: list[bytes], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "EVENTS_BETWEEN_LAYOUTS", 1)
        context = Context(ORGANISATION, AMSTERDAM, RECEIVED_AT, None, default_team="keuken")
        remembering = Forms(ORGANISATION, AMSTERDAM, None, default_team="keuken")

        for body in [*bodies, *bodies, *map(data.draw, map(mutilated, bodies))]:
            try:
                expected = read_json(body)
            except Unreadable as error:
                with pytest.raises(Unreadable, match=re.escape(str(error))):
                    read(remembering, body)
                continue
            found = read(remembering, body)
            posted = expected if isinstance(expected, list) else [expected]
            assert [as_value(one) for one in found] == posted
            for one, raw in zip(found, posted, strict=True):
                assert in_full(remembering.measure(one, RECEIVED_AT)) == in_full(measure(raw, context))


def as_value(one: Any) -> Any:
    return one.read() if isinstance(one, Written) else one


def mutilated(body: bytes) -> st.SearchStrategy[bytes]:
    """The body with some bytes in the place of others, or twice; still of events if it is JSON at all."""
    places = st.integers(1, len(body) - 1)
    pieces = st.sampled_from(
        [b"", b" ", b'"', b",", b"]", b"}", b"0", b"1", b"-", b"e5", b".", b"\\", b"\0", b"\xff", b"null"]
    )
    changed = st.builds(
        lambda place, length, piece: body[:place] + piece + body[place + length :],
        places,
        st.integers(0, 3),
        pieces,
    )
    return (st.just(body + b"," + body) | changed).filter(_is_of_events_if_json)


def _is_of_events_if_json(body: bytes) -> bool:
    try:
        return isinstance(read_json(body), list | dict)
    except Unreadable:
        return True


def test_records_of_machines_are_read_by_their_layout() -> None:
    remembering = Forms(ORGANISATION, AMSTERDAM)
    readings = [event("energy", PERIOD | {"quantity": number / 8}, id=str(number)) for number in range(100)]
    first, second = json.dumps(readings).encode(), json.dumps(readings[::-1]).encode()

    assert not isinstance(read(remembering, first)[0], Written)
    found = [*read(remembering, second), *read(remembering, json.dumps(readings[0]).encode())]

    assert all(isinstance(one, Written) for one in found)
    assert [one.read() for one in found] == [*read_json(second), read_json(json.dumps(readings[0]).encode())]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "medication-waste"])
@pytest.mark.parametrize("period", [{}, PERIOD])
def test_what_machines_send_is_judged_once(
    kind: str, period: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []
    monkeypatch.setattr(forms, "measure", lambda *given: judged.append(given) or measure(*given))
    remembering = Forms(ORGANISATION, AMSTERDAM)

    for number in range(50):
        texts = {"evidence": f"row {number}", "note": f"as read on day {number}"}
        raw = event(kind, {**period, "quantity": number, **texts}, id=str(number))
        assert isinstance(remembering.measure(raw, RECEIVED_AT), Measurement)

    assert len(judged) == 1


NULL_FIRST: list[dict[str, Any]] = [{"note": "as read"}, {"evidence": "ticket 5"}, PERIOD]


@pytest.mark.parametrize("later", NULL_FIRST)
@pytest.mark.parametrize("are_written", [False, True])
def test_a_field_may_be_null_before_it_has_a_value(
    later: dict[str, Any], are_written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "EVENTS_BETWEEN_LAYOUTS", 1)
    context = Context(ORGANISATION, AMSTERDAM, RECEIVED_AT)
    remembering = Forms(ORGANISATION, AMSTERDAM)

    for number, values in enumerate([dict.fromkeys(later), later, dict.fromkeys(later), later]):
        raw = event("waste", values, id=str(number))
        one = read(remembering, json.dumps(raw).encode())[0] if are_written else raw
        assert in_full(remembering.measure(one, RECEIVED_AT)) == in_full(measure(raw, context))


def test_it_forgets_before_it_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST_FORMS", 10)
    remembering = Forms(ORGANISATION, AMSTERDAM)

    for number in range(100):
        assert isinstance(remembering.measure(event(source=f"/scale/{number}"), RECEIVED_AT), Measurement)

    assert remembering.number <= 10
