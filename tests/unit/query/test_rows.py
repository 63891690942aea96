"""How exact amounts are shown."""

import json
from fractions import Fraction

import pytest

from schemas.json_text import Number, write_json
from services.query.totals import decimal_text, display_unit


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (Fraction(0), 3, "0.000"),
        (Fraction(1, 3), 6, "0.333333"),
        (Fraction(5, 10_000), 3, "0.000"),
        (Fraction(15, 10_000), 3, "0.002"),
        (Fraction(25, 10_000), 3, "0.002"),
        (Fraction(25_000_001, 10**10), 3, "0.003"),
        (Fraction(999_9995, 10_000), 3, "1000.000"),
        (Fraction(10**40 + 1, 2), 3, "5000000000000000000000000000000000000000.500"),
    ],
)
def test_a_value_is_rounded_once_half_to_even(value, decimals, text):
    assert decimal_text(value, decimals) == text


@pytest.mark.parametrize(
    ("base_unit", "category", "unit"),
    [
        ("J", None, "kWh"),
        ("J", "electricity", "kWh"),
        ("J", "district-heat", "GJ"),
        ("ml_n", "natural-gas", "Nm3"),
        ("ml", "diesel", "l"),
        ("mg", "residual", "kg"),
        ("cent", "district-heat", "EUR"),
        ("piece", None, "piece"),
        ("1", "operations", "1"),
        ("mm", "commuting", "mm"),
    ],
)
def test_display_units(base_unit, category, unit):
    assert display_unit(base_unit, category) == unit


def test_json_text_keeps_every_digit_of_a_number():
    value = {"é\n": [Number("12345678901234567890.123456"), "12", None, True, 7], "empty": {}, "list": []}

    text = write_json(value)

    assert text == r'{"é\n":[12345678901234567890.123456,"12",null,true,7],"empty":{},"list":[]}'
    assert json.loads(text, parse_float=Number) == value
