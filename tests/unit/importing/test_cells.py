import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import read_amount
from schemas.problems import Refusal
from services.importing.cells import amount_text, read_local, read_number, text_of
from services.importing.profile import AmountRule, TimeRule
from services.importing.tables import Cell

PLAIN = AmountRule()
DUTCH = AmountRule(decimal=",", thousands=".")
FORMATS = TimeRule(columns=("x",)).formats


@pytest.mark.parametrize(
    ("cell", "rule", "expected"),
    [
        ("1250.5", PLAIN, "1250.5"),
        ("1.250,5", DUTCH, "1250.5"),
        ("1.250", DUTCH, "1250"),
        ("1250,5", DUTCH, "1250.5"),
        (" 12,50 ", DUTCH, "12.5"),
        ("\u00a012\u00a0", PLAIN, "12"),
        ("12 345,5", AmountRule(decimal=",", thousands=" "), "12345.5"),
        ("12\u202f345,5", AmountRule(decimal=",", thousands=" "), "12345.5"),
        ("2.9e-05", PLAIN, "0.000029"),
        (1250.5, DUTCH, "1250.5"),
        (0.1, PLAIN, "0.1"),
        (1e-7, PLAIN, "0.0000001"),
        (1e16, PLAIN, "10000000000000000"),
    ],
)
def test_a_number_is_read_as_the_profile_writes_it(cell: Cell, rule: AmountRule, expected: str) -> None:
    assert amount_text(read_number(cell, rule)) == (expected, False)


@pytest.mark.parametrize(
    ("cell", "rule", "hint"),
    [
        ("1.250,5", PLAIN, "reads '.' as the decimal sign"),
        ("12.5", DUTCH, "reads ',' as the decimal sign"),
        ("1.2500", DUTCH, "reads ',' as the decimal sign"),
        ("12 kg", PLAIN, "only the number"),
        ("1_000", PLAIN, "only the number"),
        ("\u0661\u0662", PLAIN, None),
        ("#DIV/0!", PLAIN, None),
        ("1e400", PLAIN, "only the number"),
        ("1" * 5000, PLAIN, None),
        (dt.date(2026, 2, 1), PLAIN, "formatted as a date"),
        (True, PLAIN, "formatted as a date"),
    ],
)
def test_anything_else_is_refused_with_a_hint(cell: Cell, rule: AmountRule, hint: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        read_number(cell, rule)

    assert refused.value.allowed
    assert (hint or "") in (refused.value.hint or "")


@given(st.integers(0, 10**24), st.integers(0, 20))
def test_an_amount_is_rounded_once_half_to_even(digits: int, scale: int) -> None:
    exact = Decimal(digits).scaleb(-scale)

    text, rounded = amount_text(Fraction(exact))

    nine = Decimal(text)
    assert abs(nine - exact) <= Decimal("0.5e-9")
    assert nine == exact.quantize(Decimal("1e-9")) if scale > 9 else nine == exact
    assert rounded == (nine != exact)
    if nine < 10**15:
        assert Decimal(str(read_amount(text))) == nine


@given(st.floats(0, 1e12, allow_nan=False))
def test_a_number_of_a_spreadsheet_is_its_shortest_decimal(value: float) -> None:
    assert read_number(value, DUTCH) == Fraction(Decimal(repr(value)))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05", "05-03-2026", "5-3-2026", "05/03/2026", "5.3.2026", "5 maart 2026", "5 mrt 2026",
        "do 5 mrt. 2026", "donderdag 5 maart 2026", "05-mrt-2026", "5 March 2026", "05-03-26", "20260305",
    ],
)  # fmt: skip
def test_a_date_may_be_written_in_many_ways(text: str) -> None:
    assert read_local([text], FORMATS) == dt.datetime.fromisoformat("2026-03-05")


@pytest.mark.parametrize(
    "cells",
    [
        ["05-03-2026 14:30"],
        ["2026-03-05T14:30:00"],
        ["05-03-2026", "14:30"],
        ["05-03-2026", "14:30:00"],
        [dt.date(2026, 3, 5), dt.time(14, 30)],
        [dt.date(2026, 3, 5), "14:30"],
        [
            dt.datetime.fromisoformat("2026-03-05"),
            dt.timedelta(hours=14, minutes=29, seconds=59, milliseconds=999),
        ],
        ["05-03-2026", dt.time(14, 29, 59, 999_000)],
        ["2026-03-05", 14.5 / 24],
        [dt.datetime.fromisoformat("2026-03-05T14:30")],
        [dt.datetime.fromisoformat("2026-03-05T14:29:59.999")],
        [46086 + 14.5 / 24],
    ],
)
def test_a_moment_may_come_from_one_cell_or_two(cells: list[Cell]) -> None:
    assert read_local(cells, FORMATS) == dt.datetime.fromisoformat("2026-03-05T14:30")


def test_an_offset_is_kept() -> None:
    assert read_local(["2026-03-05 14:30:00+01:00"], FORMATS).utcoffset() == dt.timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "31-02-2026", "03-2026-05", "morgen", "13:00", "2026-13-01", "n.v.t."])
def test_what_is_no_date_is_refused_and_says_what_is(text: str) -> None:
    with pytest.raises(Refusal, match="is not a date") as refused:
        read_local([text], FORMATS)

    assert "dd-mm-jjjj" in str(refused.value.allowed)


def test_a_whole_number_is_the_same_text_in_csv_and_spreadsheet() -> None:
    assert text_of(12345.0) == text_of(" 12345 ") == "12345"
