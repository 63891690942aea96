"""Which revision counts, what is a repeat and what a conflict."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import MOST_REVISIONS
from services.store.revisions import Revision, conflict_problem, settle

A, B = b"a", b"b"


def test_a_first_revision_counts() -> None:
    settled = settle({}, [Revision(1, A)])
    assert settled == (["new"], Revision(1, A), 0)


def test_the_same_again_is_a_repeat() -> None:
    settled = settle({1: A}, [Revision(1, A)])
    assert settled == (["repeat"], Revision(1, A), None)


def test_other_content_under_a_revision_is_a_conflict_and_the_first_stands() -> None:
    settled = settle({1: A}, [Revision(1, B)])
    assert settled == (["conflict"], Revision(1, A), None)


def test_a_lower_revision_that_comes_late_is_kept_and_changes_nothing() -> None:
    settled = settle({2: A}, [Revision(1, B)])
    assert settled == (["new"], Revision(2, A), None)


def test_within_one_batch_only_the_highest_counts() -> None:
    settled = settle({1: A}, [Revision(3, A), Revision(2, B), Revision(3, B), Revision(3, A)])
    assert settled == (["new", "new", "conflict", "repeat"], Revision(3, A), 0)


@given(
    st.dictionaries(st.integers(1, 5), st.sampled_from([A, B]), max_size=3),
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([A, B])).map(lambda r: Revision(*r)), min_size=1),
    st.integers(0, 10),
)
def test_cutting_the_arrivals_in_two_batches_gives_the_same(
    known: dict[int, bytes], arriving: list[Revision], cut: int
) -> None:
    whole = settle(known, arriving)
    ledger = dict(known)
    outcomes: list[str] = []
    for part in (arriving[:cut], arriving[cut:]):
        if part:
            settled = settle(ledger, part)
            outcomes += settled.outcomes
            for revision in part:
                ledger.setdefault(revision.number, revision.fingerprint)
    assert outcomes == whole.outcomes
    assert max(ledger) == whole.counted.number
    assert ledger[max(ledger)] == whole.counted.fingerprint


def test_a_conflict_names_the_revision_to_send() -> None:
    problem = conflict_problem(1, 4)
    assert problem.allowed == "revision 5"
    assert "5" in (problem.hint or "")


def test_a_conflict_at_the_last_revision_asks_for_a_new_id() -> None:
    assert "new id" in (conflict_problem(1, MOST_REVISIONS).allowed or "")
