"""What was told stays as it was, and what is not so any more is told with its reasons."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from services.errors import UserError
from services.query.publications import publications_answer
from services.query.restatements import restatements_answer
from services.store.connection import connect_async
from services.store.verify import verify
from tests.integration.query.asking import ask, columns, count, event, pages, problems
from tests.integration.query.publishing import listed, multiply_factors, restated, told
from tests.integration.store.recording import value
from tests.integration.tracking.tracked import month

QUARTER = {"from_": "2026-01-01", "to": "2026-04-01"}
REPORT = "the quarterly report"


def paper(id_, day, kilograms, **attributes):
    data = {"stream": "paper", "quantity": kilograms, "unit": "kg"} | attributes.pop("data", {})
    return event("waste", id_, data, time=f"{day}T12:00:00Z", **attributes)


def heat(number, gigajoules, **attributes):
    """District heat of a month of 2026."""
    data = {"carrier": "district-heat", "quantity": gigajoules, "unit": "GJ"}
    return month("energy", 2026, number, data, **attributes)


def verified(dsn):
    async def run():
        async with await connect_async(dsn, "owner") as connection:
            return await verify(connection, lambda _: None)

    return asyncio.run(run())


def totals(dsn, **parameters):
    return ask(dsn, **{"kind": "waste", "bucket": "month"} | QUARTER | parameters)


def views(row):
    return row["co2e"]["as_reported"], row["co2e"]["current"]


def test_march_after_the_quarterly_report(organisation):
    """1,000 kg were reported of March; 14 readings of 12/14 kg and one of 1 kg less came in afterwards."""
    count(organisation, paper("1", "2026-03-05", "988"), paper("2", "2026-02-05", "10"))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    assert restated(organisation) == []
    count(organisation, *(paper(f"late-{number}", "2026-03-07", "0.847") for number in range(14)))

    (row,) = restated(organisation)

    assert row["text"] == {
        "en": "Paper, March 2026: +1.2 % since the quarterly report of 3 April 2026, "
        "because of 14 late readings.",
        "nl": "Papier, maart 2026: +1,2 % sinds the quarterly report van 3 april 2026, "
        "door 14 late metingen.",
    }
    assert (row["start"], row["category"], row["unit"]) == ("2026-03-01", "paper", "kg")
    assert (row["before"], row["after"], row["base_before"], row["base_after"]) == (
        Decimal(988),
        Decimal("999.858"),
        "988000000",
        "999858000",
    )
    assert row["readings"] == {"before": 1, "after": 15}
    assert row["causes"] == [{"cause": "late", "readings": 14, "base_difference": "11858000"}]
    assert Decimal(row["co2e"]["activity"]) > 0
    assert row["co2e"]["factors"] == "0.000"


def test_every_cause_has_its_part(organisation):
    """A reading moves from March to February, one from paper to glass; one goes, one is back, one is new."""
    count(
        organisation,
        paper("moves", "2026-03-05", 10),
        paper("changes", "2026-03-06", 7),
        paper("goes", "2026-03-07", 5),
        paper("back", "2026-03-08", 4),
        event("waste", "back", retracted=True, revision=2),
    )
    told(organisation, REPORT, "2026-01-01", "2027-01-01")
    count(
        organisation,
        paper("moves", "2026-02-05", 11, revision=2),
        paper("changes", "2026-03-06", 7, revision=2, data={"stream": "glass"}),
        event("waste", "goes", retracted=True, revision=2),
        paper("back", "2026-03-08", 3, revision=3),
        paper("older", "2026-03-08", 3),
        paper("older", "2026-03-08", 1, revision=2),
        event("waste", "never", retracted=True, revision=2),
        paper("never", "2026-03-08", 9),
        paper("outside", "2027-03-08", 9) | {"time": "2025-12-31T12:00:00Z"},
    )

    found = {
        (row["start"], row["category"]): {
            each["cause"]: (each["readings"], int(each["base_difference"]) / 10**6) for each in row["causes"]
        }
        for row in restated(organisation)
    }

    assert found == {
        ("2026-02-01", "paper"): {"corrected": (1, 11)},
        ("2026-03-01", "paper"): {"corrected": (3, -10 - 7 + 3), "retracted": (1, -5), "late": (1, 1)},
        ("2026-03-01", "glass"): {"corrected": (1, 7)},
    }
    assert totals(organisation)["rows"][1]["base_quantity"] == "11000000"


def test_new_is_what_was_not_over_when_it_was_told(organisation):
    now = datetime.now(UTC)
    count(organisation, paper("1", "2026-03-05", 1))
    told(organisation, REPORT, "2026-01-01", str(now.date() + timedelta(days=9)))
    later = event(
        "waste",
        "2",
        {"stream": "paper", "quantity": 1, "unit": "kg"}
        | {"from": "2026-03-01T00:00:00Z", "to": "2026-11-23T00:00:00Z"},
    )
    count(organisation, later)

    (row,) = restated(organisation, bucket="all")

    over = now >= datetime(2026, 11, 23, tzinfo=UTC)
    assert [each["cause"] for each in row["causes"]] == ["late" if over else "new"]


def test_corrections_that_cancel_each_other_are_told(organisation):
    count(organisation, paper("1", "2026-03-05", 10), paper("2", "2026-03-05", 10))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    count(organisation, paper("1", "2026-03-05", 9, revision=2), paper("2", "2026-03-05", 11, revision=2))

    (row,) = restated(organisation)

    assert row["change"] == "0"
    assert row["causes"] == [{"cause": "corrected", "readings": 2, "base_difference": "0"}]
    assert "the same amount since" in row["text"]["en"]


def test_as_reported_is_of_the_newest_publication_that_covers_the_row(organisation):
    count(organisation, heat(1, 100), heat(2, 100), heat(3, 100))
    told(organisation, "january", "2026-01-01", "2026-02-01")
    count(organisation, heat(1, 110, revision=2))
    told(organisation, "the quarter", "2026-01-01", "2026-04-01")
    told(organisation, "waste and food", "2026-01-01", "2026-04-01", kinds=["waste", "food-waste", "energy"])
    count(organisation, heat(1, 120, revision=3))

    def told_of(**parameters):
        return [
            (
                row["start"],
                row["co2e_differences"]["since_reported"]
                and row["co2e_differences"]["since_reported"]["publication"],
            )
            for row in totals(organisation, kind="energy", **parameters)["rows"]
        ]

    newest = "waste and food"
    assert told_of() == [("2026-01-01", newest), ("2026-02-01", newest), ("2026-03-01", newest)]
    assert told_of(bucket="all") == [("2026-01-01", newest)]
    assert told_of(bucket="all", to="2026-04-02") == [("2026-01-01", None)]
    assert told_of(bucket="month", from_="2025-12-01", to="2026-05-01")[0] == ("2026-01-01", newest)
    assert told_of(bucket="year", from_="2025-12-01", to="2026-05-01") == [("2026-01-01", None)]
    assert told_of(bucket="year") == [("2026-01-01", newest)]
    (january, *_) = totals(organisation, kind="energy")["rows"]
    reported, current = (Decimal(text) for text in views(january))
    assert current / reported == Decimal(120) / 110


def test_a_publication_of_one_kind_tells_nothing_of_another(organisation):
    count(organisation, heat(1, 100), paper("1", "2026-01-05", 1))
    told(organisation, "waste", "2026-01-01", "2026-04-01", kinds=["waste"])

    assert totals(organisation, kind="energy")["rows"][0]["co2e_differences"]["since_reported"] is None
    assert totals(organisation)["rows"][0]["co2e_differences"]["since_reported"]["publication"] == "waste"
    assert {figure["kind"] for figure in listed(organisation)[0]["figures"]} == {"waste"}
    count(organisation, heat(1, 90, revision=2))
    assert restated(organisation) == []
    assert restated(organisation, kind="energy") == []


def test_the_difference_is_split_in_amounts_and_factors_to_the_gram(organisation):
    """Told: 100 GJ by f. Now: 130 GJ by 1.5 f: 30 f by other amounts, 130 x 0.5 f by other factors."""
    count(organisation, heat(1, 100))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    (before,) = totals(organisation, kind="energy", bucket="all")["rows"]
    factor = Decimal(before["co2e"]["current"]) / 100
    count(organisation, heat(1, 130, revision=2))
    multiply_factors(organisation, "district-heat", "1.5")

    (row,) = totals(organisation, kind="energy", bucket="all")["rows"]
    co2e, since = row["co2e"], row["co2e_differences"]["since_reported"]

    assert Decimal(co2e["as_reported"]) == 100 * factor
    assert Decimal(co2e["current"]) == 195 * factor
    assert Decimal(since["activity"]) == 30 * factor
    assert Decimal(since["factors"]) == 65 * factor
    (restatement,) = restated(organisation, kind="energy", bucket="all")
    assert restatement["co2e"] == {
        "before": co2e["as_reported"],
        "after": co2e["current"],
        "activity": since["activity"],
        "factors": since["factors"],
    }
    assert "CO2e +95 %: +30 % because of other amounts, +65 % because" in restatement["text"]["en"]
    (publication,) = listed(organisation)
    (figure,) = publication["figures"]
    assert figure["co2e"] == co2e["as_reported"]
    assert figure["factors"] == [
        value(
            organisation,
            "SELECT factor_no FROM factors_known((SELECT as_of FROM publication))"
            " WHERE category = 'district-heat' AND chain = 'wtw' AND market = 'location'"
            " AND valid_from = '2026-01-01'",
        )
    ]


def test_other_factors_alone_are_a_restatement_of_the_co2e(organisation):
    count(organisation, heat(1, 100))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    multiply_factors(organisation, "district-heat", "1.53")

    (row,) = restated(organisation)

    assert (row["base_before"], row["causes"], row["change"]) == (row["base_after"], [], "0")
    assert row["text"]["en"] == (
        "District heat, January 2026: the same amount since the quarterly report of 3 April 2026; "
        "CO2e +53 % because of other factors."
    )
    assert row["co2e"]["activity"] == "0.000"
    # As of a moment before, nothing was another.
    as_of = listed(organisation)[0]["published_at"]
    assert restated(organisation, as_of=as_of) == []


def test_current_less_constant_is_made_by_factors(organisation):
    count(organisation, month("energy", 2026, 1, {"carrier": "natural-gas", "quantity": 1000, "unit": "Nm3"}))

    (row,) = totals(organisation, kind="energy")["rows"]
    co2e, difference = row["co2e"], row["co2e_differences"]["from_constant"]

    assert difference["activity"] == "0.000"
    factors = Decimal(co2e["current"]) - Decimal(co2e["constant"])
    assert Decimal(difference["factors"]) == factors != 0


def test_what_was_told_before_it_was_published(organisation):
    """`as_of`: the figures of that moment, with the factors of then."""
    count(organisation, heat(1, 100), paper("1", "2026-01-05", 1))
    then = totals(organisation, kind="energy")
    count(organisation, heat(1, 140, revision=2), paper("2", "2026-01-05", 1))
    multiply_factors(organisation, "district-heat", "2")

    told(organisation, REPORT, "2026-01-01", "2026-04-01", as_of=datetime.fromisoformat(then["as_of"]))

    (row,) = totals(organisation, kind="energy")["rows"]
    assert row["co2e"]["as_reported"] == then["rows"][0]["co2e"]["current"]
    assert [(each["kind"], each["causes"][0]["cause"]) for each in restated(organisation)] == [
        ("energy", "corrected"),
        ("waste", "late"),
    ]


def test_by_team_and_details(organisation):
    count(organisation, paper("1", "2026-03-05", 1), paper("2", "2026-03-05", 1, team="keuken"))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    count(
        organisation,
        paper("1", "2026-03-05", 2, revision=2),
        paper("2", "2026-03-05", 3, revision=2, team="keuken"),
    )

    assert columns({"rows": restated(organisation, by="team")}, "team", "base_after") == [
        ("ok-centrum", "2000000")
    ]
    assert columns({"rows": restated(organisation, by="team", detail="yes")}, "team", "base_after") == [
        ("keuken", "3000000")
    ]
    (row,) = restated(organisation, by="kind", bucket="all")
    assert row["text"]["en"].startswith("Waste, 1 January 2026 up to and including 31 March 2026: +100 %")


def test_as_of_a_moment_a_publication_is_not_yet_there(organisation):
    count(organisation, paper("1", "2026-03-05", 1))
    before = totals(organisation)
    told(organisation, REPORT, "2026-01-01", "2026-04-01")
    published = totals(organisation)
    count(organisation, paper("1", "2026-03-05", 2, revision=2))
    after = totals(organisation)

    assert before["rows"][0]["co2e"]["as_reported"] is None
    assert published["rows"][0]["co2e"]["as_reported"] is not None
    for known in (before, published, after):
        assert totals(organisation, as_of=known["as_of"]) == known
    assert [
        ask(organisation, publications_answer, as_of=each["as_of"])["rows"] != [] for each in (before, after)
    ] == [
        False,
        True,
    ]
    assert problems(organisation, restatements_answer, publication=REPORT, as_of=before["as_of"]) == {
        "publication": f"{REPORT!r} is not known"
    }


def test_hours_are_not_published(organisation):
    count(organisation, paper("1", "2026-03-05", 1))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")

    assert totals(organisation, bucket="hour")["rows"][0]["co2e"]["as_reported"] is None
    assert totals(organisation, bucket="day")["rows"][0]["co2e"]["as_reported"] is not None


def test_in_pages(organisation):
    count(organisation, *(paper(str(number), f"2026-0{number}-05", 1) for number in (1, 2, 3)))
    for name in ("one", "two", "three"):
        told(organisation, name, "2026-01-01", "2026-04-01")
    count(organisation, *(paper(str(number), f"2026-0{number}-05", 2, revision=2) for number in (1, 2, 3)))

    for call in (publications_answer, restatements_answer):
        whole = ask(organisation, call)["rows"]
        assert [row for page in pages(organisation, call, limit="2") for row in page["rows"]] == whole
    assert [row["publication"] for row in listed(organisation)] == ["three", "two", "one"]
    assert [row["publication"] for row in listed(organisation, name="two")] == ["two"]
    assert len(restated(organisation)) == 9
    assert {row["publication"] for row in restated(organisation, publication="two")} == {"two"}


def test_what_cannot_be_published_says_why(organisation):
    count(organisation, paper("1", "2026-03-05", 1))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")

    with pytest.raises(UserError, match="named the quarterly report already"):
        told(organisation, REPORT, "2026-01-01", "2026-04-01")
    with pytest.raises(UserError, match="nothing was measured"):
        told(organisation, "empty", "2027-01-01", "2027-04-01")
    assert [row["publication"] for row in listed(organisation)] == [REPORT]
    assert value(organisation, "SELECT count(DISTINCT publication_no) FROM publication_day") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE publication SET note = 'x'",
        "DELETE FROM publication",
        "TRUNCATE publication",
        "UPDATE publication_day SET quantity = 0",
        "DELETE FROM publication_day",
        "TRUNCATE publication_day",
    ],
)
def test_even_the_owner_changes_nothing_that_was_told(organisation, statement):
    count(organisation, paper("1", "2026-03-05", 1))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")

    with psycopg.connect(organisation) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)


def test_verify_proves_what_was_published(organisation):
    """By the ledger as of then, whatever was corrected since; and it finds what is not so."""
    count(organisation, heat(1, 100), heat(2, 7), paper("1", "2026-03-05", 1))
    told(organisation, "first", "2026-01-15", "2026-04-01")
    first = listed(organisation)[0]["as_of"]
    count(organisation, heat(1, 140, revision=2), event("waste", "1", retracted=True, revision=2))
    told(organisation, "second", "2026-01-01", "2027-01-01", kinds=["energy"])
    told(organisation, "third", "2026-01-01", "2026-02-05", as_of=datetime.fromisoformat(first))
    count(organisation, heat(2, 8, revision=3), heat(2, 9, revision=2), paper("2", "2026-01-20", 1))
    assert verified(organisation).agrees

    with psycopg.connect(organisation) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE publication_day SET quantity = quantity + 1 WHERE day = '2026-01-31'")
    result = verified(organisation)

    assert {check for check, number in result.counts.items() if number} == {"publications"}
    assert {difference.key["publication"] for difference in result.differences} == {
        "first",
        "second",
        "third",
    }


def test_it_is_in_the_audit_log(organisation):
    count(organisation, paper("1", "2026-03-05", 1))
    told(organisation, REPORT, "2026-01-01", "2026-04-01")

    after = value(organisation, "SELECT after FROM audit WHERE about = 'publication'")
    assert (after["name"], after["told_to"], after["from_day"]) == (REPORT, "board", "2026-01-01")


def test_what_is_wrong_with_a_question_is_said_at_once(organisation):
    assert problems(
        organisation,
        restatements_answer,
        kind="wast",
        by="colour",
        bucket="hour",
        detail="all",
        publication="none",
        basis="wtw,ttw",
    ).keys() == {"kind", "by", "bucket", "detail", "publication", "basis"}
    assert problems(organisation, publications_answer, name="x", limit="0").keys() == {"name", "limit"}
