"""From an amount as it was posted to base units, step by step: the way that `quantities.py` went, told again.

For explaining a measurement that is in the ledger. Where the catalogue or a meter's correction is another one
by now, the step does not give the amount of the ledger; whoever explains compares, and says so.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from schemas.amounts import ONE, Amount, read_amount, to_base_units
from schemas.catalogue import CARRIERS, STREAMS, UNITS
from schemas.measurement import CENT, PIECE
from schemas.quantities import AS_READ_UNIT


class Conversion(NamedTuple):
    """One posted amount: `posted` x `per_unit` x `correction`, rounded once, half to even.

    `field`: of the event's data. `unit`: as posted, of containers their name, None for pieces and euros.
    `per_unit`: base units in one of it. `correction`: Nm3 in one m3 as read, 1 for all else.
    """

    field: str
    posted: Amount
    unit: str | None
    base_unit: str
    per_unit: int
    correction: Amount = ONE

    @property
    def exact(self) -> Fraction:
        """In base units, before it was rounded."""
        numerator = self.posted.digits * self.per_unit * self.correction.digits
        return Fraction(numerator, 10 ** (self.posted.scale + self.correction.scale))

    @property
    def base_quantity(self) -> int:
        """In whole base units. Raises `Refusal` above 10**17."""
        return to_base_units(self.posted, self.per_unit, self.correction)


def conversions(
    kind: str, category: str, posted: Mapping[str, str], correction: Amount | None = None
) -> list[Conversion]:
    """How each posted amount becomes base units, by the catalogue of now.

    `posted`: the amount fields as they were spelt, by name. `correction`: the meter's, without which m3 as
    read cannot be converted and is left out, as is a container that the catalogue has no weight of.
    """
    fields = {name: read_amount(posted[name]) for name in _NUMBERS if name in posted}
    found = []
    if "quantity" in fields:
        found += _of_quantity(kind, category, fields["quantity"], posted["unit"], correction)
    if "containers" in fields:
        weight = STREAMS[category].containers.get(posted["container"])
        if weight is not None:
            found.append(Conversion("containers", fields["containers"], posted["container"], "mg", weight))
    if "mass" in fields:
        unit = UNITS[posted["mass_unit"]]
        found.append(Conversion("mass", fields["mass"], unit.symbol, unit.base_unit, unit.per_unit))
    if "pieces" in fields:
        found.append(Conversion("pieces", fields["pieces"], None, PIECE, 1))
    if "cost_eur" in fields:
        found.append(Conversion("cost_eur", fields["cost_eur"], None, CENT, UNITS["EUR"].per_unit))
    return found


_NUMBERS = ("quantity", "containers", "mass", "pieces", "cost_eur")


def _of_quantity(
    kind: str, category: str, quantity: Amount, symbol: str, correction: Amount | None
) -> list[Conversion]:
    if symbol != AS_READ_UNIT:
        unit = UNITS[symbol]
        return [Conversion("quantity", quantity, symbol, unit.base_unit, unit.per_unit)]
    if kind != "energy" or correction is None:
        return []
    base_unit, per_unit = CARRIERS[category].base_unit, UNITS["Nm3"].per_unit
    return [Conversion("quantity", quantity, symbol, base_unit, per_unit, correction)]
