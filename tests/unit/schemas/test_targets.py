import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import INDICATORS, KINDS, STREAMS, base_units, category_names
from schemas.events import FLOWS
from schemas.factors import FACTORS
from schemas.json_text import Number
from schemas.organisation import Organisation, OrganisationError
from schemas.target_checks import contradictions
from schemas.targets import CATALOGUE, PARTS, TARGETS, THEMES, Flow, Target, targets_of

START = Organisation().with_changes({"teams": {"ok-centrum": {}, "keuken": {}}, "sites": {"west": {}}})
SLUGS = {
    *("plant-protein-2026", "plant-protein-2030", "food-environment-2030"),
    *("sustainability-strategy", "sustainability-curricula"),
    *("co2-buildings-2026", "co2-buildings-2029", "co2-buildings-2030", "co2-transport-2026"),
    *("co2-transport-2030", "real-estate-roadmap", "co2-neutral-2050"),
    *(
        "residual-waste-2026",
        "unsorted-share-2030",
        "incontinence-material-2026",
        "food-waste",
        "circular-2050",
    ),
    *("medication-waste",),
}
GLOVES = {
    "nl": "Handschoenen",
    "en": "Gloves",
    "theme": "circular",
    "kind": "reduction_vs_base",
    "unit": "1",
    "base_year": 2022,
    "anchors": [{"year": 2026, "value": 90}],
    "parts": [{"slug": "g", "nl": "g", "en": "g", "kind": "activity", "categories": ["gloves"]}],
}
SHARE = {
    "nl": "Glas",
    "en": "Glass",
    "theme": "circular",
    "kind": "share_min",
    "unit": "%",
    "anchors": [{"year": 2026, "value": "2.5"}],
    "parts": [{"slug": "glass", "nl": "glas", "en": "glass", "kind": "waste", "categories": ["glass"]}],
    "of": ["unsorted", "sorted"],
}


def applied(slug, **fields):
    """The target that a file's `[targets.SLUG]` makes."""
    organisation = START.with_changes({"targets": {slug: fields}})
    return next(target for target in targets_of(organisation) if target.slug == slug)


def refused(slug, before=START, **fields):
    with pytest.raises(OrganisationError) as error:
        before.with_changes({"targets": {slug: fields}})
    prefix = f"targets.{slug}."
    assert all(problem.field.startswith(prefix) for problem in error.value.problems)
    return {problem.field.removeprefix(prefix): problem for problem in error.value.problems}


def counted(parts):
    return [category for part in parts if not part.left_out for category in part.categories]


# The catalogue


def test_targets_are_in_the_order_of_the_themes():
    assert THEMES == ("health", "knowledge", "co2", "circular", "medication")
    assert [THEMES.index(target.theme) for target in TARGETS.values()] == sorted(
        THEMES.index(target.theme) for target in TARGETS.values()
    )
    assert {target.theme for target in TARGETS.values()} == set(THEMES)


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_a_target_of_the_catalogue_goes_together_and_says_where_it_is_from(target):
    assert list(contradictions(target)) == []
    assert target.source
    assert target.certainty != "unknown"
    assert target.boundary.nl
    assert target.boundary.en
    assert (target.team, target.site, target.done_on) == (None, None, None)


def test_slugs_are_for_ever():
    assert set(TARGETS) >= SLUGS


@pytest.mark.parametrize(
    ("slug", "anchors"),
    [
        ("co2-buildings-2026", {2018: 100, 2026: 70}),
        ("co2-buildings-2029", {2018: 100, 2026: 70, 2029: 45}),
        ("co2-buildings-2030", {2018: 100, 2026: 70, 2030: 45}),
        ("co2-transport-2026", {2018: 100, 2026: 70}),
        ("co2-transport-2030", {2018: 100, 2026: 70, 2030: 45}),
        ("residual-waste-2026", {2018: 100, 2026: 75}),
        ("unsorted-share-2030", {2030: 25}),
        ("plant-protein-2026", {2026: 50}),
        ("plant-protein-2030", {2026: 50, 2030: 60}),
        ("medication-waste", {}),
        ("food-waste", {}),
        ("incontinence-material-2026", {}),
    ],
)
def test_the_anchors_of_the_green_deal(slug, anchors):
    assert {anchor.year: anchor.value for anchor in TARGETS[slug].anchors} == anchors
    assert TARGETS[slug].base_year == (2018 if 2018 in anchors else None)


