"""Whatever is erased whenever: counts, ledger and totals are as if nothing was, and the text stays away."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.store.connection import connect
from services.store.redactions import Wanted, redact
from tests.integration.store.recording import (
    batch_of,
    day_sums,
    empty,
    ledger_rows,
    query,
    record,
    source_days,
)
from tests.integration.store.test_redactions import agrees, event

NOTES = (None, "Jan", "door  JAN gewogen", "nat")
ERASE = "erase"

events = st.builds(
    lambda id_, revision, quantity, texts: event(
        id_, revision, quantity, **{name: text for name, text in texts.items() if text is not None}
    ),
    st.sampled_from("12"),
    st.integers(1, 3),
    st.integers(1, 2),
    st.fixed_dictionaries({"note": st.sampled_from(NOTES), "evidence": st.sampled_from(NOTES)}),
)
histories = st.lists(st.just(ERASE) | st.lists(events, min_size=1, max_size=4), min_size=2, max_size=8)


def count(dsn, posts):
    return asyncio.run(record(dsn, [batch_of([json.dumps(post) for post in posts])]))[0]


def without_jan(post):
    """The post as it would be without the texts that are erased.

    Which of them an erased content had is not kept, so that contents that differ in nothing else may count as
    the same: repeats are as many as with the texts at least, and as many as without them at most.
    """
    return {
        **post,
        "data": {name: value for name, value in post["data"].items() if "jan" not in str(value).lower()},
    }


def erase(dsn, file):
    redact(dsn, Wanted(search="jan"), "", file)


def forget(dsn, file):
    empty(dsn)
    file.unlink(missing_ok=True)
    with connect(dsn) as connection, connection.transaction():
        connection.execute("ALTER TABLE redaction DISABLE TRIGGER append_only")
        connection.execute("TRUNCATE redaction")
        connection.execute("ALTER TABLE redaction ENABLE TRIGGER append_only")


def kept(dsn):
    """Everything free that is kept of measurements and rejects."""
    texts = query(dsn, "SELECT texts::text FROM free_text")
    payloads = query(dsn, "SELECT convert_from(payload, 'UTF8') || problems::text FROM reject")
    return "\n".join(text for (text,) in texts + payloads)


@pytest.fixture(scope="module")
def shared(postgres, template):
    name = "test_redactions_properties"
    postgres.create_database(name, template)
    yield postgres.dsn(name)
    postgres.drop_database(name)


@settings(
    max_examples=8,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(history=histories)
def test_erasing_changes_nothing_but_the_text(shared, tmp_path_factory, history):
    file = tmp_path_factory.mktemp("apart") / "redactions.jsonl"
    posts = [step for step in history if step != ERASE]
    forget(shared, file)
    without_texts = [
        count(shared, step) for step in [[without_jan(post) for post in step] for step in posts] * 2
    ]
    forget(shared, file)
    with_texts = [count(shared, step) for step in posts * 2]
    amounts = ledger_rows(shared), day_sums(shared), source_days(shared)

    forget(shared, file)
    found = []
    for step in [*history, ERASE, *posts]:
        if step == ERASE:
            erase(shared, file)
            assert "jan" not in kept(shared).lower()
        else:
            found.append(count(shared, step))

    assert [counts.added for counts in found] == [counts.added for counts in with_texts]
    for least, counts, most in zip(with_texts, found, without_texts, strict=True):
        assert least.repeats <= counts.repeats <= most.repeats
        assert counts.repeats + counts.rejected == least.repeats + least.rejected
    assert (ledger_rows(shared), day_sums(shared), source_days(shared)) == amounts
    assert "jan" not in kept(shared).lower()
    assert agrees(shared) == []
