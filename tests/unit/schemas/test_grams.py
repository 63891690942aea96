"""kg CO2e to the gram, and differences whose two parts add up."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.grams import grams_text, kilograms, split_difference, whole_grams

EXACT = st.fractions(-(10**9), 10**9, max_denominator=10**7)


@given(EXACT)
def test_grams_are_rounded_once_half_to_even(value):
    expected = Decimal(value.numerator * 1000) / Decimal(value.denominator)
    if Decimal(value.denominator) * expected == value.numerator * 1000:  # the decimal is exact
        assert whole_grams(value) == int(expected.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert abs(whole_grams(value) - value * 1000) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("grams", "text"), [(0, "0.000"), (5, "0.005"), (-5, "-0.005"), (-12345, "-12.345"), (1000, "1.000")]
)
def test_grams_as_kilograms(grams, text):
    assert grams_text(grams) == text
    assert kilograms(Fraction(grams, 1000)) == text


@given(EXACT, EXACT, EXACT)
def test_the_parts_add_up_to_the_difference_of_what_is_shown(before, activity, factors):
    after = before + activity + factors

    parts = split_difference(before, after, activity, factors)

    assert sum(parts) == whole_grams(after) - whole_grams(before)
    assert abs(parts.activity - 1000 * activity) < 2
    assert abs(parts.factors - 1000 * factors) < 2


@given(EXACT, EXACT)
def test_what_plays_no_part_has_none(before, change):
    assert split_difference(before, before + change, change, Fraction()).factors == 0
    if change:
        assert split_difference(before, before + change, Fraction(), change).activity == 0


def test_parts_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="are not 1"):
        split_difference(Fraction(1), Fraction(2), Fraction(1), Fraction(1, 1000))
