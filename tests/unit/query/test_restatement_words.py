"""Restatements in sentences."""

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

from services.query.restatement_words import in_words
from services.store.publications import Change, Compared, Publication, RowKey

NOW = datetime(2026, 5, 1, tzinfo=UTC)
REPORT = Publication(
    1,
    "the quarterly report",
    date(2026, 1, 1),
    date(2026, 4, 1),
    None,
    NOW,
    1,
    date(2026, 4, 3),
    "board",
    "",
    NOW,
    "somebody",
)
MARCH = RowKey(date(2026, 3, 1), "waste", None, None, None, None, None, "mg")
PAPER = MARCH._replace(category="paper")
SAME = Compared(1000, 1, 1000, 1, Fraction(1), Fraction(1), Fraction(), Fraction())


def words(row, *causes, key=MARCH, bucket="month", publication=REPORT):
    return in_words(publication, key, bucket, row, causes, "kg", 1)


def test_what_the_board_hears():
    nl, en = words(SAME._replace(quantity=1012), Change("late", 14, 12))

    assert en == (
        "Waste, March 2026: +1.2 % since the quarterly report of 3 April 2026, because of 14 late readings."
    )
    assert nl == (
        "Afval, maart 2026: +1,2 % sinds the quarterly report van 3 april 2026, door 14 late metingen."
    )


def test_the_largest_cause_comes_first():
    causes = Change("corrected", 1, 5), Change("new", 2, 3), Change("retracted", 3, -208)

    assert words(SAME._replace(quantity=800), *causes).en == (
        "Waste, March 2026: −20 % since the quarterly report of 3 April 2026, "
        "because of 3 retracted readings, 1 corrected reading and 2 new readings."
    )


def test_nothing_then_or_nothing_now():
    assert (
        "March 2026: 7 kg where nothing was reported since"
        in words(SAME._replace(then_quantity=0, quantity=7), Change("late", 1, 7)).en
    )
    assert (
        "maart 2026: niets meer in plaats van 1.000 kg sinds"
        in words(SAME._replace(quantity=0), Change("retracted", 1, -1000)).nl
    )


def test_other_factors_alone():
    row = SAME._replace(reported=Fraction(100), current=Fraction(153), factors=Fraction(53))

    assert words(row, key=PAPER).en == (
        "Paper, March 2026: the same amount since the quarterly report of 3 April 2026; "
        "CO2e +53 % because of other factors."
    )


def test_of_co2e_the_whole_change_and_then_what_made_it():
    row = SAME._replace(
        quantity=1099,
        reported=Fraction(1000),
        current=Fraction(1157),
        activity=Fraction(99),
        factors=Fraction(58),
    )

    nl, en = words(row, Change("corrected", 1, 99), key=PAPER)

    assert en == (
        "Paper, March 2026: +9.9 % since the quarterly report of 3 April 2026, "
        "because of 1 corrected reading; "
        "CO2e +15.7 %: +9.9 % because of other amounts, +5.8 % because of other factors."
    )
    assert nl.endswith(
        "door 1 gecorrigeerde meting; "
        "CO2e +15,7 %: +9,9 % door andere hoeveelheden, +5,8 % door andere factoren."
    )


def test_the_parts_of_the_change_in_co2e_add_up():
    row = SAME._replace(quantity=1100, reported=Fraction(10_000))

    def co2e(activity, factors):
        now = 10_000 + Fraction(activity) + Fraction(factors)
        changed = row._replace(current=now, activity=Fraction(activity), factors=Fraction(factors))
        return words(changed, key=PAPER).en.partition("; ")[2]

    # 0.46 % and 0.56 % are 1.02 %; of what is not seen in one decimal only the sign is said.
    assert co2e(46, 56) == "CO2e +1 %: +0.5 % because of other amounts, +0.5 % because of other factors."
    assert co2e(-100, 100) == ("CO2e the same: −1 % because of other amounts, +1 % because of other factors.")
    assert co2e(1000, -1) == (
        "CO2e +10 %: +10 % because of other amounts, less than −0.1 % because of other factors."
    )


def test_what_and_when():
    year = replace(REPORT, from_day=date(2025, 1, 1))
    feed_in = RowKey(date(2025, 1, 1), "energy", "electricity", "keuken", None, "feed-in", None, "J")
    more = SAME._replace(quantity=1100)

    assert words(more, key=feed_in, bucket="year", publication=year).en.startswith(
        "Electricity, feed-in, keuken, 2025: +10 % since"
    )
    assert words(more, key=feed_in, bucket="all", publication=year).nl.startswith(
        "Elektriciteit, teruglevering, keuken, 1 januari 2025 tot en met 31 maart 2026: +10 % sinds"
    )
