"""`GET /v1/targets`: which rows there are, as of when, and in pages."""

from datetime import datetime
from decimal import Decimal

import pytest

from schemas.targets import TARGETS, THEMES
from services.query.targets import targets_answer
from services.store.configuration import change
from tests.integration.query.asking import ask, columns, count, pages, problems
from tests.integration.tracking.tracked import PAPER, paper
from tests.oracle import AMSTERDAM

ON = "2026-06-10"


@pytest.fixture
def measured(organisation):
    """Teams ok-centrum and keuken, paper of both years, and a target of each scope."""
    own = {"team": "ok-centrum", "nl": "Ons papier", "en": "Our paper"}
    west = {"site": "west", "nl": "Papier van west", "en": "Paper of west"}
    targets = {"less-paper": PAPER, "our-paper": PAPER | own, "west-paper": PAPER | west}
    change(organisation, {"targets": targets}, "test")
    count(organisation, *paper(2018, range(1, 13), 100), *paper(2026, range(1, 6), 75))
    other = {"team": "keuken", "source": "/kitchen"}
    for event in [*paper(2018, range(1, 13), 10, **other), *paper(2026, range(1, 6), 10, **other)]:
        count(organisation, event | {"data": event["data"] | {"site": "west", "detail": False}})
    return organisation


def rows(dsn, **parameters):
    answer = ask(dsn, targets_answer, **{"on": ON} | parameters)
    return {row["id"]: row for row in answer["rows"]}


def test_all_targets_in_force_by_theme(measured):
    answer = ask(measured, targets_answer, on=ON)

    themes = [THEMES.index(row["theme"]) for row in answer["rows"]]
    assert themes == sorted(themes)
    assert {row["id"] for row in answer["rows"]} >= {"less-paper", "our-paper", "west-paper"}
    assert set(answer) == {"as_of", "time_zone", "rows", "cursor"}
    assert rows(measured, on="2001-01-01").keys() <= TARGETS.keys()
    assert "less-paper" not in rows(measured, on="2017-12-31")


def test_each_scope_has_its_own_amounts(measured):
    """ok-centrum 5 x 75 = 375 of 5 x 70 = 350 kg; west, which is keuken's, 50 of 35; all 425 of 385."""
    found = rows(measured)

    assert {
        name: (found[name]["scope"], found[name]["actual"], found[name]["limit_now"], found[name]["drift"])
        for name in ("less-paper", "our-paper", "west-paper")
    } == {
        "less-paper": ("organisation", "425", "385", "0.103896"),
        "our-paper": ("team/ok-centrum", "375", "350", "0.071429"),
        "west-paper": ("site/west", "50", "35", "0.428571"),
    }


def test_only_those_of_a_team_or_site(measured):
    assert list(rows(measured, team="ok-centrum")) == ["our-paper"]
    assert list(rows(measured, site="west")) == ["west-paper"]
    assert rows(measured, team="keuken") == {}


def test_the_amount_is_that_of_the_totals(measured):
    """Asked another way: the sum of the totals of the same days."""
    row = rows(measured)["less-paper"]

    for period, amount in (
        ((row["period"]["from"], row["through"]), row["actual"]),
        (("2018-01-01", "2019-01-01"), row["base"]),
    ):
        totals = ask(measured, kind="waste", category="paper", from_=period[0], to=period[1])
        assert columns(totals, "unit", "quantity") == [("kg", Decimal(amount))]


def test_as_it_was_known(measured):
    before = ask(measured, targets_answer, on=ON)
    count(measured, *paper(2026, range(1, 6), 60, revision=2), *paper(2018, [12], 700, revision=2))
    after = ask(measured, targets_answer, on=ON)

    assert rows(measured)["our-paper"]["actual"] == "300"
    assert after["rows"] != before["rows"]
    assert ask(measured, targets_answer, on=ON, as_of=before["as_of"]) == before
    assert ask(measured, targets_answer, on=ON, as_of=after["as_of"]) == after


def test_in_pages(measured):
    whole = ask(measured, targets_answer, on=ON)
    parts = pages(measured, targets_answer, on=ON, limit="7")

    assert [row for part in parts for row in part["rows"]] == whole["rows"]
    assert [len(part["rows"]) for part in parts[:-1]] == [7] * (len(parts) - 1)


def test_today_is_the_default(measured):
    days = [datetime.now(AMSTERDAM).date()]
    answer = ask(measured, targets_answer)
    days.append(datetime.now(AMSTERDAM).date())  # it may be another day by now

    assert answer in [ask(measured, targets_answer, on=day.isoformat()) for day in days]


def test_what_is_wrong_is_said_at_once(measured):
    assert problems(measured, targets_answer, on="10-06-2026", team="ok", site="north", bucket="day") == {
        "on": "'10-06-2026' is not a date",
        "team": "'ok' is not known",
        "site": "'north' is not known",
        "bucket": "'bucket' is not known",
    }
    assert problems(measured, targets_answer, on="1999-12-31") == {"on": "1999-12-31 is out of reach"}
    assert problems(measured, targets_answer, on=ON, cursor="abc") == {"cursor": "is not a cursor"}
