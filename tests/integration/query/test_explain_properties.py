"""Random figures are followed back from their explanation alone, in other code, to the same last unit."""

import asyncio
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from schemas.factor_versions import FactorVersion
from services.errors import UserError
from services.query.explain import explain_answer
from services.store.connection import connect
from services.store.factors import record_factors
from tests.follower import follow_total
from tests.integration.query.asking import ask, pages
from tests.integration.query.expected_rows import DIMENSIONS
from tests.integration.query.publishing import told
from tests.integration.store.recording import batch_of, empty, record
from tests.integration.store.test_own_meters import OWN
from tests.strategies import KINDS, batched, histories

FIGURES = 100
HISTORIES = 5

few = {
    "database": None,
    "report_multiple_bugs": False,
    "phases": [Phase.generate],
    "suppress_health_check": [*HealthCheck],
}
EVERYTHING = {"from_": "2023-01-01", "to": "2027-01-01", "detail": "all", "by": ",".join(DIMENSIONS)}
FLOWS = {"energy": {"flow": "use,feed-in,generation"}}
batched_histories = histories(conflicts=True).flatmap(batched)


def test_random_totals_and_their_co2e_follow_from_their_readings(organisation):
    followed = 0

    @settings(max_examples=HISTORIES, **few)
    @given(batches=batched_histories, chance=st.randoms(use_true_random=True))
    def follow(batches, chance):
        nonlocal followed
        days = _days(organisation, _counted(organisation, batches, chance))
        assume(days)
        for _ in range(FIGURES // HISTORIES):
            asked, row = _random_row(organisation, chance, days)
            _follow_row(organisation, chance, asked, row)
            followed += 1

    follow()

    assert followed >= FIGURES


def _counted(dsn, batches, chance):
    """The moments of the batches of random events, with revisions, retractions and details."""
    empty(dsn)
    moments = []
    for batch in batches:
        asyncio.run(record(dsn, [batch_of(batch)]))
        if chance.random() < 1 / 3:
            _change_a_factor(dsn, chance)
        if chance.random() < 1 / 2:
            with suppress(UserError):  # nothing was measured yet
                told(dsn, f"report {len(moments)}", "2023-01-01", "2027-01-01")
        moments.append(ask(dsn, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"])
    return moments


def _change_a_factor(dsn, chance):
    """The organisation's own factor for some days, or a meter's."""
    category, unit, meter = chance.choice(OWN)
    start = date(2024, 1, 1) + timedelta(days=chance.randrange(1000))
    version = FactorVersion(
        kind="energy",
        category=category,
        unit=unit,
        kg_co2e=Decimal(chance.randrange(9 * 10**7)).scaleb(-7),
        chain="wtw",
        market="location",
        valid_from=start,
        valid_to=start + timedelta(days=chance.randint(1, 400)),
        published=date(2026, 1, 1),
        source="supplier",
        certainty="seen",
        layer="own",
        meter=chance.choice([None, meter]),
    )
    with connect(dsn) as connection:
        record_factors(connection, [version], "test")


def _days(dsn, moments):
    """By moment and kind a row for each day and leaf."""
    rows = {
        (moment, kind): ask(dsn, kind=kind, bucket="day", as_of=moment, **EVERYTHING, **FLOWS.get(kind, {}))[
            "rows"
        ]
        for moment in moments[-2:]
        for kind in KINDS
    }
    return {place: of_place for place, of_place in rows.items() if of_place}


def _random_row(dsn, chance, days):
    """A question about something that is there, and one of the rows that it has."""
    rows = []
    while not rows:
        moment, kind = chance.choice(sorted(days))
        day = chance.choice(days[moment, kind])
        start = date.fromisoformat(day["start"])
        asked = {
            "kind": kind,
            "from_": str(start - timedelta(days=chance.choice([0, 0, 1, 40, 400]))),
            "to": str(start + timedelta(days=chance.choice([1, 1, 2, 40, 400]))),
            "bucket": chance.choice(["hour", "day", "month", "year", "all"]),
            "as_of": moment,
        }
        names = chance.sample(DIMENSIONS, chance.randrange(4))
        asked |= {name: day[name] for name in names if day[name] is not None}
        by = chance.sample(DIMENSIONS, chance.randrange(4))
        asked |= {"detail": chance.choice(["no", "yes", "all"])}
        if asked["detail"] == "all" and "team" not in asked:
            by = list({*by, "team"})
        asked |= {"by": ",".join(by)} if by else {}
        rows = ask(dsn, **asked)["rows"]
    return asked, chance.choice(rows)


def _follow_row(dsn, chance, asked, row):
    of_row = {name: row[name] for name in DIMENSIONS if row.get(name) is not None}
    start = {} if asked["bucket"] == "all" else {"start": row["start"]}
    limit = {"limit": str(chance.randint(2, 9))}
    answers = pages(dsn, explain_answer, **asked | of_row | start | limit | {"base_unit": row["base_unit"]})

    ((total, figure),) = follow_total(answers)

    assert {name: total[name] for name in row} == row
    assert str(figure.base_quantity) == row["base_quantity"]
    assert figure.readings == row["readings"]
    assert figure.co2e == row["co2e"]
    assert all(answer["as_of"] == asked["as_of"] for answer in answers)