# 2018 = 100, -3.75 points a year to 70 in 2026, then -6.25 a year to 45 in 2030.
GREEN_DEAL = "100 96.25 92.5 88.75 85 81.25 77.5 73.75 70 63.75 57.5 51.25 45"
# The hospital's: the same up to 2026, then -25/3 a year.
BY_2029 = {2027: Fraction(185, 3), 2028: Fraction(160, 3), 2029: Fraction(45)}


def straight(target, year):
    """The straight line between two anchors, worked out apart from the product's."""
    for start, end in pairwise(target.anchors):
        if start.year <= year <= end.year:
            slope = Fraction(end.value - start.value) / (end.year - start.year)
            return Fraction(start.value) + slope * (year - start.year)
    raise AssertionError(year)


def test_the_green_deal_index_runs_through_the_anchors():
    index = [straight(TARGETS["co2-buildings-2030"], year) for year in range(2018, 2031)]

    assert index == [Fraction(value) for value in GREEN_DEAL.split()]
    assert {year: straight(TARGETS["co2-buildings-2029"], year) for year in BY_2029} == BY_2029


def test_co2_of_buildings_needs_electricity_heat_and_gas_only():
    for year in (2026, 2029, 2030):
        parts = {part.slug: part.left_out for part in TARGETS[f"co2-buildings-{year}"].parts}
        assert [slug for slug, why in parts.items() if why is None] == [
            "electricity",
            "district-heat",
            "natural-gas",
        ]
        assert len(parts) == 6


def test_every_category_of_a_target_in_co2_has_a_factor():
    known = {(factor.kind, factor.category) for factor in FACTORS if factor.purpose == "footprint"}
    for target in TARGETS.values():
        if target.measure == "co2e":
            assert known >= {(part.kind, category) for part in target.parts for category in part.categories}


def test_unsorted_is_what_the_catalogue_of_streams_calls_unsorted():
    unsorted = {slug for slug, stream in STREAMS.items() if stream.unsorted}

    assert set(counted(TARGETS["residual-waste-2026"].parts)) == unsorted
    assert set(counted(TARGETS["unsorted-share-2030"].parts)) == unsorted


def test_every_stream_has_its_place_in_the_unsorted_share():
    whole = [category for part in TARGETS["unsorted-share-2030"].of for category in part.categories]

    assert sorted(whole) == sorted(STREAMS)


def test_every_refrigerant_and_means_of_commuting_is_in_its_part():
    assert set(PARTS["commuting"].categories) == {
        slug for slug in INDICATORS if slug.startswith("commuting-")
    }
    assert set(PARTS["refrigerants"].categories) == {
        slug for slug, indicator in INDICATORS.items() if "refrigerant" in indicator.en
    }


def test_milestones_have_a_day_and_are_not_done():
    due = {target.slug: target.due for target in TARGETS.values() if target.kind == "milestone"}

    assert due == {
        "food-environment-2030": date(2030, 1, 1),
        "sustainability-strategy": date(2026, 12, 31),
        "sustainability-curricula": date(2026, 12, 31),
        "real-estate-roadmap": date(2024, 1, 1),
        "co2-neutral-2050": date(2050, 12, 31),
        "circular-2050": date(2050, 12, 31),
    }


def test_flows_are_those_of_the_events():
    assert get_args(Flow) == FLOWS


# An organisation's own


def test_without_changes_it_is_the_catalogue():
    assert targets_of(START) == tuple(TARGETS.values())


