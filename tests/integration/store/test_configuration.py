"""The organisation's configuration: versions, and what is fixed for good."""

import pytest

from schemas.amounts import Amount
from schemas.calendar import Calendar
from schemas.problems import Problem
from services.errors import UserError
from services.store.configuration import apply_file, change, load_configuration
from services.store.ledger import Batch, Reject
from tests.integration.store.recording import batch_of, provenance, record
from tests.integration.store.test_ledger import body


def test_every_version_stays_readable(database):
    first = load_configuration(database).current
    second = change(database, {"teams": {"keuken": {}}}, "test")
    third = change(database, {"teams": {"keuken": {"nl": "Keuken"}}}, "test")
    configuration = load_configuration(database)

    assert [version.number for version in configuration.versions] == [1, 2, 3]
    assert configuration.versions == (first, second, third)
    assert configuration.numbered(2) == second
    assert configuration.numbered(0) is configuration.numbered(4) is None


def test_the_version_in_force_is_the_one_at_the_receipt(database):
    second = change(database, {"teams": {"keuken": {}}}, "test")
    configuration = load_configuration(database)

    assert configuration.at(second.applied_at).number == 2
    assert configuration.at(second.applied_at - 1).number == 1
    assert configuration.at(0).number == 1
    assert configuration.at(second.applied_at + 10**12).number == 2


def test_what_changes_nothing_is_no_version(database):
    change(database, {"teams": {"keuken": {}}}, "test")

    assert change(database, {"teams": {"keuken": {}}}, "test").number == 2
    assert len(load_configuration(database).versions) == 2


def test_mistakes_are_all_named_and_nothing_is_applied(database):
    with pytest.raises(UserError) as error:
        change(database, {"teams": {"De Keuken": {}}, "main_site": "east"}, "test")

    assert "teams.De Keuken: 'De Keuken' is not a slug" in str(error.value)
    assert len(load_configuration(database).versions) == 1


def test_a_file_is_read_without_rounding(database, tmp_path):
    file = tmp_path / "organisation.toml"
    file.write_text('[meters.gas-1]\ncarrier = "natural-gas"\ncorrection = 1.038500001\n')
    apply_file(database, file)

    meter = load_configuration(database).current.organisation.meters["gas-1"]
    assert meter.correction == Amount(1038500001, 9)


@pytest.mark.parametrize(
    ("content", "why"), [(b"teams = [", "is not TOML"), (b"\xff", "is not TOML"), (None, "cannot be read")]
)
def test_a_file_that_cannot_be_read_says_why(database, tmp_path, content, why):
    file = tmp_path / "organisation.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(UserError, match=why):
        apply_file(database, file)


def test_the_time_zone_can_change_before_the_first_event(database):
    change(database, {"time_zone": "America/Paramaribo"}, "test")
    configuration = load_configuration(database)

    assert configuration.current.organisation.time_zone == "America/Paramaribo"
    assert configuration.calendar.starts == Calendar.of_zone("America/Paramaribo").starts


@pytest.mark.parametrize("zone", ["Amsterdam", "Australia/Lord_Howe", "Pacific/Apia"])
def test_a_zone_that_cannot_be_says_why(database, zone):
    with pytest.raises(UserError, match="time_zone"):
        change(database, {"time_zone": zone}, "test")

    assert load_configuration(database).calendar.starts == Calendar.of_zone("Europe/Amsterdam").starts


async def test_the_time_zone_is_fixed_after_the_first_event(database):
    await record(database, [batch_of([body()])])

    with pytest.raises(UserError, match="Europe/Amsterdam for good"):
        change(database, {"time_zone": "UTC"}, "test")
    assert change(database, {"teams": {"keuken": {}}}, "test").number == 2


async def test_a_refused_event_fixes_the_time_zone_too(database):
    """Whether it lay on a local midnight may have been a reason."""
    await record(database, [Batch("test", rejects=[Reject(provenance("r"), (Problem("", "x"),))])])

    with pytest.raises(UserError, match="for good"):
        change(database, {"time_zone": "UTC"}, "test")
