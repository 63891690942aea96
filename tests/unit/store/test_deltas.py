"""What one event adds to the rollups, as the oracle says: without a database, failures shrink fast."""

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.calendar import Calendar, from_microseconds, to_microseconds
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, measure
from schemas.organisation import Organisation
from services.store.deltas import Deltas
from tests.oracle import Cover, Leaf, SourceDay, Sum, expect
from tests.strategies import KINDS, ORGANISATION, RECEIVED, contents, spelt

CALENDAR = Calendar.of_zone("Europe/Amsterdam")
CONTEXT = Context(Organisation().with_changes(ORGANISATION), CALENDAR, to_microseconds(RECEIVED))


def measured(body: str) -> Measurement:
    measurement = measure(read_json(body.encode()), CONTEXT)
    assert isinstance(measurement, Measurement), measurement
    return measurement


def days(deltas: Deltas) -> dict[tuple[Leaf, object], Sum]:
    return {
        (Leaf(*leaf), day): Sum(delta.quantity, delta.readings) for (leaf, day), delta in deltas.days.items()
    }


def hours(deltas: Deltas) -> dict[tuple[Leaf, object], Sum]:
    return {
        (Leaf(*leaf), from_microseconds(hour)): Sum(delta.quantity, delta.readings)
        for (leaf, hour), delta in deltas.hours.items()
    }


def covers(deltas: Deltas) -> dict[SourceDay, Cover]:
    return {
        SourceDay(series.source, Leaf(*series.leaf), series.span, day): Cover(
            cover.readings, timedelta(microseconds=cover.microseconds)
        )
        for (series, day), cover in deltas.covers.items()
    }


@st.composite
def bodies(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(KINDS))
    identity = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": f"nl.groenmeter.{kind}.v1",
        "team": draw(st.sampled_from(sorted(ORGANISATION["teams"]))),
    }
    body = draw(spelt(draw(contents(kind))))
    return json.dumps(identity, ensure_ascii=False)[:-1] + "," + body.removeprefix("{")


@settings(max_examples=150)
@given(bodies())
def test_an_event_adds_what_the_oracle_says(body: str) -> None:
    expected = expect([body], ORGANISATION)
    deltas = Deltas(CALENDAR)
    deltas.add(measured(body), 1)

    assert days(deltas) == expected.days
    assert hours(deltas) == expected.hours
    assert covers(deltas) == expected.sources


@settings(max_examples=30)
@given(bodies())
def test_what_is_taken_out_again_leaves_nothing(body: str) -> None:
    deltas = Deltas(CALENDAR)
    deltas.add(measured(body), 1)
    deltas.add(measured(body), -1)

    assert not any(deltas.days.values())
    assert not any(deltas.hours.values())
    assert not any(deltas.covers.values())
