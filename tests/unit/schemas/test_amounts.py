import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import (
    LARGEST_BASE_AMOUNT,
    Amount,
    divide_half_even,
    exact_base_units,
    read_amount,
    to_base_units,
)
from schemas.json_text import Number
from schemas.problems import Refusal

EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
plain_numbers = st.from_regex(re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?", re.ASCII), fullmatch=True)


@given(plain_numbers)
def test_every_plain_number_is_read_exactly_and_written_back(text):
    amount = read_amount(text)

    assert Decimal(amount.digits).scaleb(-amount.scale, EXACT) == Decimal(text)
    assert str(amount) == text
    assert read_amount(Number(text)) == amount
    assert amount.is_whole == (Decimal(text) == int(Decimal(text)))


@given(plain_numbers, st.sampled_from([1, 60, 100, 3_600, 3_600_000, 10**6]), plain_numbers)
def test_conversion_rounds_once_half_to_even(text, per_unit, correction):
    exact = EXACT.multiply(EXACT.multiply(Decimal(text), Decimal(per_unit)), Decimal(correction))
    expected = int(EXACT.quantize(exact, Decimal(1)))

    if expected > 10**17:
        with pytest.raises(Refusal):
            to_base_units(read_amount(text), per_unit, read_amount(correction))
    else:
        assert to_base_units(read_amount(text), per_unit, read_amount(correction)) == expected


@pytest.mark.parametrize(
    ("text", "per_unit", "base"),
    [
        ("0", 1, 0),
        ("0.5", 1, 0),
        ("1.5", 1, 2),
        ("2.5", 1, 2),
        ("2.500000001", 1, 3),
        ("0.000000001", 3_600_000_000, 4),
        ("123456789012345.123456789", 100, 12345678901234512),
        ("0.1", 3_600_000, 360_000),
        ("99999999.999999999", 10**9, 99999999999999999),
        ("100000000", 10**9, 10**17),
    ],
)
def test_known_conversions(text, per_unit, base):
    assert to_base_units(read_amount(text), per_unit) == base


@given(
    plain_numbers | st.text("0123456789.-+eE_, \u0663", max_size=20),
    st.sampled_from([1, 60, 100, 3_600_000, 10**6, 3_600_000_000, 10**9]),
)
def test_what_is_read_in_one_step_is_the_same_and_needs_no_rounding(text, per_unit):
    found = exact_base_units(text, per_unit)

    try:
        expected = to_base_units(read_amount(text), per_unit)
    except Refusal:
        assert found is None
    else:
        is_exact = EXACT.multiply(Decimal(text), Decimal(per_unit)) == expected
        assert found == (expected if is_exact else None)


def test_more_than_the_largest_amount_is_refused_with_a_hint():
    with pytest.raises(Refusal) as refusal:
        to_base_units(read_amount("100000000.000000001"), 10**9)

    assert refusal.value.problem == "is too large"
    assert str(LARGEST_BASE_AMOUNT) in refusal.value.allowed
    assert "unit" in refusal.value.hint


def test_the_largest_amount_is_judged_after_rounding():
    assert to_base_units(Amount(10**18 + 4, 1), 1) == 10**17


@pytest.mark.parametrize(
    ("numerator", "denominator", "result"), [(0, 3, 0), (1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 3, 2), (8, 3, 3)]
)
def test_division_half_even(numerator, denominator, result):
    assert divide_half_even(numerator, denominator) == result


@pytest.mark.parametrize(
    ("value", "problem", "hint"),
    [
        ("1.250,5", "decimal comma", "write 1250.5"),
        ("1 250,5", "decimal comma", "write 1250.5"),
        ("1\N{NO-BREAK SPACE}250,5", "decimal comma", "write 1250.5"),
        ("1250,5", "decimal comma", "write 1250.5"),
        ("0,5", "decimal comma", "write 0.5"),
        ("1.250.000", "groups of digits", "write 1250000"),
        ("1'000", "groups of digits", "write 1000"),
        ("1,250.5", "groups of digits", "write 1250.5"),
        ("1,250,000", "groups of digits", "write 1250000"),
        ("1,250", "decimal comma", "write 1.250, or 1250 if the comma groups thousands"),
        ("1_000", "groups of digits", "write 1000"),
        ("007", "begins with a zero", "write 7"),
        ("00.5", "begins with a zero", "write 0.5"),
        ("12 kg", "not a plain number", "the unit goes into its own field"),
        ("12,5kg", "not a plain number", "the unit goes into its own field"),
        ("-5", "is negative", "higher revision"),
        ("\N{MINUS SIGN}5", "is negative", "higher revision"),
        (Number("-5"), "-5 is negative", "higher revision"),
        (Number("-0"), "-0 is negative", "higher revision"),
        (Number("-1e5"), "is negative", "higher revision"),
        (-5, "-5 is negative", "higher revision"),
        ("NaN", "not a number", "leave a missing reading out"),
        ("inf", "not a number", "leave a missing reading out"),
        ("-Infinity", "is negative", "higher revision"),
        ("1e400", "has an exponent", "write all digits"),
        (Number("1e400"), "1e400 has an exponent", "write all digits"),
        (Number("1E2"), "1E2 has an exponent", "write all digits"),
        ("2.5e-3", "has an exponent", "write all digits"),
        ("\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}", "digits of another script", "0 to 9"),
        ("\N{FULLWIDTH DIGIT FIVE}", "digits of another script", "0 to 9"),
        ("5\N{SUPERSCRIPT TWO}", "digits of another script", "0 to 9"),
        ("1" * 30, "has too many digits", None),
        (Number("1" * 30), "has too many digits", None),
        ("1000000000000000", "has too many digits", None),
        (10**15, "has too many digits", None),
        ("0.1234567890", "has too many digits", None),
        (" 5 ", "has spaces around it", None),
        ("5\n", "has spaces around it", None),
        ("", "not a plain number", None),
        ("+5", "not a plain number", None),
        (".5", "not a plain number", None),
        ("5.", "not a plain number", None),
        ("n.v.t.", "not a plain number", None),
        ("0x10", "not a plain number", "the unit goes into its own field"),
        (True, "True is not an amount", None),
        (None, "None is not an amount", None),
        ([5], "an array is not an amount", None),
        ({"value": 5}, "an object is not an amount", None),
        (5.0, "not an amount", None),
    ],
)
def test_what_is_no_amount_says_what_to_write(value, problem, hint):
    with pytest.raises(Refusal) as refusal:
        read_amount(value)

    assert problem in refusal.value.problem
    assert "15 digits before and 9 after" in refusal.value.allowed
    assert (refusal.value.hint is None) == (hint is None)
    assert hint is None or hint in refusal.value.hint


@pytest.mark.parametrize("value", ["1" * 100_000, "1.250," + "5" * 100_000, "9" * 5_000 + "kg"])
def test_a_long_text_is_refused_in_few_words(value):
    with pytest.raises(Refusal) as refusal:
        read_amount(value)

    assert len(refusal.value.problem) < 120
