"""kg CO2e as people read it, to the gram, and differences whose parts add up to it. Pure."""

from fractions import Fraction
from typing import NamedTuple

from schemas.amounts import divide_half_even

GRAMS = 1000


class Split(NamedTuple):
    """A difference in whole grams: what other amounts and what other factors make of it."""

    activity: int
    factors: int


def whole_grams(kilograms: Fraction) -> int:
    """Exact kilograms in whole grams, rounded once, half to even; also below 0."""
    grams = abs(kilograms) * GRAMS
    rounded = divide_half_even(grams.numerator, grams.denominator)
    return -rounded if kilograms < 0 else rounded


def split_difference(before: Fraction, after: Fraction, activity: Fraction, factors: Fraction) -> Split:
    """The parts of `after - before` (exact kg) in whole grams: they add up to the difference of the grams.

    A part that is nothing stays nothing. ValueError when the exact parts do not add up.
    """
    if activity + factors != after - before:
        raise ValueError(f"{activity} and {factors} are not {after - before}")
    difference = whole_grams(after) - whole_grams(before)
    if not factors:
        return Split(difference, 0)
    if not activity:
        return Split(0, difference)
    rounded = whole_grams(activity)
    return Split(rounded, difference - rounded)


def grams_text(grams: int) -> str:
    """Whole grams as kilograms with three decimals, like -0.250."""
    whole, part = divmod(abs(grams), GRAMS)
    return f"{'-' if grams < 0 else ''}{whole}.{part:03}"


def kilograms(exact: Fraction | None) -> str | None:
    """kg CO2e to the gram, rounded once, half to even; None, for what has no factor, stays None."""
    return None if exact is None else grams_text(whole_grams(exact))