def test_fields_are_changed_one_by_one():
    changed = applied(
        "medication-waste",
        base_year=2022,
        anchors=[{"year": 2022, "value": 100}, {"year": 2028, "value": 80}],
        unit="EUR",
    )

    assert (changed.unit, changed.base_unit, changed.base_year, changed.final_year) == (
        "EUR",
        "cent",
        2022,
        2028,
    )
    assert (
        changed.model_copy(update={"unit": "piece", "base_unit": "piece", "base_year": None, "anchors": ()})
        == (TARGETS["medication-waste"])
    )


@pytest.mark.parametrize(
    ("unit", "base_unit"), [("piece", "piece"), ("EUR", "cent"), ("kg", "mg"), ("g", "mg")]
)
def test_the_base_unit_follows_the_unit(unit, base_unit):
    assert applied("medication-waste", unit=unit).base_unit == base_unit


def test_a_part_is_left_out_and_brought_back():
    reasons = {"natural-gas": "geen gasaansluiting", "generator-fuels": ""}
    changed = applied("co2-buildings-2026", left_out=reasons)

    assert counted(changed.parts)[:2] == ["electricity", "district-heat"]
    assert "diesel" in counted(changed.parts)
    left_out = {part.slug: part.left_out for part in changed.parts if part.left_out}
    assert left_out.keys() == {"natural-gas", "green-gas", "refrigerants"}
    assert left_out["natural-gas"] == "geen gasaansluiting"


def test_a_part_left_out_of_a_share_is_left_out_of_both():
    changed = applied(
        "unsorted-share-2030",
        parts=["unsorted", "building-waste"],
        left_out={"clinical-and-chemical": "apart contract"},
    )

    assert [part.slug for part in changed.of if part.left_out] == ["clinical-and-chemical", "building-waste"]
    assert [part.slug for part in changed.parts if part.left_out] == ["building-waste"]


def test_a_base_year_alone_moves_the_start_of_the_path():
    changed = applied("co2-buildings-2030", base_year=2019)

    assert [(anchor.year, anchor.value) for anchor in changed.anchors] == [
        (2019, 100),
        (2026, 70),
        (2030, 45),
    ]


def test_the_organisation_s_base_year_is_for_reductions_that_name_none():
    organisation = START.with_changes(
        {
            "base_year": 2019,
            "targets": {"food-waste": {"anchors": [{"year": 2026, "value": 50}]}, "g": GLOVES},
        }
    )
    base_years = {target.slug: target.base_year for target in targets_of(organisation)}

    assert base_years["food-waste"] == base_years["medication-waste"] == 2019
    assert (base_years["co2-buildings-2026"], base_years["g"]) == (2018, 2022)
    assert base_years["unsorted-share-2030"] is base_years["circular-2050"] is None


def test_a_target_can_be_hidden_and_shown_again():
    hidden = START.with_changes({"targets": {"co2-buildings-2029": {"enabled": False}}})
    shown = hidden.with_changes({"targets": {"co2-buildings-2029": {"enabled": True}}})

    assert {target.slug for target in targets_of(hidden)} == set(TARGETS) - {"co2-buildings-2029"}
    assert targets_of(shown) == targets_of(START)


def test_an_own_target_stands_with_its_theme():
    organisation = START.with_changes({"targets": {"gloves": {**GLOVES, "team": "ok-centrum"}}})
    slugs = [target.slug for target in targets_of(organisation)]

    assert slugs.index("circular-2050") + 1 == slugs.index("gloves") == slugs.index("medication-waste") - 1
    assert (applied("gloves", **GLOVES).boundary.nl, applied("gloves", **GLOVES).scope) == (
        "g",
        "organisation",
    )
    assert applied("gloves", **GLOVES, team="ok-centrum").scope == "team/ok-centrum"
    assert applied("gloves", **GLOVES, site="west").scope == "site/west"


