import pytest

from schemas.catalogue import (
    CARRIERS,
    CONTAINERS,
    FOOD_REASONS,
    FOOD_STAGES,
    INDICATORS,
    KINDS,
    MEDICATION_REASONS,
    ORIGINS,
    STREAMS,
    TREATMENTS,
    UNITS,
    base_units,
    category_names,
    unit_hint,
)

FIXED_SLUGS = {
    "energy": "electricity district-heat natural-gas green-gas petrol diesel hvo",
    "waste": "residual paper glass sza swill pmd",
    "food-waste": "storage preparation serving plate",
    "medication-waste": "expired returned opened discontinued spilled other",
    "activity": "operations admissions bed-days outpatient-visits meals medicines-dispensed gloves"
    " absorption-mats medicines-reissued floor-area commuting sevoflurane desflurane isoflurane nitrous-oxide"
    " plant-protein animal-protein r134a r410a r32 r404a r744",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_slugs_of_the_contract_are_there(kind):
    assert set(FIXED_SLUGS[kind].split()) <= set(category_names(kind))


def test_an_unknown_kind_has_no_categories():
    with pytest.raises(KeyError):
        category_names("meter-reading")


@pytest.mark.parametrize(
    ("symbol", "base_unit", "per_unit"),
    [
        ("Wh", "J", 3600),
        ("kWh", "J", 3_600_000),
        ("MWh", "J", 3_600_000_000),
        ("kJ", "J", 1_000),
        ("MJ", "J", 10**6),
        ("GJ", "J", 10**9),
        ("Nm3", "ml_n", 10**6),
        ("l", "ml", 1_000),
        ("mg", "mg", 1),
        ("g", "mg", 1_000),
        ("kg", "mg", 10**6),
        ("t", "mg", 10**9),
        ("EUR", "cent", 100),
        ("1", "1", 1),
        ("m2", "cm2", 10_000),
        ("km", "mm", 10**6),
        ("m3", "ml", 10**6),
    ],
)
def test_units(symbol, base_unit, per_unit):
    unit = UNITS[symbol]
    assert (unit.symbol, unit.base_unit, unit.per_unit) == (symbol, base_unit, per_unit)
    assert unit.as_read == (symbol == "m3")


def test_units_of_carriers_come_to_the_base_unit_of_the_carrier():
    for carrier in CARRIERS.values():
        assert carrier.display_unit in carrier.units
        for symbol in carrier.units:
            assert UNITS[symbol].as_read or UNITS[symbol].base_unit == carrier.base_unit
    assert set(CARRIERS["electricity"].units) == set(CARRIERS["district-heat"].units)
    assert set(CARRIERS["electricity"].units) == {"Wh", "kWh", "MWh", "kJ", "MJ", "GJ"}
    assert (CARRIERS["electricity"].display_unit, CARRIERS["district-heat"].display_unit) == ("kWh", "GJ")
    assert CARRIERS["natural-gas"].units == CARRIERS["green-gas"].units == ("Nm3", "m3")
    assert CARRIERS["diesel"].units == ("l",)


def test_at_least_as_many_streams_as_the_hospital_keeps_apart():
    assert len(STREAMS) >= 30
    assert [stream.slug for stream in STREAMS.values()] == list(STREAMS)


def test_an_ewc_code_has_an_asterisk_exactly_when_the_stream_is_hazardous():
    for stream in STREAMS.values():
        assert stream.ewc.endswith("*") == stream.hazardous, stream.slug


def test_streams_are_on_the_rung_of_their_treatment():
    for stream in STREAMS.values():
        assert stream.r_scheme == "PBL-10"
        assert stream.r_rung == TREATMENTS[stream.treatment].r_rung
    assert STREAMS["paper"].r_rung == "R8"
    assert STREAMS["residual"].r_rung == STREAMS["sza"].r_rung == "R9"
    assert STREAMS["solvents"].r_rung is None


def test_only_mixed_waste_is_unsorted():
    assert {slug for slug, stream in STREAMS.items() if stream.unsorted} == {
        "residual",
        "healthcare-residual",
        "bulky",
    }


def test_container_weights_are_plausible_milligrams():
    for stream in STREAMS.values():
        assert set(stream.containers) <= set(CONTAINERS)
        for slug, mass in stream.containers.items():
            assert type(mass) is int
            assert 100_000 <= mass <= 300_000_000, (stream.slug, slug)
    assert STREAMS["sza"].containers["sza-drum-30l"] == 4_500_000
    assert "wheelie-240l" not in STREAMS["sza"].containers


def test_a_bigger_container_of_the_same_sort_weighs_more():
    def litres(slug):
        return int(slug.rsplit("-", 1)[1].removesuffix("l"))

    for stream in STREAMS.values():
        for sort in ("bag", "wheelie", "sza-drum", "sharps-bin"):
            sizes = sorted((slug for slug in stream.containers if slug.rsplit("-", 1)[0] == sort), key=litres)
            masses = [stream.containers[slug] for slug in sizes]
            assert masses == sorted(set(masses)), (stream.slug, sort)


def test_indicators_are_whole_exactly_when_they_are_counted():
    for indicator in INDICATORS.values():
        assert indicator.base_unit == UNITS[indicator.unit].base_unit
        assert indicator.whole == (indicator.unit == "1")
    assert (INDICATORS["floor-area"].unit, INDICATORS["floor-area"].base_unit) == ("m2", "cm2")
    assert (INDICATORS["commuting"].unit, INDICATORS["commuting"].base_unit) == ("km", "mm")
    assert (INDICATORS["r134a"].unit, INDICATORS["r134a"].base_unit) == ("kg", "mg")


def test_base_units_of_categories():
    assert base_units("energy", "natural-gas") == ("ml_n",)
    assert base_units("waste", "paper") == base_units("food-waste", "plate") == ("mg",)
    assert base_units("medication-waste", "expired") == ("piece", "mg")
    assert base_units("activity", "operations") == ("1",)


def test_food_reasons_belong_to_stages():
    for reason in FOOD_REASONS.values():
        assert set(reason.stages) <= set(FOOD_STAGES)


def test_people_see_dutch_and_english_names_that_differ_within_a_list():
    for entries in (CARRIERS, STREAMS, TREATMENTS, CONTAINERS, FOOD_STAGES, MEDICATION_REASONS, INDICATORS):
        for language in ("nl", "en"):
            names = [getattr(entry, language) for entry in entries.values()]
            assert all(name.strip() for name in names)
            assert len(set(names)) == len(names)


def test_every_file_names_its_source_date_and_terms():
    for name, origin in ORIGINS.items():
        assert origin.source, name
        assert origin.date.year == 2026, name
        assert origin.terms, name


@pytest.mark.parametrize(
    ("written", "allowed", "hint"),
    [
        ("kilo", ("g", "kg", "t"), 'Write "kg" for kilograms.'),
        ("KG", ("g", "kg", "t"), 'Write "kg" for kilograms.'),
        (" Kilo's ", ("g", "kg", "t"), 'Write "kg" for kilograms.'),
        ("ton", ("g", "kg", "t"), 'Write "t" for tonnes (1000 kg).'),
        ("KWH", ("kWh", "MWh"), 'Write "kWh" for kilowatt-hours.'),
        ("Nm³", ("Nm3",), 'Write "Nm3" for normal cubic metres.'),
        ("m³", ("Nm3", "m3"), 'Write "m3" for cubic metres as read.'),
        ("liter", ("l",), 'Write "l" for litres.'),
        ("stuks", ("1",), 'Write "1" for number.'),
        ("kWh", ("g", "kg"), '"kWh" (kilowatt-hours) cannot be used here; write one of: g, kg.'),
        ("liter", ("g", "kg"), '"l" (litres) cannot be used here; write one of: g, kg.'),
        ("banana", ("g", "kg"), None),
        ("", ("g", "kg"), None),
    ],
)
def test_unit_hints(written, allowed, hint):
    assert unit_hint(written, allowed) == hint


def test_power_is_no_energy():
    hint = unit_hint("kW", CARRIERS["electricity"].units)
    assert hint is not None
    assert "power" in hint
    assert "kWh" in hint
