"""Each rule on what it is for, and on what it must leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import DAY, HOUR
from schemas.odd_values import EQUAL_DAYS, FEWEST, MOST_KEPT, RISING, Entry, Series, Usual, flags_of

KG = 1_000_000
WASTE = Series("a4", "/scale", "waste", "residual", "", "main", "mg", "day", "")
MONTHS = WASTE._replace(span="month")


def usual(*amounts, step=DAY, length=DAY, **changes):
    entries = [
        Entry(place * step, place * step + length, amount, str(place)) for place, amount in enumerate(amounts)
    ]
    return Usual([entry._replace(**changes) for entry in entries])


def rule(series, entry, own, team=None, method="weighed"):
    flag = flags_of(series, entry, method, own, team or Usual())
    return flag and flag.rule


def next_entry(own, amount, step=DAY):
    start = len(own.entries) * step
    return Entry(start, start + step, amount, "new")


BAGS = [kilos * KG for kilos in (12, 9, 15, 11, 14, 10)]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (12_000 * KG, "unit"),
        (5_000 * KG, "unit"),
        (12 * KG // 1000, "unit"),
        (200_000 * KG, "far-above-usual"),
        (120 * KG, None),
        (1 * KG, None),
        (0, None),
    ],
)
def test_a_thousand_times_too_much_or_too_little(amount, expected):
    own = usual(*BAGS)
    assert rule(WASTE, next_entry(own, amount), own) == expected


def test_what_is_usual_takes_some_readings_and_else_those_of_the_team():
    few = usual(*BAGS[: FEWEST - 1])
    odd = next_entry(few, 12_000 * KG)
    assert rule(WASTE, odd, few) is None
    assert rule(WASTE, odd, few, usual(*BAGS)) == "unit"


def test_money_and_pieces_have_no_units_a_thousand_apart():
    own = usual(*[1000] * 2, *[1200] * 4)
    cents = WASTE._replace(unit="cent")
    assert rule(cents, next_entry(own, 900_000), own) is None
    assert rule(cents, next_entry(own, 1_300_000), own) == "far-above-usual"


def test_what_is_odd_does_not_become_usual_until_it_is_most_of_what_comes():
    own = usual(*BAGS)
    flagged = []
    for _ in range(40):
        entry = next_entry(own, 12_000 * KG + len(own.entries))
        found = rule(WASTE, entry, own)
        flagged.append(found)
        own.add(entry._replace(odd=found or ""))
    assert flagged[0] == flagged[10] == "unit"
    assert flagged[-1] is None


def test_a_counter_is_told_from_amounts_once_in_a_run():
    own = usual(*[100_000 * KG + place * 10 * KG for place in range(RISING["day"] - 1)])
    entry = next_entry(own, own.entries[-1].amount + KG)
    assert rule(WASTE, entry, own) == "counter"
    own.add(entry._replace(odd="counter"))
    assert rule(WASTE, next_entry(own, entry.amount + KG), own) is None


def test_amounts_that_fall_once_are_no_counter():
    amounts = [100 * KG + place * KG for place in range(RISING["day"] - 1)]
    amounts[5] = 90 * KG
    own = usual(*amounts)
    assert rule(WASTE, next_entry(own, 200 * KG), own) is None


def test_what_grows_steadily_is_no_counter():
    own = Usual()
    for week in range(30):  # from 40 kg to 55 kg in the first ten
        entry = Entry(week * 7 * DAY, (week + 1) * 7 * DAY, (120 + week * 5) * KG // 3, str(week))
        assert rule(MONTHS, entry, own) is None
        own.add(entry)


def test_the_same_month_under_a_new_id():
    own = usual(5 * KG, 6 * KG, step=31 * DAY, length=31 * DAY)
    again = own.entries[1]._replace(id="new", amount=7 * KG)
    assert rule(MONTHS, again, own) == "same-period"
    assert rule(MONTHS, again._replace(end=again.end - DAY), own) is None
    two_each_month = Usual([*own.entries, own.entries[0]._replace(id="other")])
    assert rule(MONTHS, again, two_each_month) is None
    assert rule(WASTE, again, own) is None


def test_many_months_under_new_ids_are_all_flagged():
    own = usual(*[5 * KG + place for place in range(12)], step=31 * DAY, length=31 * DAY)
    for place, entry in enumerate(list(own.entries)):
        again = entry._replace(id=f"again {place}")
        assert rule(MONTHS, again, own) == "same-period"
        own.add(again._replace(odd="same-period"))


@pytest.mark.parametrize(
    ("amount", "method", "days", "expected"),
    [
        (12 * KG, "weighed", EQUAL_DAYS - 1, "equal-days"),
        (12 * KG, "estimated", EQUAL_DAYS - 1, None),
        (12 * KG, "weighed", EQUAL_DAYS - 2, None),
        (0, "weighed", EQUAL_DAYS - 1, None),
    ],
)
def test_every_day_equal(amount, method, days, expected):
    own = usual(*[amount] * days)
    assert rule(WASTE, next_entry(own, amount), own, method=method) == expected


@pytest.mark.parametrize(
    ("unit", "amount", "expected"),
    [("piece", 1, None), ("piece", 9, None), ("piece", 10, "equal-days"), ("1", 3, None), ("cent", 12, None)],
)
def test_so_few_pieces_are_often_equal_and_so_is_what_they_cost(unit, amount, expected):
    own = usual(*[amount] * (EQUAL_DAYS - 1))
    assert rule(WASTE._replace(unit=unit), next_entry(own, amount), own) == expected


def test_equal_bags_of_one_day_are_not_equal_days():
    own = usual(*[12 * KG] * 10, step=HOUR, length=0)
    moments = WASTE._replace(span="moment")
    assert rule(moments, Entry(11 * HOUR, 11 * HOUR, 12 * KG, "new"), own) is None


@given(st.lists(st.integers(0, 10**17), max_size=90), st.integers(0, 10**17), st.sampled_from(sorted(RISING)))
def test_any_amounts_have_an_answer_and_only_the_newest_are_kept(amounts, amount, span):
    own = Usual()
    for place, item in enumerate(amounts):
        own.add(Entry(place, place, item, str(place)))
    assert [entry.start for entry in own.entries] == list(range(len(amounts)))[-MOST_KEPT:]
    flag = flags_of(WASTE._replace(span=span), Entry(100, 200, amount, "new"), "", own, own)
    assert flag is None or flag.as_dict()["reason"]["nl"]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9), st.integers(0, 3), st.sampled_from(["", "unit", "counter"]), st.booleans()
        ),
        max_size=300,
    )
)
def test_what_is_usual_is_the_same_whenever_it_is_asked_for(steps):
    kept = Usual()
    for number, (start, amount, odd, again) in enumerate(steps):
        name = str(number - start if again else number)
        kept.remove(name)
        kept.add(Entry(number * HOUR - start, number * HOUR, amount, name, odd))
        assert kept.amounts == Usual(list(kept.entries)).amounts
        assert len(kept.entries) == len({entry.id for entry in kept.entries}) <= MOST_KEPT
