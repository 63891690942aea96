"""Whatever happens later: what any reading call answered once, it answers again as of then."""

import asyncio
import itertools
import json

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.json_text import write_json
from schemas.targets import CATALOGUE
from services.query.events import events_answer
from services.query.publications import publications_answer
from services.query.rejects import rejects_answer
from services.query.restatements import restatements_answer
from services.query.targets import targets_answer
from services.query.totals import totals_answer
from services.store.configuration import change
from services.store.connection import connect_async
from tests.integration.query.publishing import multiply_factors, told
from tests.integration.store.recording import batch_of, record
from tests.integration.tracking.tracked import PAPER, month
from tests.strategies import batched, histories

_numbers = itertools.count(1)
ON = "2026-06-10"
RANGE = {"from": "2024-01-01", "to": "2027-01-01"}
CALLS = [
    (targets_answer, {"on": ON}),
    (events_answer, {}),
    (rejects_answer, {}),
    (publications_answer, {}),
    (restatements_answer, {"by": "category,team,method"}),
    (restatements_answer, {"by": "team", "detail": "yes", "bucket": "year", "basis": "ttw,market"}),
    *(
        (totals_answer, RANGE | {"kind": kind, "bucket": bucket, "by": "category,team"})
        for kind, bucket in (("energy", "day"), ("waste", "year"), ("medication-waste", "month"))
    ),
    (totals_answer, RANGE | {"kind": "activity"}),
    (totals_answer, RANGE | {"kind": "energy", "bucket": "hour", "flow": "use,generation"}),
]
HEAT = {
    "nl": "Warmte",
    "en": "Heat",
    "theme": "co2",
    "kind": "absolute_max",
    "measure": "co2e",
    "unit": "kg CO2e",
    "parts": ["district-heat"],
    "anchors": [{"year": 2026, "value": 90000}],
}


@pytest.fixture
def tracked(organisation):
    """With an amount of every month of the base year, and few targets: those of these tests."""
    hidden = {slug: {"enabled": False} for slug in CATALOGUE}
    change(organisation, {"targets": hidden | {"less-paper": PAPER, "heat": HEAT}}, "test")
    return organisation


def more_paper(dsn, number):
    """Paper and heat of the months, as other revisions."""
    paper = {"stream": "paper", "quantity": 70 + number, "unit": "kg"}
    heat = {"carrier": "district-heat", "quantity": 1000 + number, "unit": "GJ"}
    events = [
        month(kind, year, each, data, revision=number)
        for kind, data in (("waste", paper), ("energy", heat))
        for year in (2018, 2026)
        for each in range(1, 6 if year == 2026 else 13)
    ]
    asyncio.run(record(dsn, [batch_of([json.dumps(event) for event in events])]))


def another_limit(dsn, number):
    anchors = [{"year": 2018, "value": 100}, {"year": 2026, "value": 90 - number % 40}]
    change(dsn, {"targets": {"less-paper": {"anchors": anchors}}}, "test")


def publish(dsn, number):
    told(dsn, f"report {number}", f"{2024 + number % 3}-01-01", "2027-01-01")


def answers_of(dsn, as_of=None):
    """What every call answers, over one connection."""
    extra = [] if as_of is None else [("as_of", as_of)]

    async def run():
        async with await connect_async(dsn, "writer") as connection:
            return [
                write_json(await call(connection, [*parameters.items(), *extra]))
                for call, parameters in CALLS
            ]

    return [json.loads(answer) for answer in asyncio.run(run())]


STEPS = (
    more_paper,
    another_limit,
    publish,
    lambda dsn, number: multiply_factors(dsn, "district-heat", f"1.{number}"),
    lambda dsn, number: multiply_factors(dsn, "electricity", f"1.{number}", 2023),
    lambda dsn, number: change(dsn, {"teams": {"keuken": {"nl": f"Keuken {number}"}}}, "test"),
)


@settings(
    max_examples=2,  # the first of them is the plainest there is; the second goes on where that ends
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(data=st.data())
def test_what_was_answered_is_answered_again(tracked, data):
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    steps = [
        *STEPS,
        *(lambda dsn, _, batch=batch: asyncio.run(record(dsn, [batch_of(batch)])) for batch in batches[:3]),
    ]
    more_paper(tracked, next(_numbers))
    known = []
    for step in data.draw(st.permutations(steps)):
        step(tracked, next(_numbers))
        known.append(answers_of(tracked))
        assert len({answer["as_of"] for answer in known[-1]}) == 1

    for answers in known:
        assert answers_of(tracked, answers[0]["as_of"]) == answers
    # And there was something to be told apart.
    assert len({json.dumps(answers[0]["rows"]) for answers in known}) >= 3
    with psycopg.connect(tracked) as connection:
        assert connection.execute("SELECT FROM batch_log WHERE events = 0").rowcount >= len(STEPS)
