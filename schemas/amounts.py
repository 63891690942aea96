"""Amounts: the number grammar and the one exact conversion to whole base units."""

import re
from typing import NamedTuple

from schemas.problems import Refusal, excerpt

LARGEST_BASE_AMOUNT = 10**17
ALLOWED = "a number from 0 with at most 15 digits before and 9 after the decimal point, like 1250.5"

_GRAMMAR = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,9}))?")
_POWERS = [10**digits for digits in range(10)]
_DUTCH = re.compile(r"[0-9]{1,3}(?:[. '\u00a0\u202f][0-9]{3})+(?:,[0-9]{1,9})?|[0-9]+,[0-9]{1,9}")
_ENGLISH = re.compile(r"[0-9]{1,3}(?:[,_][0-9]{3})+(?:\.[0-9]{1,9})?")
_EXPONENT = re.compile(r"[0-9.]+[eE][+-]?[0-9]+")


class Amount(NamedTuple):
    """An exact decimal: `digits` x 10 ** -`scale`."""

    digits: int
    scale: int

    @property
    def is_whole(self) -> bool:
        """Whether the value is a whole number, however it is spelt (`3` and `3.0`)."""
        return self.digits % int(10**self.scale) == 0

    def __str__(self) -> str:
        """The plain decimal text, like `1250.50`; the grammar reads it back to the same value."""
        digits = str(self.digits).rjust(self.scale + 1, "0")
        return f"{digits[: -self.scale]}.{digits[-self.scale :]}" if self.scale else digits


def read_amount(value: object) -> Amount:
    """The amount that a posted JSON number or string stands for.

    Grammar, of numbers and strings alike: `(0|[1-9][0-9]{0,14})(\\.[0-9]{1,9})?` in ASCII digits: no
    sign, exponent, comma, underscore, spaces or other digits. Raises `Refusal` with a hint otherwise.
    """
    if type(value) is int:
        if 0 <= value < 10**15:
            return Amount(value, 0)
    elif isinstance(value, str):
        match = _GRAMMAR.fullmatch(value)
        if match:
            whole, fraction = match.groups()
            return Amount(int(whole + fraction), len(fraction)) if fraction else Amount(int(whole), 0)
    raise _refusal(value)


ONE = Amount(1, 0)


def to_base_units(amount: Amount, per_unit: int, correction: Amount = ONE) -> int:
    """The amount in whole base units: amount x `per_unit` (base units per unit) x `correction`.

    Rounded once, half to even, on exact integers. Raises `Refusal` above 10**17 base units.
    """
    result = divide_half_even(
        amount.digits * per_unit * correction.digits, 10 ** (amount.scale + correction.scale)
    )
    if result > LARGEST_BASE_AMOUNT:
        raise Refusal(
            "is too large", f"at most {LARGEST_BASE_AMOUNT} base units", "is the unit right (kg posted as t)?"
        )
    return result


def exact_base_units(text: str, per_unit: int) -> int | None:
    """What `to_base_units` gives for an amount as it is written, in half the time.

    None where there is more to say: the amount is refused, or its base units are rounded.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match.groups()
    if fraction is None:
        result = int(whole) * per_unit
    else:
        result, rest = divmod(int(whole + fraction) * per_unit, _POWERS[len(fraction)])
        if rest:
            return None
    return result if result <= LARGEST_BASE_AMOUNT else None


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded to a whole number, a tie to the even neighbour; both from 0."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def _refusal(value: object) -> Refusal:
    if not isinstance(value, int | str) or isinstance(value, bool):
        return Refusal(f"{excerpt(value)} is not an amount", ALLOWED)
    text = str(value)
    stripped = text.strip()
    hint = None
    if stripped.startswith(("-", "\u2212")):
        problem = "is negative"
        hint = (
            "amounts have no sign: power fed in is `flow: feed-in`, a mistake is mended by a higher revision"
        )
    elif stripped.lower().lstrip("+") in {"nan", "inf", "infinity"}:
        problem = "is not a number"
        hint = "leave a missing reading out; nothing is made up for it"
    elif _EXPONENT.fullmatch(stripped):
        problem = "has an exponent"
        hint = "write all digits"
    elif _DUTCH.fullmatch(stripped):
        problem = "has a decimal comma or groups of digits"
        hint = _write(stripped, decimal_sign=",")
        if _ENGLISH.fullmatch(stripped):
            hint = f"{hint}, or {stripped.replace(',', '')} if the comma groups thousands"
    elif _ENGLISH.fullmatch(stripped):
        problem = "has groups of digits"
        hint = _write(stripped, decimal_sign=".")
    elif not stripped.isascii() and any(sign.isdigit() for sign in stripped):
        problem = "has digits of another script or other signs"
        hint = "write the digits 0 to 9"
    elif re.fullmatch(r"0+[0-9]+(\.[0-9]+)?", stripped):
        problem = "begins with a zero too many"
        hint = _write(stripped, decimal_sign=".")
    elif re.fullmatch(r"[0-9]+(\.[0-9]+)?", stripped):
        problem = "has too many digits" if text == stripped else "has spaces around it"
    else:
        problem = "is not a plain number"
        hint = "the unit goes into its own field" if re.match(r"[0-9.,]+\s*[^\W0-9_]", stripped) else None
    return Refusal(f"{excerpt(value)} {problem}", ALLOWED, hint)


def _write(text: str, decimal_sign: str) -> str | None:
    """What to write instead of a number with other signs in it, as far as it fits the grammar."""
    whole, _, fraction = text.partition(decimal_sign)
    whole = re.sub(r"[^0-9]", "", whole).lstrip("0") or "0"
    plain = f"{whole}.{fraction}" if fraction else whole
    return f"write {plain}" if _GRAMMAR.fullmatch(plain) else None
