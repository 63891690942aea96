"""Whatever is posted and whatever is asked, as of any batch: totals are those of the oracle."""

import asyncio
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.query.asking import ask, pages
from tests.integration.query.expected_rows import groups, in_any_order, known_factors, questions, row_of
from tests.integration.store.recording import batch_of, empty, record
from tests.integration.store.test_own_meters import OWN, add
from tests.oracle import expect
from tests.strategies import ORGANISATION, batched, histories


@settings(max_examples=20, database=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_totals_are_those_of_the_oracle(organisation, data):
    empty(organisation)
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    own = data.draw(st.lists(st.sampled_from(OWN), unique=True))
    given_at = data.draw(st.integers(0, len(batches) - 1))
    moments = []
    for number, batch in enumerate(batches):
        if number == given_at:
            for meter in own:
                add(organisation, meter)
        asyncio.run(record(organisation, [batch_of(batch)]))
        moments.append(ask(organisation, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"])
    asked = data.draw(questions())
    factors = known_factors(organisation, {(category, meter) for category, _, meter in own})

    for number, moment in enumerate(moments):
        posted = [event for batch in batches[: number + 1] for event in batch]
        known = [factor for factor in factors if factor.recorded_at <= datetime.fromisoformat(moment)]
        parts_of_rows = groups(asked, expect(posted, ORGANISATION), known)
        expected = [row_of(asked, group, parts, known) for group, parts in parts_of_rows.items()]
        answers = pages(organisation, **asked, as_of=moment, limit=str(data.draw(st.integers(1, 9))))
        rows = [row for answer in answers for row in answer["rows"]]
        assert in_any_order(rows) == in_any_order(expected)
        assert {answer["as_of"] for answer in answers} == {moment}
