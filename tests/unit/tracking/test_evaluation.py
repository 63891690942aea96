"""What holds for every evaluation, whatever was measured."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracking.evaluation import evaluate
from services.tracking.measured import Measured
from tests.unit.tracking.book import KG, Source, anchors, measured, months, part, target

amounts = st.lists(st.integers(0, 50), min_size=24, max_size=24)
days = st.integers(0, 364).map(lambda number: date(2026, 1, 1) + timedelta(days=number))
REDUCTION = target("residual", "paper", anchors=anchors({2018: 100, 2026: 70}))
SHARE = target(
    "residual",
    kind="share_max",
    unit="%",
    base_year=None,
    anchors=anchors({2026: 40}),
    of=[part("residual"), part("paper")],
)
kinds = st.sampled_from([REDUCTION, SHARE, SHARE.model_copy(update={"kind": "share_min"})])


def known_of(residual: list[int], paper: list[int]) -> Measured:
    """kg a month of 2018 and of 2026, and 25 kg a month of 2025."""
    return measured(
        *(
            Source(
                category,
                [
                    reading._replace(quantity=reading.quantity * KG)
                    for reading in months(2018, listed[:12])
                    + months(2025, [25] * 12)
                    + months(2026, listed[12:])
                ],
            )
            for category, listed in (("residual", residual), ("paper", paper))
        )
    )


@settings(max_examples=25)
@given(kinds, amounts, amounts, days)
def test_parts_add_up_and_behind_is_positive(judged_target, residual, paper, on):
    judged = evaluate(judged_target, on, known_of(residual, paper))

    if judged.actual is not None:
        assert sum(item.actual for item in judged.contributions) == judged.actual
    if judged.limit_now and all(item.budget is not None for item in judged.contributions):
        assert sum(item.budget for item in judged.contributions) == judged.limit_now
    if judged.limit_now is not None and judged.limit is not None:
        assert 0 <= judged.limit_now <= judged.limit
    if judged.drift is not None:
        gap = judged.actual - judged.limit_now
        assert (judged.drift > 0) == ((gap < 0) if judged_target.kind == "share_min" else (gap > 0))
        assert (judged.band == "green") == (judged.drift <= 0)
    if judged.projection is not None:
        assert judged.projection.low <= judged.projection.high
    assert (judged.band == "unknown") == any(
        reason.code in ("nothing-complete", "nothing-measured", "no-base", "no-budget-yet")
        for reason in judged.reasons
    )


@settings(max_examples=10)
@given(kinds, amounts, amounts, days, st.integers(0, 999))
def test_the_order_of_rows_does_not_matter(judged_target, residual, paper, on, turn):
    known = known_of(residual, paper)
    turned = replace(
        known,
        amounts=[*known.amounts[turn:], *known.amounts[:turn]][::-1],
        sources=known.sources[::-1],
    )

    assert evaluate(judged_target, on, turned) == evaluate(judged_target, on, known)


@settings(max_examples=10)
@given(kinds, amounts, amounts, days)
def test_only_days_before_the_day_count(judged_target, residual, paper, on):
    known = known_of(residual, paper)
    until = replace(
        known,
        amounts=[amount for amount in known.amounts if amount.day < on],
        sources=[
            series._replace(days=tuple(row for row in series.days if row.day < on))
            for series in known.sources
        ],
    )

    assert evaluate(judged_target, on, until) == evaluate(judged_target, on, known)
