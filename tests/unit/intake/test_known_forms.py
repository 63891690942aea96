from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.measurement import Context, Measurement, Refused, measure
from schemas.moments import read_moment
from services.intake import known_forms
from services.intake.known_forms import KnownForms
from services.store.configuration import Configuration, Version
from services.store.tokens import Sort, Token
from tests.unit.schemas.judging import AMSTERDAM, ORGANISATION, RECEIVED, event

RECEIVED_AT = read_moment(RECEIVED)
CONFIGURATION = Configuration((Version(1, 0, ORGANISATION),), AMSTERDAM)


def token(sort: Sort = "steward", *teams: str) -> Token:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    may = frozenset(teams) if teams else None
    return Token(7, "a", sort, may, "", created, created + timedelta(days=365), None)


@pytest.mark.parametrize(
    "poster", [token(), token("steward", "keuken"), token("team", "keuken"), token("team", "ok-centrum")]
)
@pytest.mark.parametrize("team", [{}, {"team": "keuken"}, {"team": "ok-centrum"}, {"team": "nobody"}])
def test_each_poster_is_judged_by_what_it_may_speak_for(poster: Token, team: dict[str, Any]) -> None:
    known = KnownForms()
    for before in (token(), token("team", "keuken"), token("team", "ok-centrum")):
        known.of(before, CONFIGURATION).measure(event(**team), RECEIVED_AT)

    judged = [known.of(poster, CONFIGURATION).measure(event(**team), RECEIVED_AT) for _ in range(2)]

    context = Context(ORGANISATION, AMSTERDAM, RECEIVED_AT, poster.teams, poster.own_team)
    assert judged == [measure(event(**team), context)] * 2


def test_another_configuration_judges_anew() -> None:
    known = KnownForms()
    smaller = ORGANISATION.model_copy(update={"teams": {}})
    changed = Configuration((*CONFIGURATION.versions, Version(2, 1, smaller)), AMSTERDAM)

    before = known.of(token(), CONFIGURATION).measure(event(team="keuken"), RECEIVED_AT)
    after = known.of(token(), changed).measure(event(team="keuken"), RECEIVED_AT)

    assert isinstance(before, Measurement)
    assert isinstance(after, Refused)


def test_the_scopes_that_posted_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_forms, "MOST_FORMS", 30)
    known = KnownForms()
    often = known.of(token(), CONFIGURATION)

    for number in range(50):
        forms = known.of(token("steward", "keuken", f"team-{number}"), CONFIGURATION)
        for source in range(3):
            forms.measure(event(team="keuken", source=f"/scale/{source}"), RECEIVED_AT)
        assert known.of(token(), CONFIGURATION) is often
        assert known.number <= 30
