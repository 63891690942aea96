"""The way from what was posted to base units is told as it was gone."""

import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import Amount
from schemas.calendar import to_microseconds
from schemas.conversions import conversions
from schemas.json_text import read_json
from schemas.measurement import Context, Measurement, measure
from schemas.organisation import Organisation
from tests.strategies import KINDS, ORGANISATION, RECEIVED, contents, spelt
from tests.unit.schemas.judging import AMSTERDAM

CONTEXT = Context(Organisation().with_changes(ORGANISATION), AMSTERDAM, to_microseconds(RECEIVED))


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_every_amount_is_what_its_conversion_gives(data, kind):
    event = json.loads(data.draw(contents(kind).flatmap(spelt)), parse_float=str)
    attributes = {"specversion": "1.0", "id": "1", "source": "/s", "team": "keuken"}
    attributes["type"] = f"nl.groenmeter.{kind}.v1"
    posted = read_json(json.dumps(event | attributes).encode())
    measurement = measure(posted, CONTEXT)
    assert isinstance(measurement, Measurement)
    if measurement.retracted:
        return

    correction = CONTEXT.organisation.meters["gas-1"].correction
    told = conversions(kind, measurement.category, json.loads(measurement.posted), correction)

    assert [(item.base_unit, item.base_quantity) for item in told] == sorted(
        measurement.amounts(), key=lambda amount: [item.base_unit for item in told].index(amount[0])
    )


def test_gas_as_read_needs_the_correction_of_its_meter():
    posted = {"quantity": "10.5", "unit": "m3"}

    (told,) = conversions("energy", "natural-gas", posted, Amount(10385, 4))

    assert (told.field, str(told.posted), told.unit, told.base_unit) == ("quantity", "10.5", "m3", "ml_n")
    assert told.exact == told.base_quantity == Fraction("10.5") * 10**6 * Fraction("1.0385")
    assert conversions("energy", "natural-gas", posted) == []


def test_a_container_that_the_catalogue_does_not_weigh_any_more_has_no_conversion():
    assert conversions("waste", "paper", {"containers": "3", "container": "barrel"}) == []
    (told,) = conversions("waste", "residual", {"containers": "3", "container": "wheelie-240l"})
    assert (told.unit, told.per_unit, told.base_quantity) == ("wheelie-240l", 20_000_000, 60_000_000)