def test_parts_of_the_catalogue_are_named_by_slug():
    power = {
        "kind": "absolute_max",
        "parts": ["electricity"],
        "unit": "kWh",
        "theme": "co2",
        "nl": "x",
        "en": "x",
    }
    target = applied(
        "power", **power, anchors=[{"year": 2027, "value": "57500000.5"}], shape_years=[2024, 2025]
    )

    assert (target.parts, target.base_unit) == ((PARTS["electricity"],), "J")
    assert target.anchors[0].value == Decimal("57500000.5")


def test_a_share_is_counted_in_what_its_parts_are():
    assert applied("glass", **SHARE).base_unit == "mg"


def test_boundary_words_are_changed_one_by_one():
    changed = applied("food-waste", boundary={"nl": "Alleen de centrale keuken."})

    assert changed.boundary.nl == "Alleen de centrale keuken."
    assert changed.boundary.en == TARGETS["food-waste"].boundary.en


def test_a_milestone_is_done():
    done = applied(
        "sustainability-strategy", done_on=date(2024, 1, 15), who="Stuurgroep", evidence="Strategie 2024-2028"
    )

    assert (done.done_on, done.who, done.final_year) == (date(2024, 1, 15), "Stuurgroep", 2026)


def test_only_what_the_file_names_is_kept_and_it_comes_back_the_same():
    fields = {
        "red_from": Number("0.10"),
        "due": date(2027, 1, 1),
        "kind": "milestone",
        "theme": "co2",
        "nl": "x",
        "en": "x",
    }
    changed = START.with_changes({"targets": {"own": fields, "g": {**GLOVES, "left_out": {}}}})
    document = json.loads(json.dumps(changed.model_dump(mode="json")))

    assert document["targets"]["own"] == {**fields, "red_from": "0.10", "due": "2027-01-01"}
    assert Organisation.model_validate(document) == changed
    assert Organisation.model_validate(document).with_changes({"targets": {"own": fields}}) == changed


def test_a_configuration_from_before_there_were_targets_still_loads():
    document = START.model_dump(mode="json")
    del document["targets"], document["base_year"]

    assert Organisation.model_validate(document) == Organisation.model_validate(START.model_dump(mode="json"))


def test_changes_build_on_what_was_applied_before():
    first = START.with_changes(
        {"targets": {"co2-buildings-2026": {"left_out": {"natural-gas": "weg"}, "red_from": "0.1"}}}
    )
    second = first.with_changes({"targets": {"co2-buildings-2026": {"left_out": {"green-gas": ""}}}})

    entry = second.targets["co2-buildings-2026"]
    assert entry.left_out == {"natural-gas": "weg", "green-gas": ""}
    assert entry.red_from == Decimal("0.1")


# Mistakes in the file

