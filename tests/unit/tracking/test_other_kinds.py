"""Shares, absolute amounts and milestones, worked by hand."""

from datetime import date
from fractions import Fraction

import pytest

from services.tracking.evaluation import evaluate
from services.tracking.result import PathPoint, Projection
from tests.unit.tracking.book import KG, Source, anchors, measured, months, part, target

NOTHING = measured()


def kilograms(category: str, *amounts: int, year: int = 2026) -> Source:
    """kg a month."""
    return Source(category, months(year, [amount * KG for amount in amounts]), source=f"/{category}/{year}")


def codes(evaluation) -> list[str]:
    return [reason.code for reason in evaluation.reasons]


# Shares

UNSORTED = target(
    "residual",
    kind="share_max",
    unit="%",
    base_year=None,
    of=[part("residual"), part("paper"), part("glass")],
    anchors=anchors({2026: 40, 2030: 25}),
)


def test_a_share_is_the_sum_over_the_sum():
    # January 10 of 20 kg (50 %), February 30 of 180 kg (17 %): together 40 of 200 kg = 20 %; the mean of the
    # two months would be 33 %. The limit of 2026 is 40 %: D = (20 - 40) / 40.
    known = measured(kilograms("residual", 10, 30), kilograms("paper", 6, 100), kilograms("glass", 4, 50))

    judged = evaluate(UNSORTED, date(2026, 3, 1), known)

    assert (judged.actual, judged.limit, judged.limit_now) == (20, 40, 40)
    assert (judged.drift, judged.band) == (Fraction(-1, 2), "green")
    assert (judged.base, judged.projection) == (None, None)
    assert [(item.category, item.actual, item.budget) for item in judged.contributions] == [
        ("residual", 20, None)
    ]
    assert judged.path == tuple(
        PathPoint(year, None, Fraction(limit))
        for year, limit in [(2026, 40), (2027, "36.25"), (2028, "32.5"), (2029, "28.75"), (2030, 25)]
    )
    assert judged.reasons[0].nl == (
        "Tot en met 28 februari 2026 is het aandeel 20 %; het mag hoogstens 40 % zijn."
    )


@pytest.mark.parametrize(
    ("kind", "share", "drift", "band"),
    # The limit is 40 %; red is more than 5 % of it behind, which is 2 points.
    [
        ("share_max", 40, "0", "green"),
        ("share_max", 42, "0.05", "amber"),
        ("share_max", 43, "0.075", "red"),
        ("share_min", 40, "0", "green"),
        ("share_min", 38, "0.05", "amber"),
        ("share_min", 37, "0.075", "red"),
        ("share_min", 60, "-0.5", "green"),
    ],
)
def test_behind_is_positive_for_both_kinds_of_share(kind, share, drift, band):
    wanted = UNSORTED.model_copy(update={"kind": kind, "of": UNSORTED.of[:2]})
    known = measured(kilograms("residual", share), kilograms("paper", 100 - share))

    judged = evaluate(wanted, date(2026, 2, 1), known)

    assert (judged.actual, judged.drift, judged.band) == (share, Fraction(drift), band)


def test_before_its_only_anchor_a_share_is_shown_without_a_verdict():
    later = UNSORTED.model_copy(update={"anchors": target(anchors=anchors({2030: 25})).anchors})
    known = measured(kilograms("residual", 10), kilograms("paper", 5), kilograms("glass", 5))

    judged = evaluate(later, date(2026, 2, 1), known)

    assert (judged.actual, judged.limit, judged.band) == (50, None, "unknown")
    assert judged.reasons[0].en == "There is no limit for 2026 yet: the first one is for 2030."


def test_a_share_of_nothing_has_no_verdict():
    known = measured(kilograms("residual", 0), kilograms("paper", 0), kilograms("glass", 0))

    judged = evaluate(UNSORTED, date(2026, 2, 1), known)

    assert (judged.actual, judged.band, codes(judged)) == (None, "unknown", ["nothing-measured"])


def test_a_share_with_a_part_of_the_whole_missing_has_no_verdict():
    judged = evaluate(UNSORTED, date(2026, 2, 1), measured(kilograms("residual", 10), kilograms("paper", 30)))

    assert (judged.band, codes(judged)) == ("unknown", ["part-missing"])
    assert [(item.part, item.state) for item in judged.coverage] == [
        ("residual", "measured"),
        ("paper", "measured"),
        ("glass", "missing"),
    ]


def test_nothing_unsorted_at_all_is_within_any_limit():
    none = UNSORTED.model_copy(update={"anchors": target(anchors=anchors({2026: 0})).anchors})
    known = measured(kilograms("residual", 0), kilograms("paper", 10), kilograms("glass", 10))

    judged = evaluate(none, date(2026, 2, 1), known)

    assert (judged.actual, judged.drift, judged.band) == (0, None, "green")


