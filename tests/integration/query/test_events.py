"""`GET /v1/events`: the ledger, revision by revision."""

from datetime import UTC, datetime

from services.query.events import events_answer
from tests.integration.query.asking import ask, columns, count, event, pages, problems

RESIDUAL = {"stream": "residual", "quantity": "1.5", "unit": "kg"}
MORNING = {"time": "2026-03-05T09:30:00+01:00"}


def test_every_revision_with_its_state_times_amounts_shares_and_texts(organisation):
    period = {"from": "2026-03-04T18:00:00+01:00", "to": "2026-03-05T06:00:00+01:00", "note": "twee zakken 🗑"}
    count(organisation, event("waste", "1", RESIDUAL | period | {"cost_eur": "0.03"}))
    count(organisation, event("waste", "1", RESIDUAL | {"site": "west"}, revision=3, **MORNING))
    count(organisation, event("waste", "1", RESIDUAL, revision=2, **MORNING))

    (row,) = ask(organisation, events_answer)["rows"]

    identity = {"team": "ok-centrum", "kind": "waste", "source": "/test", "id": "1"}
    assert {name: row[name] for name in identity} == identity
    assert (row["state"], row["revision"]) == ("counted", 3)
    states = [(revision["revision"], revision["state"]) for revision in row["revisions"]]
    assert states == [(3, "counted"), (2, "superseded"), (1, "superseded")]
    newest, _, first = row["revisions"]
    assert (newest["start"], newest["end"], newest["site"]) == ("2026-03-05T09:30:00+01:00", None, "west")
    assert newest["recorded_at"] > first["recorded_at"]
    assert datetime.fromisoformat(first["received_at"]).tzinfo == UTC
    assert first["amounts"] == [
        {"base_unit": "mg", "base_quantity": "1500000"},
        {"base_unit": "cent", "base_quantity": "3"},
    ]
    assert first["shares"] == [
        {"day": "2026-03-04", "base_unit": "mg", "base_quantity": "750000"},
        {"day": "2026-03-05", "base_unit": "mg", "base_quantity": "750000"},
        {"day": "2026-03-04", "base_unit": "cent", "base_quantity": "2"},
        {"day": "2026-03-05", "base_unit": "cent", "base_quantity": "1"},
    ]
    assert first["texts"] == {"note": "twee zakken 🗑"}
    assert first["posted"] == {"quantity": "1.5", "unit": "kg", "cost_eur": "0.03"}
    assert bytes.fromhex(first["fingerprint"]) != bytes.fromhex(newest["fingerprint"])


def test_a_retraction_is_the_state_until_a_higher_revision(organisation):
    count(organisation, event("waste", "1", RESIDUAL, **MORNING))
    count(organisation, event("waste", "1", retracted=True, revision=2))
    retracted = ask(organisation, events_answer)
    count(organisation, event("waste", "1", RESIDUAL, revision=3, **MORNING))

    (row,) = retracted["rows"]
    assert [revision["state"] for revision in row["revisions"]] == ["retracted", "superseded"]
    assert (row["state"], row["revisions"][0]["amounts"]) == ("retracted", [])
    (row,) = ask(organisation, events_answer)["rows"]
    assert [(item["state"], item["retracted"]) for item in row["revisions"]] == [
        ("counted", False),
        ("superseded", True),
        ("superseded", False),
    ]


def test_filters(organisation):
    count(
        organisation,
        event("waste", "1", RESIDUAL, **MORNING),
        event("waste", "2", RESIDUAL, team="keuken", **MORNING),
        event("waste", "1", RESIDUAL, source="/other", time="2026-03-06T00:00:00+01:00"),
        event("activity", "1", {"indicator": "operations", "quantity": 1, "unit": "1"}, **MORNING),
    )

    def found(**parameters):
        return columns(ask(organisation, events_answer, **parameters), "team", "kind", "source", "id")

    everything = [
        ("keuken", "waste", "/test", "2"),
        ("ok-centrum", "activity", "/test", "1"),
        ("ok-centrum", "waste", "/other", "1"),
        ("ok-centrum", "waste", "/test", "1"),
    ]
    assert found() == everything
    assert found(team="keuken") == everything[:1]
    assert found(kind="waste", id="1") == everything[2:]
    assert found(source="/other") == everything[2:3]
    assert found(from_="2026-03-06") == everything[2:3]
    assert found(to="2026-03-06") == [everything[0], everything[1], everything[3]]
    assert found(from_="1900-01-01", to="2999-01-01") == everything
    assert found(from_="2999-01-01") == []
    assert columns(ask(organisation, events_answer, own_team="keuken"), "team") == [("keuken",)]


def test_a_day_finds_what_was_moved_away_from_it(organisation):
    count(organisation, event("waste", "1", RESIDUAL, **MORNING))
    count(organisation, event("waste", "1", RESIDUAL, revision=2, time="2026-04-01T12:00:00Z"))
    count(organisation, event("waste", "2", retracted=True))

    for day, following in (("2026-03-05", "2026-03-06"), ("2026-04-01", "2026-04-02")):
        assert columns(ask(organisation, events_answer, from_=day, to=following), "id", "revision") == [
            ("1", 2)
        ]
    assert columns(ask(organisation, events_answer), "id", "state") == [("1", "counted"), ("2", "retracted")]


def test_pages_show_the_ledger_of_one_moment(organisation):
    count(organisation, *[event("waste", str(number), RESIDUAL, **MORNING) for number in range(5)])
    whole = ask(organisation, events_answer)
    first = ask(organisation, events_answer, limit="2")
    count(
        organisation,
        event("waste", "10", RESIDUAL, **MORNING),
        event("waste", "2", RESIDUAL | {"quantity": 2}, revision=2, **MORNING),
    )

    rest = pages(organisation, events_answer, limit="2", cursor=first["cursor"])
    assert first["rows"] + [row for answer in rest for row in answer["rows"]] == whole["rows"]
    assert ask(organisation, events_answer, as_of=whole["as_of"]) == whole
    assert columns(ask(organisation, events_answer), "id", "revision") == [
        ("0", 1),
        ("1", 1),
        ("10", 1),
        ("2", 2),
        ("3", 1),
        ("4", 1),
    ]


def test_wrong_parameters(organisation):
    assert problems(
        organisation,
        events_answer,
        kind="wasted",
        team="ok",
        id="\0",
        from_="2026-02-01",
        to="2026-01-01",
        by="team",
    ) == {
        "kind": "'wasted' is not known",
        "team": "'ok' is not known",
        "id": "holds a NUL character",
        "to": "is not after from",
        "by": "'by' is not known",
    }
