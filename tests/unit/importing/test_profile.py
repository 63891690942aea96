from pathlib import Path

import pytest

from services.importing.profile import ProfileError, built_in_names, load_profile
from tests.unit.importing.files import SAMPLES

VALID = """
kind = "waste"
nl = "a"
en = "a"
source = "/a"
key = ["ticket"]
[constants]
unit = "kg"
[columns]
ticket = "Bon"
stream = "Stroom"
quantity = "kg"
[time]
columns = "Datum"
length = "day"
"""


@pytest.mark.parametrize("name", built_in_names())
def test_every_built_in_profile_can_be_used(name: str) -> None:
    profile = load_profile(name)

    assert profile.source.startswith("/")
    assert profile.nl != profile.en


def test_every_built_in_profile_but_the_templates_has_a_sample_that_says_it_is_made_up() -> None:
    for name in built_in_names():
        if not name.startswith("template-"):
            assert list(SAMPLES.glob(f"{name}-made-up.*")), name


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "waste"', 'kind = "water"', "kind"),
        ('key = ["ticket"]', 'key = ["quantity"]', "an amount is no part of an identity"),
        ('key = ["ticket"]', 'key = ["bon"]', "key names 'bon'"),
        ('source = "/a"', 'source = "/a/{bon}"', "source names 'bon'"),
        ('source = "/a"', "", "source"),
        ('unit = "kg"', 'carrier = "paper"', "constants names 'carrier', which is not a field of waste"),
        ('quantity = "kg"', "", "no column holds an amount"),
        ('length = "day"', 'length = "week"', "time.length"),
        ('length = "day"', 'stamp = "end"', "needs a length in minutes"),
        ('length = "day"', 'zone = "Amsterdam"', "time.zone"),
        ('length = "day"', 'length = "day"\n[amount]\npower = "kW"', "amount.power"),
        ('length = "day"', 'length = "day"\n[amount]\nnegative = "feed-in"', "only energy"),
        ('length = "day"', 'length = "day"\n[amount]\nthousands = "."', "the same sign"),
        (
            'length = "day"',
            'length = "day"\n[mapping.site]\na = "b"',
            "mapping names 'site', which has no column",
        ),
        ('length = "day"', 'length = "day"\ncolour = 1', "colour"),
        ('length = "day"', "length = ", "cannot be read"),
        ('kind = "waste"', 'extends = "nothing"', "cannot extend 'nothing'"),
    ],
)
def test_a_fault_in_a_profile_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(VALID)
    load_profile(str(path))
    path.write_text(VALID.replace(old, new))

    with pytest.raises(ProfileError) as error:
        load_profile(str(path))

    assert fault in str(error.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="waste-collector"):
        load_profile("wast-collector")


def test_a_profile_may_extend_a_built_in_one() -> None:
    built_in = load_profile("waste-collector")

    own = load_profile(str(SAMPLES / "waste-collector-two-sites.toml"))

    assert own.source == built_in.source
    assert own.mapping["stream"] == built_in.mapping["stream"]
    assert own.mapping["site"]["Onderzoeksgebouw"] == "onderzoek"
    assert own.constants == {**built_in.constants, "team": "inzameling"}


def test_a_constant_of_the_command_goes_before_a_column() -> None:
    profile = load_profile(str(SAMPLES / "pharmacy-returns-by-ward.toml"), {"team": "apotheek"})

    assert "team" not in profile.columns
    assert profile.constants["team"] == "apotheek"
