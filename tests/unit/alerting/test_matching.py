"""Who is told of what, under which id, and when it is tried again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.alerting.matching import FIRST_WAIT, LONGEST_WAIT, message_id, messages_of, wait_after, wants
from services.store.subscribers import Subscriber
from tests.unit.alerting.changes import change

INSTALLATION = UUID("00000000-0000-4000-8000-000000000001")
EVERYTHING = Subscriber(
    name="all",
    channel="email",
    address="nurse@example.nl",
    subscriber_no=3,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    disabled_why=None,
)


def test_one_that_asks_for_nothing_in_particular_gets_everything():
    assert wants(EVERYTHING, change(to_band="amber"))
    assert wants(EVERYTHING, change(to_band="red", scope="team/a4"))


def test_each_wish_leaves_something_out():
    only_red = replace(EVERYTHING, severity="red")
    assert not wants(only_red, change(to_band="amber"))
    assert wants(only_red, change(to_band="red"))

    of_a_team = replace(EVERYTHING, team="a4")
    assert not wants(of_a_team, change())
    assert not wants(of_a_team, change(scope="team/a40"))
    assert not wants(of_a_team, change(scope="site/a4"))
    assert wants(of_a_team, change(scope="team/a4"))

    of_targets = replace(EVERYTHING, targets=["food-waste", "residual-waste-2026"])
    assert wants(of_targets, change())
    assert not wants(of_targets, change(id="residual-waste"))

    assert not wants(replace(EVERYTHING, disabled_why="410"), change())


def test_an_id_is_of_one_installation_change_and_subscriber():
    """Receivers keep these ids. Worked out apart: SHA-1 of installation and text, as RFC 9562 says."""
    told = change(change_no=7)
    assert message_id(INSTALLATION, told, 3) == UUID("c18646f2-e141-576d-9143-64d89670ba38")
    others = {
        message_id(INSTALLATION, told, 3),
        message_id(INSTALLATION, told, 4),
        message_id(INSTALLATION, change(change_no=8), 3),
        # A database from a backup gives number 7 out again, to another change.
        message_id(INSTALLATION, change(change_no=7, since=date(2026, 10, 1)), 3),
        message_id(UUID(int=2), told, 3),
    }
    assert len(others) == 5


def test_one_message_for_each_change_and_subscriber():
    second = replace(EVERYTHING, subscriber_no=4, severity="red")
    changes = [change(change_no=1, to_band="amber"), change(change_no=2, to_band="red")]
    messages = messages_of(INSTALLATION, iter(changes), iter([EVERYTHING, second]))
    assert [message[1:] for message in messages] == [(1, 3), (2, 3), (2, 4)]


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waiting_grows_and_stays_within_bounds(attempts, chance):
    wait = wait_after(attempts, chance)
    assert FIRST_WAIT * 0.8 <= wait <= LONGEST_WAIT * 1.2
    assert wait <= wait_after(attempts + 1, chance) <= wait * 2 + timedelta(microseconds=2)
