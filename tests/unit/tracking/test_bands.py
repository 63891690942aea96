from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.bands import START, AlertState, PeriodEnd, alert_state, next_told, period_ends
from services.tracking.comparison import band_of
from tests.unit.tracking.book import KG, Source, anchors, measured, months, target

# Amber above 0, red above 5 %; entered after two month ends, left after two at 2 points below the threshold.
TARGET = target("residual")
SEVERITY = {"green": 0, "amber": 1, "red": 2}
UNKNOWN = "unknown"


def ends(*drifts: object, final: int | None = None) -> list[PeriodEnd]:
    """Month ends from February 2025 on with these drifts in %; `final`: which of them is of a whole year."""
    listed = []
    for number, drift in enumerate(drifts):
        on = date(2025 + (number + 1) // 12, (number + 1) % 12 + 1, 1)
        if drift == UNKNOWN:
            listed.append(PeriodEnd(on, "unknown", None, False))
        else:
            ratio = Fraction(str(drift)) / 100
            listed.append(PeriodEnd(on, band_of(TARGET, 1 + ratio, Fraction(1)), ratio, number == final))
    return listed


def states(listed: list[PeriodEnd]) -> list[str]:
    return [alert_state(TARGET, listed[:number]).band for number in range(len(listed) + 1)]


@pytest.mark.parametrize(
    ("drifts", "band", "since"),
    [
        ([], "green", None),
        ([3], "green", None),
        ([3, -1, 3], "green", None),
        ([3, 3], "amber", date(2025, 2, 1)),
        # One red and one amber month end are two at amber or worse.
        ([9, 3], "amber", date(2025, 2, 1)),
        ([3, 9, 9], "red", date(2025, 3, 1)),
        # A month that is not complete is skipped: it neither counts nor interrupts.
        ([9, UNKNOWN, 9], "red", date(2025, 2, 1)),
        ([9, 9, UNKNOWN, UNKNOWN], "red", date(2025, 2, 1)),
        # Red is left at 3 % or less, amber at -2 % or less, each two month ends long.
        ([9, 9, 4, 4, 4], "red", date(2025, 2, 1)),
        ([9, 9, 3], "red", date(2025, 2, 1)),
        ([9, 9, 3, 9, 3], "red", date(2025, 2, 1)),
        ([9, 9, 3, 3], "amber", date(2025, 2, 1)),
        ([9, 9, -2, -2], "green", date(2025, 4, 1)),
        ([9, 9, -2, UNKNOWN, -2], "green", date(2025, 4, 1)),
        ([3, 3, -1, -1, -1], "amber", date(2025, 2, 1)),
        ([3, 3, -2, -2], "green", date(2025, 4, 1)),
    ],
)
def test_a_band_is_entered_and_left_with_hysteresis(drifts, band, since):
    assert alert_state(TARGET, ends(*drifts)) == AlertState(band, since)


def test_the_final_verdict_of_a_year_enters_at_once():
    assert alert_state(TARGET, ends(-9, -9, 9, final=2)) == AlertState("red", date(2025, 4, 1))
    assert alert_state(TARGET, ends(-9, -9, 3, final=2)) == AlertState("amber", date(2025, 4, 1))


def test_the_counts_are_the_targets_own():
    patient = TARGET.model_copy(update={"enter_after": 3, "leave_after": 1})

    assert alert_state(patient, ends(9, 9)).band == "green"
    assert alert_state(patient, ends(9, 9, 9)).band == "red"
    assert alert_state(patient, ends(9, 9, 9, -9)).band == "green"


RED = AlertState("red", date(2025, 3, 1))


def told(listed, before=START, now=None):
    known = [end.band for end in listed if end.band != UNKNOWN]
    return next_told(TARGET, listed, before, now or (known[-1] if known else UNKNOWN))


@pytest.mark.parametrize(
    ("drifts", "band"),
    [
        # The months that led to red are taken back, all of them or all but one: nothing says that it is over.
        ([1, UNKNOWN, UNKNOWN, UNKNOWN], "red"),
        ([1, 9, UNKNOWN, UNKNOWN], "red"),
        # They are posted anew, and were not that bad: clear of red by 2 points, of amber too.
        ([1, 1, 1, UNKNOWN], "amber"),
        ([-2, -2, -2], "green"),
        ([4, 4, 4], "red"),
        # A correction before them leaves them as they are.
        ([UNKNOWN, 9, 9], "red"),
    ],
)
def test_what_was_told_is_left_on_evidence_only(drifts, band):
    assert told(ends(*drifts), RED).band == band


def test_a_final_verdict_is_evidence():
    assert told(ends(UNKNOWN, -2, final=1), RED).band == "green"


@pytest.mark.parametrize(
    ("now", "band"), [("red", "red"), ("amber", "amber"), ("green", "green"), (UNKNOWN, "green")]
)
def test_nobody_is_told_of_what_is_over_or_not_complete_today(now, band):
    assert told(ends(9, 9), START, now).band == band


@given(
    st.lists(st.integers(-15, 15), min_size=2, max_size=12),
    st.lists(st.lists(st.integers(-99, 99), min_size=12, max_size=12), max_size=6),
)
def test_corrections_within_the_margin_are_told_once(listed, corrections):
    around = [0 if drift < 3 else 5 for drift in listed]
    state, seen = START, []
    for correction in corrections:
        swings = [middle + swing / 100 for middle, swing in zip(around, correction, strict=False)]
        state = told(ends(*swings), state)
        seen.append(SEVERITY[state.band])

    assert seen == sorted(seen)


drifts = st.lists(st.one_of(st.just(UNKNOWN), st.integers(-15, 15)), max_size=24)


@given(drifts)
def test_judging_again_changes_nothing_and_no_order_matters(listed):
    all_ends = ends(*listed)

    assert alert_state(TARGET, all_ends) == alert_state(TARGET, all_ends)
    assert alert_state(TARGET, all_ends[::-1]) == alert_state(TARGET, all_ends)


@given(drifts, st.sets(st.integers(0, 23)))
def test_taking_months_back_and_posting_them_again_tells_nothing_new(listed, taken_back):
    before = ends(*listed)
    without = [
        end._replace(band="unknown", drift=None) if number in taken_back else end
        for number, end in enumerate(before)
    ]
    at_first = told(before)

    meanwhile = told(without, at_first, UNKNOWN)

    if not [end for end in without if end.band != UNKNOWN and at_first.since and end.on >= at_first.since]:
        assert meanwhile == at_first


@given(drifts)
def test_incomplete_month_ends_change_nothing(listed):
    all_ends = ends(*listed)

    for number in range(len(all_ends) + 1):
        so_far = all_ends[:number]
        complete = [end for end in so_far if end.band != UNKNOWN]
        assert alert_state(TARGET, so_far) == alert_state(TARGET, complete)


@given(drifts)
def test_two_bad_month_ends_are_never_lost(listed):
    complete = [end for end in ends(*listed) if end.band != UNKNOWN]
    if len(complete) >= 2:
        at_least = min(SEVERITY[end.band] for end in complete[-2:])
        assert SEVERITY[alert_state(TARGET, complete).band] >= at_least


@given(st.lists(st.integers(-199, 199), max_size=24), st.sampled_from([0, 5]))
def test_what_swings_around_a_threshold_by_less_than_the_margin_never_flaps(hundredths, threshold):
    swings = [threshold + Fraction(swing, 100) for swing in hundredths]

    seen = [SEVERITY[state] for state in states(ends(*map(float, swings)))]

    assert seen == sorted(seen)


@given(drifts)
def test_a_worse_band_takes_two_month_ends_and_so_does_a_better_one(listed):
    complete = [end for end in ends(*listed) if end.band != UNKNOWN]
    found = states(complete)

    for number, (before, after) in enumerate(pairwise(found)):
        if SEVERITY[after] > SEVERITY[before]:
            assert number >= 1
            assert all(SEVERITY[end.band] >= SEVERITY[after] for end in complete[number - 1 : number + 1])
        elif after != before:
            threshold = Fraction(5, 100) if before == "red" else Fraction(0)
            assert number >= 1
            assert all(end.drift <= threshold - Fraction(2, 100) for end in complete[number - 1 : number + 1])


# From measurements


def kilograms(*amounts: int, year: int, first: int = 1) -> Source:
    return Source("residual", months(year, [amount * KG for amount in amounts], first), source=f"/{year}")


FLAT = target("residual", anchors=anchors({2018: 100, 2025: 80, 2026: 75}))
BASE = kilograms(*[100] * 12, year=2018)


def test_the_month_ends_of_two_years():
    # Allowed a month: 80 kg in 2025, 75 kg in 2026.
    known = measured(
        BASE,
        kilograms(*[76] * 12, year=2024),
        kilograms(*[76] * 11, 124, year=2025),
        kilograms(*[78] * 10, year=2026),
    )

    found = period_ends(FLAT, date(2026, 11, 22), known)

    assert [end.on for end in found] == [
        *(date(2025, month, 1) for month in range(2, 13)),
        *(date(2026, month, 1) for month in range(1, 12)),
    ]
    # 2025 came to 11 x 76 + 124 = 960 kg, which is its limit; 2026 is 4 % over it.
    assert [(end.band, end.drift, end.final) for end in found] == [
        *[("green", Fraction(-5, 100), False)] * 11,
        ("green", Fraction(0), True),
        *[("amber", Fraction(4, 100), False)] * 10,
    ]
    assert alert_state(FLAT, found) == AlertState("amber", date(2026, 2, 1))


def test_the_same_month_does_not_count_twice_while_the_next_one_is_to_come():
    # January 2026 is 10 % over; February's invoice is not in: on 1 March there is no second month end.
    known = measured(BASE, kilograms(*[75] * 12, year=2025), kilograms(88, year=2026))

    found = period_ends(FLAT, date(2026, 3, 20), known)

    assert [end.band for end in found[-2:]] == ["red", "unknown"]
    assert alert_state(FLAT, found).band == "green"


def test_a_year_of_which_only_the_total_is_known_is_told_at_once():
    of_a_year = target("residual", anchors=anchors({2018: 100, 2025: 80, 2026: 75}))
    base = Source("residual", [months(2018, [1])[0]._replace(end=date(2019, 1, 1), quantity=1200 * KG)])
    year = months(2025, [1])[0]._replace(end=date(2026, 1, 1), quantity=1100 * KG)
    known = measured(base, Source("residual", [year], source="/2025"))

    found = period_ends(of_a_year, date(2026, 2, 1), known)

    assert [end.band for end in found] == [*["unknown"] * 11, "red", "unknown"]
    assert alert_state(of_a_year, found) == AlertState("red", date(2026, 1, 1))


def test_a_correction_that_clears_a_month_clears_what_it_led_to():
    over = [BASE, kilograms(*[75] * 12, year=2025)]
    wrong = measured(*over, kilograms(75, 99, 75, year=2026))
    right = measured(*over, kilograms(75, 66, 75, year=2026))
    on = date(2026, 4, 1)

    assert alert_state(FLAT, period_ends(FLAT, on, wrong)).band == "red"
    assert alert_state(FLAT, period_ends(FLAT, on, right)).band == "green"


def test_more_years_than_are_needed_change_nothing():
    needed = [BASE, kilograms(*[70] * 12, year=2024), kilograms(*[75] * 12, year=2025)]
    more = [kilograms(*[999] * 12, year=2022), kilograms(*[999] * 12, year=2027)]
    on = date(2026, 4, 1)
    year = kilograms(75, 99, 75, year=2026)

    assert period_ends(FLAT, on, measured(*needed, year, *more)) == period_ends(
        FLAT, on, measured(*needed, year)
    )


def test_the_fixed_factor_and_not_the_order_of_rows_decides():
    known = measured(BASE, kilograms(*[75] * 12, year=2025), kilograms(75, 99, 75, year=2026))
    turned = replace(known, amounts=known.amounts[::-1], sources=known.sources[::-1])

    assert period_ends(FLAT, date(2026, 4, 1), turned) == period_ends(FLAT, date(2026, 4, 1), known)


def test_month_ends_before_a_target_is_in_force_do_not_count():
    new = FLAT.model_copy(update={"valid_from": date(2026, 2, 1)})
    known = measured(BASE, kilograms(*[75] * 12, year=2025), kilograms(75, 99, 75, year=2026))

    assert [end.on for end in period_ends(new, date(2026, 4, 1), known)] == [
        date(2026, 2, 1),
        date(2026, 3, 1),
        date(2026, 4, 1),
    ]


def test_a_milestone_is_told_when_it_is_overdue_and_let_go_when_it_is_done():
    roadmap = target(
        kind="milestone",
        unit="",
        base_unit=None,
        base_year=None,
        anchors=[],
        due=date(2026, 7, 1),
    )
    done = roadmap.model_copy(update={"done_on": date(2026, 9, 15)})

    late = alert_state(roadmap, period_ends(roadmap, date(2026, 8, 1), measured()))
    assert late == AlertState("red", date(2026, 8, 1))
    found = period_ends(done, date(2026, 11, 1), measured())
    assert alert_state(done, found) == AlertState("green", date(2026, 10, 1))
    assert alert_state(roadmap, period_ends(roadmap, date(2029, 8, 1), measured())).band == "red"
    at_last = roadmap.model_copy(update={"done_on": date(2028, 2, 10)})
    assert alert_state(at_last, period_ends(at_last, date(2028, 2, 1), measured())).band == "red"
    assert alert_state(at_last, period_ends(at_last, date(2028, 6, 1), measured())).band == "green"