OWN_PART = {"slug": "p", "nl": "p", "en": "p", "kind": "waste", "categories": ["paper"]}
WRONG = [
    ("co2-buildings-2026", {"colour": 1}, "colour", "not a field"),
    ("co2-buildings-2026", {"base_year": "2018"}, "base_year", "integer"),
    ("co2-buildings-2026", {"base_year": 1990}, "base_year", "2000"),
    ("co2-buildings-2026", {"base_year": 2026}, "anchors", "not after the base year"),
    ("co2-buildings-2026", {"base_year": 2027}, "anchors", "not after the base year"),
    ("co2-buildings-2030", {"base_year": 2028}, "anchors", "before the base year"),
    ("co2-buildings-2026", {"anchors": [{"year": 2026, "value": -30}]}, "anchors.0.value", "negative"),
    ("co2-buildings-2026", {"anchors": [{"year": 2026, "value": 0.7}]}, "anchors.0.value", "not an amount"),
    ("co2-buildings-2026", {"anchors": [{"year": 2026, "value": "0,7"}]}, "anchors.0.value", "decimal comma"),
    ("co2-buildings-2026", {"anchors": [{"year": 2026}]}, "anchors.0.value", "required"),
    (
        "co2-buildings-2026",
        {"anchors": [{"year": 2018, "value": 90}, {"year": 2026, "value": 70}]},
        "anchors",
        "90 in the base year",
    ),
    (
        "co2-buildings-2026",
        {"anchors": [{"year": 2026, "value": 70}, {"year": 2024, "value": 80}]},
        "anchors",
        "do not ascend",
    ),
    (
        "unsorted-share-2030",
        {"anchors": [{"year": 2030, "value": 25}, {"year": 2030, "value": 20}]},
        "anchors",
        "do not ascend",
    ),
    ("unsorted-share-2030", {"anchors": [{"year": 2030, "value": 101}]}, "anchors", "at most 100 %"),
    ("unsorted-share-2030", {"base_year": 2018}, "base_year", "of a reduction_vs_base"),
    ("unsorted-share-2030", {"unit": "kg"}, "unit", "does not fit"),
    ("unsorted-share-2030", {"base_unit": "piece"}, "base_unit", "does not fit"),
    ("co2-buildings-2026", {"unit": "kg"}, "unit", "does not fit"),
    ("co2-buildings-2026", {"base_unit": "J"}, "base_unit", "does not fit"),
    ("residual-waste-2026", {"unit": "kWh"}, "unit", "does not fit"),
    ("residual-waste-2026", {"unit": "piece"}, "unit", "does not fit"),
    ("medication-waste", {"base_unit": "mg"}, "base_unit", "does not fit"),
    ("medication-waste", {"unit": "kg", "base_unit": "cent"}, "base_unit", "does not fit"),
    ("residual-waste-2026", {"base_amount": 0}, "base_amount", "zero"),
    ("residual-waste-2026", {"parts": ["onsorted"]}, "parts.0", "'onsorted' is not known"),
    (
        "residual-waste-2026",
        {"parts": [{**OWN_PART, "kind": "wast"}]},
        "parts.0.kind",
        "'wast' is not known",
    ),
    (
        "residual-waste-2026",
        {"parts": [{**OWN_PART, "categories": ["papr"]}]},
        "parts.0.categories",
        "'papr' is not known",
    ),
    ("residual-waste-2026", {"parts": [{**OWN_PART, "categories": []}]}, "parts.0.categories", "at least 1"),
    ("residual-waste-2026", {"parts": [{**OWN_PART, "flow": "feed-in"}]}, "parts.0.flow", "only energy"),
    ("residual-waste-2026", {"parts": ["unsorted", "unsorted"]}, "parts", "twice"),
    (
        "residual-waste-2026",
        {"parts": ["unsorted", {**OWN_PART, "categories": ["bulky"]}]},
        "parts",
        "bulky twice",
    ),
    ("residual-waste-2026", {"parts": []}, "parts", "required"),
    ("residual-waste-2026", {"of": ["sorted"]}, "of", "of a share"),
    ("unsorted-share-2030", {"of": ["sorted"]}, "of", "does not hold"),
    ("unsorted-share-2030", {"of": []}, "of", "required"),
    ("residual-waste-2026", {"left_out": {"paper": "x"}}, "left_out.paper", "not known"),
    ("residual-waste-2026", {"left_out": {"unsorted": "x"}}, "left_out", "nothing is counted"),
    ("residual-waste-2026", {"team": "keukn"}, "team", "not known"),
    ("residual-waste-2026", {"site": "oost"}, "site", "not known"),
    ("residual-waste-2026", {"team": "keuken", "site": "west"}, "site", "not of both"),
    ("residual-waste-2026", {"amber_from": "0.1"}, "red_from", "below amber_from"),
    ("residual-waste-2026", {"min_completeness": "95"}, "min_completeness", "less than or equal to 1"),
    ("residual-waste-2026", {"enter_after": 0}, "enter_after", "greater than or equal to 1"),
    ("residual-waste-2026", {"kind": "reduction"}, "kind", "'reduction' is not known"),
    ("residual-waste-2026", {"theme": "waste"}, "theme", "'waste' is not known"),
    ("residual-waste-2026", {"enabled": "nee"}, "enabled", "valid boolean"),
    ("residual-waste-2026", {"due": date(2026, 1, 1)}, "due", "of a milestone"),
    ("residual-waste-2026", {"valid_from": 2026}, "valid_from", "not a date"),
    (
        "residual-waste-2026",
        {"valid_from": "2026-01-01", "valid_to": date(2025, 1, 1)},
        "valid_to",
        "not after valid_from",
    ),
    ("circular-2050", {"anchors": [{"year": 2050, "value": 1}]}, "anchors", "not of a milestone"),
    ("circular-2050", {"done_on": "2026-02-30"}, "done_on", "not a date"),
    ("own", {**GLOVES, "parts": ["natural-gas", "green-gas"], "unit": "Nm3"}, "parts", "different carriers"),
    ("own", {**GLOVES, "kind": "milestone", "base_year": 2022}, "due", "required"),
]


