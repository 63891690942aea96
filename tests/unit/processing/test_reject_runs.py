"""When rejects become too many."""

from hypothesis import given
from hypothesis import strategies as st

from services.processing.reject_runs import Limits, RejectRun

LIMITS = Limits(in_a_row=5, share=0.5, window=20)


def test_so_many_in_a_row_and_not_one_less() -> None:
    run = RejectRun(LIMITS)
    assert run.follow([True] * 4) is None
    assert run.follow([False]) is None
    assert run.follow([True] * 4) is None
    assert run.follow([True]) == "5 rejects in a row"
    assert run.follow([True] * 4) is None  # counted anew


def test_a_share_of_a_window() -> None:
    run = RejectRun(LIMITS)
    assert run.follow([True, False] * 9) is None
    assert run.follow([True]) == "10 rejects among the last 19 events"
    few = RejectRun(LIMITS)
    assert few.follow([True, False, False] * 100) is None


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 200))
def test_how_records_come_together_does_not_matter(rejected: list[bool], size: int) -> None:
    def alarms(parts: list[list[bool]]) -> int:
        run = RejectRun(LIMITS)
        return sum(run.follow(part) is not None for part in parts)

    one_by_one = alarms([[item] for item in rejected])
    in_parts = alarms([rejected[start : start + size] for start in range(0, len(rejected), size)])
    assert (in_parts > 0) == (one_by_one > 0)
    assert in_parts <= one_by_one
