from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.catalogue import STREAMS, load
from schemas.factors import FACTORS, Factor, checked, factor_on

FACTOR_LIST = Path(__file__).parents[4] / "shared" / "data" / "emission_factors_nl_2026.xlsx"


def on(kind, category, day, chain="wtw", market="location"):
    factor = factor_on(FACTORS, kind, category, date.fromisoformat(day), chain, market)
    return factor and (str(factor.kg_co2e), factor.unit)


@pytest.mark.parametrize(
    ("kind", "category", "day", "chain", "market", "expected"),
    [
        ("energy", "electricity", "2023-01-01", "wtw", "location", ("0.337", "kWh")),
        ("energy", "electricity", "2024-12-31", "wtw", "location", ("0.328", "kWh")),
        ("energy", "electricity", "2025-06-30", "wtw", "location", ("0.268", "kWh")),
        ("energy", "electricity", "2026-01-01", "wtw", "location", ("0.244", "kWh")),
        ("energy", "electricity", "2026-12-31", "ttw", "location", ("0.200", "kWh")),
        ("energy", "electricity", "2023-12-31", "wtw", "market", ("0.456", "kWh")),
        ("energy", "electricity", "2026-05-05", "wtw", "market", ("0.483", "kWh")),
        ("energy", "natural-gas", "2023-12-31", "wtw", "location", ("2.079", "Nm3")),
        ("energy", "natural-gas", "2024-01-01", "wtw", "market", ("2.134", "Nm3")),
        ("energy", "natural-gas", "2026-01-01", "ttw", "market", ("1.779", "Nm3")),
        ("energy", "district-heat", "2026-01-01", "wtw", "market", ("40.45", "GJ")),
        ("waste", "residual", "2026-01-01", "wtw", "location", ("38", "t")),
        ("waste", "sza", "2026-01-01", "wtw", "location", ("38", "t")),
        ("activity", "sevoflurane", "2026-01-01", "ttw", "location", ("195", "kg")),
        ("activity", "r134a", "2026-01-01", "wtw", "location", ("1530", "kg")),
    ],
)
def test_the_factor_of_a_day(kind, category, day, chain, market, expected):
    assert on(kind, category, day, chain, market) == expected


@pytest.mark.parametrize(
    ("kind", "category", "day", "chain"),
    [
        ("energy", "electricity", "2022-12-31", "wtw"),
        ("energy", "electricity", "2027-01-01", "wtw"),
        ("energy", "electricity", "2023-06-01", "ttw"),
        ("energy", "district-heat", "2025-12-31", "wtw"),
        ("waste", "residual", "2025-12-31", "wtw"),
        ("waste", "residual", "2026-06-01", "ttw"),
        ("waste", "solvents", "2026-06-01", "wtw"),
        ("food-waste", "preparation", "2023-06-01", "wtw"),
        ("medication-waste", "expired", "2026-06-01", "wtw"),
        ("activity", "commuting", "2026-06-01", "wtw"),
    ],
)
def test_a_factor_that_no_source_carries_is_missing(kind, category, day, chain):
    assert on(kind, category, day, chain) is None


def test_what_was_not_verified_says_so():
    for factor in FACTORS:
        if factor.certainty == "background":
            assert factor.note, factor
    grey = [factor for factor in FACTORS if factor.market == "market" and factor.valid_from.year < 2026]
    assert {factor.certainty for factor in grey} == {"background"}


def test_avoided_production_of_food_never_is_a_footprint():
    food = [factor for factor in FACTORS if factor.kind == "food-waste"]
    assert {(factor.purpose, str(factor.kg_co2e)) for factor in food} == {("avoided-production", "4.84")}


def test_only_avoided_emissions_are_negative():
    assert {factor.purpose for factor in FACTORS if factor.kg_co2e < 0} == {"avoided"}


