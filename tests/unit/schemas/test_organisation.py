import pytest

from schemas.amounts import Amount
from schemas.json_text import Number
from schemas.organisation import Organisation, OrganisationError
from schemas.problems import Problem, unknown

START = Organisation()
FILLED = START.with_changes(
    {
        "name": "Ziekenhuis",
        "sites": {"west": {"nl": "West", "en": "West"}},
        "teams": {"keuken": {"nl": "Keuken", "detail": True}, "ok-centrum": {}},
        "integrators": {"scale-house": {"teams": ["keuken"]}},
        "meters": {"gas-1": {"carrier": "natural-gas", "correction": "1.0385", "source": "Liander"}},
    }
)


def problems(changes, before=FILLED):
    with pytest.raises(OrganisationError) as error:
        before.with_changes(changes)
    return {problem.field: problem for problem in error.value.problems}


def test_an_organisation_begins_with_one_site_and_no_teams():
    assert START.time_zone == "Europe/Amsterdam"
    assert list(START.sites) == ["main"]
    assert (START.main_site, START.teams, START.integrators, START.meters) == ("main", {}, {}, {})
    assert (START.base_year, START.targets) == (None, {})


def test_what_changes_do_not_name_stays():
    changed = FILLED.with_changes({"teams": {"apotheek": {"en": "Pharmacy"}}, "name": "Nieuw"})

    assert set(changed.teams) == {"keuken", "ok-centrum", "apotheek"}
    assert changed.teams["keuken"] == FILLED.teams["keuken"]
    assert (changed.sites, changed.integrators, changed.meters) == (
        FILLED.sites,
        FILLED.integrators,
        FILLED.meters,
    )
    assert changed.name == "Nieuw"


def test_an_entry_is_changed_field_by_field():
    changed = FILLED.with_changes({"teams": {"keuken": {"en": "Kitchen"}}})

    assert changed.teams["keuken"].model_dump() == {"nl": "Keuken", "en": "Kitchen", "detail": True}


def test_lists_are_replaced():
    changed = FILLED.with_changes({"integrators": {"scale-house": {"teams": ["ok-centrum"]}}})

    assert changed.integrators["scale-house"].teams == ("ok-centrum",)


def test_no_changes_change_nothing():
    assert FILLED.with_changes({}) == FILLED


def test_the_original_stays_as_it_was():
    START.with_changes({"teams": {"a": {}}})

    assert START.teams == {}


def test_it_goes_to_the_database_and_back():
    assert Organisation.model_validate(FILLED.model_dump(mode="json")) == FILLED
    assert FILLED.model_dump(mode="json")["meters"]["gas-1"]["correction"] == "1.0385"


@pytest.mark.parametrize("correction", ["1.0385", Number("1.0385")])
def test_a_correction_is_exact(correction):
    changed = START.with_changes({"meters": {"g": {"carrier": "green-gas", "correction": correction}}})

    assert changed.meters["g"].correction == Amount(10385, 4)


WRONG = [
    ({"time_zone": "Amsterdam"}, "time_zone", "not an IANA time zone"),
    ({"main_site": "east"}, "main_site", "is not a site"),
    ({"colour": "green"}, "colour", "not a field"),
    ({"base_year": "2018"}, "base_year", "valid integer"),
    ({"base_year": 18}, "base_year", "2000"),
    ({"targets": ["food-waste"]}, "targets", "dictionary"),
    ({"targets": {"food-waste": "half"}}, "targets.food-waste", "dictionary"),
    ({"targets": {"Food waste": {}}}, "targets.Food waste", "is not a slug"),
    ({"teams": {"keuken": {"color": "x"}}}, "teams.keuken.color", "not a field"),
    ({"teams": {"De Keuken": {}}}, "teams.De Keuken", "is not a slug"),
    ({"sites": {"west_1": {}}}, "sites.west_1", "is not a slug"),
    ({"teams": {"keuken": {"detail": "soms"}}}, "teams.keuken.detail", "valid boolean"),
    ({"teams": {"keuken": "x"}}, "teams.keuken", ""),
    ({"teams": ["keuken"]}, "teams", "dictionary"),
    ({"teams": {"keuken": {"nl": "x" * 201}}}, "teams.keuken.nl", "200"),
    ({"integrators": {"i": {}}}, "integrators.i.teams", "required"),
    ({"integrators": {"i": {"teams": ["nobody"]}}}, "integrators.i.teams", "'nobody' is not known"),
    ({"meters": {"g": {"correction": "1"}}}, "meters.g.carrier", "required"),
    ({"meters": {"g": {"carrier": "gas", "correction": "1"}}}, "meters.g.carrier", "not in the catalogue"),
    ({"meters": {"g": {"carrier": ["x"], "correction": "1"}}}, "meters.g.carrier", "not in the catalogue"),
    (
        {"meters": {"g": {"carrier": "green-gas", "correction": "1,05"}}},
        "meters.g.correction",
        "decimal comma",
    ),
    (
        {"meters": {"g": {"carrier": "green-gas", "correction": "-1"}}},
        "meters.g.correction",
        "is negative",
    ),
]


@pytest.mark.parametrize(("changes", "field", "problem"), WRONG)
def test_what_is_wrong_names_its_field(changes, field, problem):
    found = problems(changes)

    assert set(found) == {field}
    assert problem in found[field].problem


def test_every_mistake_is_named_at_once():
    found = problems({"time_zone": "x", "colour": 1, "teams": {"A": {}, "keuken": {"detail": "soms"}}})

    assert set(found) == {"time_zone", "colour", "teams.A", "teams.keuken.detail"}


def test_a_slip_is_recognised():
    assert problems({"integrators": {"i": {"teams": ["keukn"]}}})["integrators.i.teams"].hint == (
        "did you mean keuken?"
    )


def test_an_unknown_field_says_which_there_are():
    assert problems({"teams": {"keuken": {"detial": True}}})["teams.keuken.detial"] == Problem(
        "teams.keuken.detial",
        "is not a field of the organisation's file",
        "detail, en, nl",
        "did you mean detail?",
    )
    assert problems({"target": {}})["target"].hint == "did you mean targets?"


def test_many_known_names_are_cut_short():
    known = dict.fromkeys(f"team-{number}" for number in range(30))

    assert unknown("team", "x", known).allowed.endswith(" and 10 more")
    assert unknown("team", "x", {}).allowed == "none yet"
