"""An organisation's own factors: what is refused, and what is recorded when its file changes."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from schemas.factor_versions import file_changes
from schemas.json_text import Number
from schemas.organisation import Organisation, OrganisationError
from schemas.own_factors import OwnFactor, factor_problems

HEAT = {
    "category": "district-heat",
    "unit": "GJ",
    "wtw": Number("25.10"),
    "valid_from": "2026-01-01",
    "valid_to": "2027-01-01",
    "source": "heat label of the supplier",
}


def own(**changes):
    return OwnFactor.model_validate(HEAT | changes)


def said(**changes):
    return [(problem.field, problem.problem) for problem in own(**changes).problems()]


def test_a_factor_becomes_a_version_for_each_chain_basis_and_meter():
    versions = own(ttw="20", meters=["W-1", "W-2"]).versions()

    assert {(item.chain, item.market, item.meter, item.kg_co2e) for item in versions} == {
        (chain, market, meter, value)
        for chain, value in (("wtw", Decimal("25.10")), ("ttw", Decimal(20)))
        for market in ("location", "market")
        for meter in ("W-1", "W-2")
    }
    assert {item.layer for item in versions} == {"own"}
    assert {(item.valid_from, item.valid_to) for item in versions} == {(date(2026, 1, 1), date(2027, 1, 1))}


def test_a_label_of_electricity_counts_on_market_basis_only_unless_said_otherwise():
    assert own(category="electricity", unit="kWh").markets == ("market",)
    assert own(category="electricity", unit="kWh", market="both").markets == ("location", "market")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "heat"}, ("kind", "'heat' is not known")),
        ({"category": "heat"}, ("category", "'heat' is not known")),
        ({"unit": "m3"}, ("unit", "'m3' is no unit of it")),
        ({"wtw": None}, ("wtw", "is missing")),
        ({"ttw": "30"}, ("ttw", "30 is more than wtw, of which it is a part")),
        ({"valid_to": "2026-01-01"}, ("valid_to", "is not after valid_from")),
        ({"valid_to": "2046-01-01"}, ("valid_to", "is more than ten years after valid_from")),
        (
            {"kind": "waste", "category": "residual", "unit": "kg", "meters": ["x"]},
            ("meters", "waste has no meters"),
        ),
        ({"meters": ["x", "x"]}, ("meters", "names one twice")),
    ],
)
def test_what_does_not_go_together(changes, problem):
    assert said(**changes) == [problem]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wtw": "25,1"}, "has a decimal comma"),
        ({"wtw": 1e300}, "is not an amount"),
        ({"valid_from": "1999-01-01"}, "is too early"),
        ({"valid_from": "2026-02-30"}, "is not a date"),
        ({"meters": [""]}, "is not a meter"),
        ({"meters": ["a\0"]}, "is not a meter"),
        ({"source": ""}, "at least 1 character"),
        ({"source": " \t"}, "at least 1 character"),
        ({"source": "ask jan@umc.nl"}, "holds an e-mail address"),
        ({"valid": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_read(changes, message):
    with pytest.raises(ValidationError, match=message):
        own(**changes)


def test_blanks_around_texts_do_not_count():
    factor = own(source=" the label ", note=" ")
    assert (factor.source, factor.note) == ("the label", "")


def test_two_that_hold_on_one_day_are_refused_and_neighbours_are_not():
    march = {"valid_from": "2026-03-01", "valid_to": "2026-04-01"}
    assert [item.field for item in factor_problems({"a": own(), "b": own(**march)})] == [
        "factors.b.valid_from"
    ]
    assert factor_problems({"a": own(meters=["W-1"]), "b": own(**march)}) == []
    assert factor_problems({"a": own(), "b": own(**march, withdrawn=True)}) == []
    assert factor_problems({"a": own(valid_to="2026-03-01"), "b": own(**march)}) == []


def test_the_file_names_the_place_of_a_mistake():
    with pytest.raises(OrganisationError) as error:
        Organisation().with_changes({"factors": {"heat": HEAT | {"categorie": "x"}}})
    assert [problem.field for problem in error.value.problems] == ["factors.heat.categorie"]
    with pytest.raises(OrganisationError) as error:
        Organisation().with_changes({"factors": {"heat": HEAT | {"unit": "kg"}}})
    assert [problem.field for problem in error.value.problems] == ["factors.heat.unit"]


def changed(before, after):
    return [
        (item.withdrawn, item.kg_co2e, item.valid_to.month)
        for item in file_changes(before, after)
        if item.market == "location"
    ]


def test_only_what_changed_is_recorded():
    before, half = own(), own(valid_to="2026-07-01")
    assert changed({}, {"heat": before}) == [(False, Decimal("25.10"), 1)]
    assert changed({"heat": before}, {"heat": own(), "other": before}) == []
    assert changed({"heat": before}, {"heat": own(wtw="30")}) == [(False, Decimal(30), 1)]
    assert changed({"heat": before}, {"heat": half}) == [
        (True, Decimal("25.10"), 1),
        (False, Decimal("25.10"), 7),
    ]
    assert changed({"heat": before}, {"heat": own(withdrawn=True)}) == [(True, Decimal("25.10"), 1)]
    assert changed({"heat": own(withdrawn=True)}, {"heat": before}) == [(False, Decimal("25.10"), 1)]