@pytest.mark.parametrize(("december", "outcome"), [(40, "met"), (41, "missed"), (None, "cannot-tell")])
def test_the_outcome_of_a_share(december, outcome):
    final = UNSORTED.model_copy(
        update={"anchors": target(anchors=anchors({2026: 40})).anchors, "of": UNSORTED.of[:2]}
    )
    last = [] if december is None else [december]
    rest = [] if december is None else [100 - december]
    known = measured(
        kilograms("residual", *[40] * 11, *last),
        kilograms("paper", *[60] * 11, *rest),
    )

    judged = evaluate(final, date(2027, 1, 20), known)

    assert judged.outcome == outcome


# Absolute amounts

CAP = target(
    "residual", kind="absolute_max", base_year=None, shape_years=[2024, 2025], anchors=anchors({2026: 1200})
)


def test_an_absolute_amount_follows_the_mean_season_of_the_years_named():
    # S to 1 April: 2024 300 of 1,200 kg, 2025 900 of 1,800 kg: (1/4 + 1/2) / 2 = 3/8. The budget is 450 kg.
    # Measured 480 kg: D = 30/450 = 1/15: red.
    # By season 480 / (3/8) = 1,280 kg; the last twelve months: 9 x 100 + 480 = 1,380 kg.
    known = measured(
        kilograms("residual", *[100] * 12, year=2024),
        kilograms("residual", *[300] * 3, *[100] * 9, year=2025),
        kilograms("residual", 160, 160, 160),
    )

    judged = evaluate(CAP, date(2026, 4, 1), known)

    assert (judged.base, judged.limit, judged.limit_now, judged.actual) == (None, 1200, 450, 480)
    assert (judged.drift, judged.band) == (Fraction(1, 15), "red")
    assert judged.projection == Projection(Fraction(1280), Fraction(1380))


def test_an_absolute_amount_without_a_season_is_judged_when_the_year_is_over():
    free = CAP.model_copy(update={"shape_years": ()})
    known = measured(kilograms("residual", *[101] * 12))

    running = evaluate(free, date(2026, 12, 1), known)
    over = evaluate(free, date(2027, 1, 1), known)

    assert (running.limit, running.limit_now, running.band) == (1200, None, "unknown")
    assert codes(running) == ["no-season"]
    assert (over.limit_now, over.actual, over.drift) == (1200, 1212, Fraction(1, 100))
    assert (over.band, over.outcome) == ("amber", "missed")


def test_a_year_that_is_incomplete_has_no_season_to_follow():
    known = measured(
        kilograms("residual", *[100] * 9, year=2024),
        kilograms("residual", *[300] * 3, *[100] * 9, year=2025),
        kilograms("residual", 160, 160, 160),
    )

    judged = evaluate(CAP, date(2026, 4, 1), known)

    # Only 2025 counts: 1,200 x 900 / 1,800.
    assert judged.limit_now == 600


# Milestones

ROADMAP = {
    "kind": "milestone",
    "unit": "",
    "base_unit": None,
    "base_year": None,
    "anchors": [],
    "due": date(2026, 7, 1),
}


@pytest.mark.parametrize(
    ("on", "done_on", "band", "outcome", "code", "nl"),
    [
        (
            (2026, 6, 1),
            None,
            "unknown",
            "running",
            "milestone-due",
            "Moet op 1 juli 2026 gereed zijn: nog 30 dagen.",
        ),
        (
            (2026, 6, 30),
            None,
            "unknown",
            "running",
            "milestone-due",
            "Moet op 1 juli 2026 gereed zijn: nog 1 dag.",
        ),
        (
            (2026, 7, 1),
            None,
            "unknown",
            "running",
            "milestone-due",
            "Moet op 1 juli 2026 gereed zijn: nog 0 dagen.",
        ),
        (
            (2026, 7, 2),
            None,
            *("red", "missed", "milestone-overdue"),
            "Had op 1 juli 2026 gereed moeten zijn en is dat niet.",
        ),
        (
            (2026, 6, 1),
            date(2026, 5, 20),
            *("green", "met", "milestone-done"),
            "Gereed op 20 mei 2026 (stuurgroep). Bewijs: notulen 12.",
        ),
        (
            (2026, 8, 1),
            date(2026, 7, 20),
            *("green", "met", "milestone-done-late"),
            "Gereed op 20 juli 2026, te laat (stuurgroep). Bewijs: notulen 12.",
        ),
        (
            (2026, 7, 10),
            date(2026, 7, 20),
            *("red", "missed", "milestone-overdue"),
            "Had op 1 juli 2026 gereed moeten zijn en is dat niet.",
        ),
    ],
)
def test_a_milestone_is_due_done_or_overdue(on, done_on, band, outcome, code, nl):
    milestone = target(**ROADMAP, done_on=done_on, who="stuurgroep", evidence="notulen 12")

    judged = evaluate(milestone, date(*on), NOTHING)

    assert (judged.band, judged.outcome) == (band, outcome)
    assert [(reason.code, reason.nl) for reason in judged.reasons] == [(code, nl)]
    assert (judged.actual, judged.limit, judged.completeness) == (None, None, None)