@pytest.mark.parametrize(("slug", "fields", "field", "problem"), WRONG)
def test_what_is_wrong_names_its_field(slug, fields, field, problem):
    found = refused(slug, **fields)

    assert field in found
    assert problem in found[field].problem


def test_hints_say_what_is_meant():
    assert refused("residual-waste-2026", unti="kg")["unti"].hint == "did you mean unit?"
    assert refused("residual-waste-2026", team="keukn")["team"].hint == "did you mean keuken?"
    assert refused("residual-waste-2026", unit="kWh")["unit"].allowed == "mg, g, kg, t, EUR"
    assert "EUR, piece" in refused("medication-waste", unit="km")["unit"].allowed
    negative = refused("residual-waste-2026", anchors=[{"year": 2026, "value": -25}])["anchors.0.value"]
    assert negative.hint == "write what is left of 100: 70 for 30 % less"


def test_a_slug_that_is_almost_one_of_the_catalogue_is_recognised():
    found = refused("co2-building-2026", base_year=2019)

    assert set(found) == {"nl", "en", "theme", "kind"}
    assert {problem.hint for problem in found.values()} == {"did you mean co2-buildings-2026?"}


def test_mistakes_of_several_targets_are_named_at_once():
    with pytest.raises(OrganisationError) as error:
        START.with_changes(
            {"targets": {"food-waste": {"unit": "x"}, "circular-2050": {"parts": ["unsorted"]}}}
        )

    assert [problem.field for problem in error.value.problems] == [
        "targets.food-waste.unit",
        "targets.circular-2050.parts",
    ]


YEARS = st.lists(st.integers(2000, 2100), min_size=1, max_size=5)


@given(st.none() | st.integers(2000, 2100), YEARS)
def test_a_reduction_that_is_accepted_has_a_path_from_100_or_no_base(base_year, years):
    """Whatever years a file names: refused, or the anchors ascend and start at 100 in the base year."""
    fields = {**GLOVES, "anchors": [{"year": year, "value": 50} for year in years]}
    fields |= {"base_year": base_year} if base_year else {}
    if base_year is None:
        del fields["base_year"]
    try:
        target = applied("own", **fields)
    except OrganisationError:
        assert years != sorted(set(years)) or (base_year is not None and base_year >= years[0])
        return
    path = [anchor.year for anchor in target.anchors]
    assert path == sorted(set(path))
    if base_year is not None:
        assert (target.anchors[0].year, target.anchors[0].value) == (base_year, 100)


def test_every_category_can_be_a_target_of_its_own():
    for kind in KINDS:
        for category in category_names(kind):
            unit = {"J": "GJ", "ml_n": "Nm3", "ml": "l", "mg": "kg", "cm2": "m2", "mm": "km"}
            base_unit = base_units(kind, category)[0]
            part = {"slug": "p", "nl": "p", "en": "p", "kind": kind, "categories": [category]}
            own = {**GLOVES, "parts": [part], "unit": unit.get(base_unit, base_unit)}
            assert isinstance(applied("own", **own), Target)


def test_the_catalogue_names_no_default():
    """A base unit that is filled in follows the unit that an organisation sets."""
    assert all("base_unit" not in entry.named() for entry in CATALOGUE.values())
