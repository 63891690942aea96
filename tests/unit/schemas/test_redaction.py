"""Knowing erased text again without keeping it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import excerpt
from schemas.redaction import (
    Identity,
    Redaction,
    Redactions,
    payload_fingerprint,
    text_fingerprint,
    texts_of,
    without_quotes,
    without_texts,
)

KEY = b"k" * 32
ONE = Identity("a4", "waste", "/scale", "1")
AT = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize("again", ["Jan de Vries", " jan  DE\tvries\n", "Jan de Vries\N{NO-BREAK SPACE}"])
def test_spacing_and_case_hide_nothing(again: str) -> None:
    assert text_fingerprint(KEY, ONE, again) == text_fingerprint(KEY, ONE, "Jan de Vries")


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert text_fingerprint(KEY, ONE, "Ren\N{LATIN SMALL LETTER E WITH ACUTE}") == text_fingerprint(
        KEY, ONE, "Rene\N{COMBINING ACUTE ACCENT}"
    )


def test_the_same_text_of_another_measurement_or_key_cannot_be_told() -> None:
    fingerprints = {
        text_fingerprint(KEY, ONE, "Jan"),
        text_fingerprint(KEY, ONE._replace(id="2"), "Jan"),
        text_fingerprint(b"x" * 32, ONE, "Jan"),
        text_fingerprint(KEY, Identity("a", "4waste", "/scale", "1"), "Jan"),
        text_fingerprint(KEY, Identity("a4", "waste", "/scale", "1 Jan"), ""),
        payload_fingerprint(KEY, b"Jan"),
    }
    assert len(fingerprints) == 6


WASTE = "nl.groenmeter.waste.v1"
MEDICATION = "nl.groenmeter.medication-waste.v1"


@pytest.mark.parametrize(
    ("event", "texts"),
    [
        ({"type": WASTE, "data": {"stream": "residual", "note": "nat"}}, {"note": "nat"}),
        ({"type": WASTE, "data": {"stream": "residual", "opmerking": "Jan"}}, {"opmerking": "Jan"}),
        ({"type": WASTE, "data": {"note": ["Jan", 1]}}, {"note": '["Jan",1]'}),
        ({"type": MEDICATION, "data": {"reason": "expired", "product": "x"}}, {"product": "x"}),
        ({"type": MEDICATION, "data": {"reason": "van Jan"}}, {"reason": "van Jan"}),
        ({"type": "nl.groenmeter.food-waste.v1", "data": {"reason": "te veel"}}, {"reason": "te veel"}),
        ({"type": {}, "data": {"reason": "expired"}}, {"reason": "expired"}),
        ({"data": "Jan"}, {}),
        (["Jan"], {}),
        (None, {}),
    ],
)
def test_the_free_texts_of_an_event_however_wrong_it_is(event: Any, texts: dict[str, str]) -> None:
    assert texts_of(event) == texts
    if texts:
        assert not texts_of(without_texts(event, texts))


def test_an_event_without_data_has_nothing_to_lose() -> None:
    assert without_texts({"id": "1"}, []) == {"id": "1"}


@given(st.text())
def test_a_problem_quotes_nothing_that_was_posted(text: str) -> None:
    problems = [
        {
            "field": "data.unit",
            "problem": f"{excerpt(text)} is not a unit here",
            "allowed": "kg",
            "hint": None,
        }
    ]
    (cleaned,) = without_quotes(problems)
    assert cleaned["problem"] in ("'…' is not a unit here", "'…'")
    assert {name: cleaned[name] for name in ("field", "allowed", "hint")} == {
        "field": "data.unit",
        "allowed": "kg",
        "hint": None,
    }


def test_a_field_that_somebody_made_up_is_not_named() -> None:
    (cleaned,) = without_quotes([{"field": "data.Jan de Vries", "problem": "is not a field of this kind"}])
    assert cleaned == {"field": "…", "problem": "is not a field of this kind"}


def test_only_what_was_erased_of_a_measurement_is_erased() -> None:
    redactions = Redactions.of(KEY, 3, [Redaction(text_fingerprint(KEY, ONE, "Jan"), AT, ONE)])

    assert redactions.erased(ONE, {"note": "JAN", "evidence": "bon"}) == {"note": AT}
    assert redactions.erased(ONE._replace(id="2"), {"note": "Jan"}) == {}
    assert redactions.scrubbed(ONE, b'{"id":"1","data":{"note":"Jan"}}') == (b'{"id":"1","data":{}}', AT)
    for payload in (b"", b"Jan", b"[1]", b'{"id":"1"}', b'{"data":{"note":"Piet"}}'):
        assert redactions.scrubbed(ONE, payload) == (payload, None)
    assert redactions.of_payload(b"Jan") is None
    assert redactions
    assert not Redactions(KEY)
