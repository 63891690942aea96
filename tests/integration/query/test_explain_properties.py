"""Random figures are followed back from their explanation alone, in other code, to the same last unit."""

import asyncio
from datetime import date, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.factor_versions import FactorVersion
from services.query.explain import explain_answer
from services.store.connection import connect
from services.store.factors import record_factors
from tests.follower import follow_total
from tests.integration.query.asking import ask, pages
from tests.integration.query.publishing import told
from tests.integration.query.test_totals_properties import DIMENSIONS
from tests.integration.store.recording import batch_of, empty, record
from tests.integration.store.test_own_meters import OWN
from tests.strategies import KINDS, batched, histories

FIGURES = 60
HISTORIES = 4

few = {
    "deadline": None,
    "database": None,
    "report_multiple_bugs": False,
    "phases": [Phase.generate],
    "suppress_health_check": [*HealthCheck],
}
EVERYTHING = {"from_": "2023-01-01", "to": "2027-01-01", "detail": "all", "by": ",".join(DIMENSIONS)}
FLOWS = {"energy": {"flow": "use,feed-in,generation"}}


def test_random_totals_and_their_co2e_follow_from_their_readings(organisation):
    followed = 0

    @settings(max_examples=HISTORIES, **few)
    @given(data=st.data())
    def follow(data):
        nonlocal followed
        days = {}
        while not days:
            days = _days(organisation, _counted(organisation, data))
        for _ in range(FIGURES // HISTORIES):
            asked, row = _random_row(organisation, data, days)
            _follow_row(organisation, data, asked, row)
            followed += 1

    follow()

    assert followed >= FIGURES


def _counted(dsn, data):
    """The moments of the batches of random events, with revisions, retractions and details."""
    empty(dsn)
    moments = []
    for batch in data.draw(batched(data.draw(histories(conflicts=True)))):
        asyncio.run(record(dsn, [batch_of(batch)]))
        if data.draw(st.integers(0, 2)) == 0:
            _change_a_factor(dsn, data)
        if data.draw(st.booleans()):
            told(dsn, f"report {len(moments)}", "2023-01-01", "2027-01-01")
        moments.append(ask(dsn, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"])
    return moments


def _change_a_factor(dsn, data):
    """The organisation's own factor for some days, or a meter's."""
    category, unit, meter = data.draw(st.sampled_from(OWN))
    start = date(2024, 1, 1) + timedelta(days=data.draw(st.integers(0, 1000)))
    version = FactorVersion(
        kind="energy",
        category=category,
        unit=unit,
        kg_co2e=data.draw(st.decimals(0, 9, places=7)),
        chain="wtw",
        market="location",
        valid_from=start,
        valid_to=start + timedelta(days=data.draw(st.integers(1, 400))),
        published=date(2026, 1, 1),
        source="supplier",
        certainty="seen",
        layer="own",
        meter=data.draw(st.sampled_from([None, meter])),
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


def _random_row(dsn, data, days):
    """A question about something that is there, and one of the rows that it has."""
    rows = []
    while not rows:
        moment, kind = data.draw(st.sampled_from(sorted(days)))
        day = data.draw(st.sampled_from(days[moment, kind]))
        start = date.fromisoformat(day["start"])
        asked = {
            "kind": kind,
            "from_": str(start - timedelta(days=data.draw(st.sampled_from([0, 0, 1, 40, 400])))),
            "to": str(start + timedelta(days=data.draw(st.sampled_from([1, 1, 2, 40, 400])))),
            "bucket": data.draw(st.sampled_from(["hour", "day", "month", "year", "all"])),
            "as_of": moment,
        }
        names = data.draw(st.lists(st.sampled_from(DIMENSIONS), unique=True))
        asked |= {name: day[name] for name in names if day[name] is not None}
        by = data.draw(st.lists(st.sampled_from(DIMENSIONS), unique=True))
        asked |= {"detail": data.draw(st.sampled_from(["no", "yes", "all"]))}
        if asked["detail"] == "all" and "team" not in asked:
            by = list({*by, "team"})
        asked |= {"by": ",".join(by)} if by else {}
        rows = ask(dsn, **asked)["rows"]
    return asked, data.draw(st.sampled_from(rows))


def _follow_row(dsn, data, asked, row):
    of_row = {name: row[name] for name in DIMENSIONS if row.get(name) is not None}
    start = {} if asked["bucket"] == "all" else {"start": row["start"]}
    limit = {"limit": str(data.draw(st.integers(2, 9)))}
    answers = pages(dsn, explain_answer, **asked | of_row | start | limit | {"base_unit": row["base_unit"]})

    ((total, figure),) = follow_total(answers)

    assert {name: total[name] for name in row} == row
    assert str(figure.base_quantity) == row["base_quantity"]
    assert figure.readings == row["readings"]
    assert figure.co2e == row["co2e"]
    assert all(answer["as_of"] == asked["as_of"] for answer in answers)
