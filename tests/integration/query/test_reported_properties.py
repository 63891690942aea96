"""Whatever is posted, published and asked, as of any batch: as_reported is what the oracle said then."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import UserError
from tests.integration.query.asking import ask, pages
from tests.integration.query.expected_rows import (
    Factor,
    Part,
    Row,
    difference,
    groups,
    in_any_order,
    kilograms,
    known_factors,
    questions,
    row_of,
    weight,
)
from tests.integration.query.publishing import told
from tests.integration.store.recording import batch_of, empty, record
from tests.oracle import Expected, expect
from tests.strategies import KINDS, ORGANISATION, batched, histories


class Published(NamedTuple):
    """What was told of the days [first, end), which was the oracle's then."""

    name: str
    first: date
    end: date
    kinds: list[str] | None
    expected: Expected


@st.composite
def publications(draw):
    """Days and kinds to publish; often long enough to cover what is asked."""
    first = date(2024, 1, 1) + timedelta(days=draw(st.integers(-400, 900)))
    days = draw(st.sampled_from([1, 31, 400, 2000]))
    kinds = draw(st.sampled_from([None, None, ["waste"], [kind for kind in KINDS if kind != "waste"]]))
    return first, first + timedelta(days=days), kinds


@settings(max_examples=8, database=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_what_was_reported_is_what_the_oracle_said_then(organisation, data):
    empty(organisation)
    factors = known_factors(organisation)
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    moments, published = [], []
    posted: list[str] = []
    for batch in batches:
        asyncio.run(record(organisation, [batch_of(batch)]))
        posted += batch
        if data.draw(st.booleans()):
            first, end, kinds = data.draw(publications())
            new = Published(f"report {len(published)}", first, end, kinds, expect(posted, ORGANISATION))
            try:
                told(organisation, new.name, str(first), str(end), kinds=kinds)
            except UserError:  # nothing was measured then
                assert not any(_is_told(new, leaf.kind, day) for leaf, day in new.expected.days)
            else:
                published.append(new)
        newest = ask(organisation, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"]
        moments.append((newest, len(posted), len(published)))
    asked = data.draw(questions())

    for moment, events, reports in moments:
        expected = _rows(asked, expect(posted[:events], ORGANISATION), factors, published[:reports])
        answers = pages(organisation, **asked, as_of=moment, limit=str(data.draw(st.integers(1, 9))))
        rows = [row for answer in answers for row in answer["rows"]]
        assert in_any_order(rows) == in_any_order(expected)
        assert {answer["as_of"] for answer in answers} == {moment}


def _is_told(report: Published, kind: str, day: date) -> bool:
    return report.first <= day < report.end and (report.kinds is None or kind in report.kinds)


def _rows(asked, expected: Expected, factors: list[Factor], published: list[Published]) -> list[Row]:
    then = {report.name: groups(asked, report.expected, factors) for report in published}
    rows = []
    for group, parts in groups(asked, expected, factors).items():
        row = row_of(asked, group, parts, factors)
        if name := _newest(asked, group.start, published):
            reported = _reported(then[name].get(group, []), parts, factors)
            # The factors are the same, so other amounts make all of the difference.
            unknown = {"activity": None, "factors": None}
            made_by = difference(reported, row["co2e"]["current"], "activity") or unknown
            since = {"publication": name, "told_on": "2026-04-03"} | made_by
            row["co2e"]["as_reported"] = reported
            row["co2e_differences"]["since_reported"] = since
        rows.append(row)
    return rows


def _newest(asked: dict[str, Any], start: date | datetime, published: list[Published]) -> str | None:
    """The name of the newest publication that tells of all the days of a row; none of hours."""
    if asked["bucket"] == "hour":
        return None
    end = date.fromisoformat(asked["to"])
    following = {
        "day": start + timedelta(days=1),
        "month": (start.replace(day=1) + timedelta(days=31)).replace(day=1),
        "year": date(start.year + 1, 1, 1),
        "all": end,
    }[asked["bucket"]]
    last = min(end, following) - timedelta(days=1)
    covering = [
        report.name
        for report in published
        if _is_told(report, asked["kind"], start) and _is_told(report, asked["kind"], last)
    ]
    return covering[-1] if covering else None


def _reported(then: list[Part], now: list[Part], factors: list[Factor]) -> str | None:
    """A leaf that has something on a day now had nothing then, by the factor of then."""
    weighed = [(weight(factors, part), part.amount.quantity) for part in then]
    return kilograms([*weighed, *((weight(factors, part), 0) for part in now)])
