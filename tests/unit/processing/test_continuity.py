"""Whether a log holds what is to be counted next."""

from services.processing.continuity import mismatch


def test_a_log_is_read_on_from_every_place_that_it_holds() -> None:
    assert [mismatch(offset, 5, 9) for offset in range(5, 10)] == [None] * 5
    assert mismatch(1000, 5, None) is None  # where the end is not known


def test_records_that_were_dropped_before_they_were_counted_are_told() -> None:
    assert "the log begins at 5: at most 2 records were dropped" in str(mismatch(3, 5, 9))
    assert "at most 5 records were dropped" in str(mismatch(0, 5, None))


def test_a_log_that_ends_too_early_is_another_one() -> None:
    assert "the topic was made anew" in str(mismatch(10, 5, 9))