def test_a_gas_names_its_gwp():
    for factor in FACTORS:
        if factor.kind == "activity" and factor.unit == "kg":
            assert factor.gwp, factor
    by_purpose = {factor.purpose: factor.gwp for factor in FACTORS if factor.category == "r410a"}
    assert by_purpose == {"footprint": "AR6 GWP100", "ar4-gwp100": "AR4 GWP100"}


def test_a_footprint_is_the_quantity_times_the_factor():
    factor = factor_on(FACTORS, "energy", "electricity", date(2023, 5, 1), "wtw", "location")
    assert factor is not None
    assert Decimal(1000 * 3_600_000) * factor.kg_co2e / factor.per_unit == Decimal(337)


def test_values_are_written_as_texts_so_that_no_float_comes_in():
    for entry in load("factors")["factor"]:
        values = [*entry.get("kg_co2e", {}).values(), *entry.get("apart", {}).values()]
        assert values
        assert all(isinstance(value, str) for value in values), entry


def changed(**changes):
    return Factor(
        **{
            "kind": "energy",
            "category": "electricity",
            "unit": "kWh",
            "kg_co2e": "1",
            "chain": "wtw",
            "market": "location",
            "valid_from": date(2023, 1, 1),
            "valid_to": date(2024, 1, 1),
            "recorded": date(2026, 1, 1),
            "source": "test",
            "certainty": "seen",
        }
        | changes
    )


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"market": "any"},
        {"valid_from": date(2023, 12, 31), "valid_to": date(2025, 1, 1)},
        {"unit": "MWh"},
    ],
)
def test_two_factors_of_the_same_thing_on_the_same_day_are_refused(other):
    with pytest.raises(ValueError, match="two footprint factors of energy electricity"):
        checked([changed(), changed(**other)])


@pytest.mark.parametrize(
    "other",
    [
        {"market": "market"},
        {"chain": "ttw"},
        {"purpose": "process"},
        {"category": "district-heat"},
        {"valid_from": date(2024, 1, 1), "valid_to": date(2025, 1, 1)},
    ],
)
def test_factors_of_different_things_or_days_stand_side_by_side(other):
    assert len(checked([changed(), changed(**other)])) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category": "perpetual-motion"}, "no energy category"),
        ({"unit": "kg"}, "not counted in kg"),
        ({"valid_to": date(2023, 1, 1)}, "valid on no day"),
    ],
)
def test_an_inconsistent_factor_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        checked([changed(**changes)])


@pytest.mark.skipif(not FACTOR_LIST.exists(), reason=f"the official list is not at {FACTOR_LIST}")
def test_every_value_of_2026_is_the_official_lists():
    calamine = pytest.importorskip("python_calamine")
    sheet = calamine.CalamineWorkbook.from_path(str(FACTOR_LIST)).get_sheet_by_index(0).to_python()
    listed: dict[str, list[list[object]]] = {}
    for row in sheet:
        listed.setdefault(str(row[0]).strip(), []).append(row)
    column = {("footprint", "wtw"): 1, ("footprint", "ttw"): 2}
    waste_column = {"footprint": 1, "transport": 2, "process": 3, "avoided": 4}
    compared = 0
    for factor in FACTORS:
        if factor.valid_from.year != 2026:
            continue
        (row,) = listed[factor.row]
        if factor.kind == "waste":
            value = row[waste_column[factor.purpose]]
        elif factor.gwp:
            value = row[4 if factor.purpose == "ar4-gwp100" else 1]
        else:
            value = row[column[factor.purpose, factor.chain]]
        assert Decimal(str(value)) == factor.kg_co2e, factor
        if factor.biogenic is not None:
            assert Decimal(str(row[4])) == factor.biogenic, factor
        compared += 1
    assert compared > 200


def test_hazardous_waste_has_no_factor_because_its_treatment_is_not_known():
    hazardous = [slug for slug, stream in STREAMS.items() if stream.treatment == "hazardous-treatment"]
    assert len(hazardous) >= 5
    assert {on("waste", slug, "2026-06-01") for slug in hazardous} == {None}
