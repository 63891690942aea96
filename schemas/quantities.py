"""What the amount fields of an event come to in whole base units, kind by kind."""

from collections.abc import Callable, Iterator
from functools import cache

from schemas.amounts import ONE, Amount, to_base_units
from schemas.catalogue import CARRIERS, INDICATORS, STREAMS, UNITS, unit_hint
from schemas.events import Values
from schemas.organisation import Organisation
from schemas.problems import Problem, Refusal, excerpt

MASS_UNITS = ("g", "kg", "t")
MEDICATION_MASS_UNITS = ("mg", "g", "kg")
AS_READ_UNIT = "m3"
AMOUNT_FIELDS = frozenset(
    {"quantity", "unit", "containers", "container", "pieces", "mass", "mass_unit", "cost_eur"}
)


class Quantities:
    """What the amount fields of one event come to."""

    __slots__ = ("content", "cost", "method", "pieces", "problems", "quantity", "unit")

    def __init__(self) -> None:
        self.quantity: int | None = None
        self.unit: str | None = None
        self.pieces: int | None = None
        self.cost: int | None = None
        self.method: str | None = None
        self.content: dict[str, object] = {}
        self.problems: list[Problem] = []

    def convert(
        self, field: str, amount: Amount | None, per_unit: int, correction: Amount = ONE
    ) -> int | None:
        """The amount in base units; too large is a problem of the field."""
        if amount is None:
            return None
        try:
            return to_base_units(amount, per_unit, correction)
        except Refusal as refusal:
            self.problems.append(refusal.at(f"data.{field}"))
            return None

    def read_cost(self, data: Values) -> None:
        """The purchase value that every kind may have beside its own amount."""
        self.cost = self.convert("cost_eur", data.get("cost_eur"), UNITS["EUR"].per_unit)
        if self.cost is not None:
            self.content["cost_eur"] = self.cost

    def read_quantity(self, data: Values, allowed: tuple[str, ...], hint: str | None = None) -> None:
        """The quantity in one of the allowed units."""
        posted_unit = data.get("unit")
        if posted_unit is None:
            return
        if posted_unit not in allowed:
            self.problems.append(_unit_problem("unit", posted_unit, allowed, hint))
            return
        unit = UNITS[posted_unit]
        self.quantity = self.convert("quantity", data.get("quantity"), unit.per_unit)
        self.unit = unit.base_unit
        self.content["quantity"] = [self.quantity, self.unit]


def _energy(data: Values, _bad: frozenset[str], organisation: Organisation) -> Quantities:
    amounts = Quantities()
    amounts.read_cost(data)
    carrier = CARRIERS.get(data.get("carrier") or "")
    if carrier is None:
        return amounts
    meter = organisation.meters.get(data.get("meter") or "")
    if data.get("unit") == AS_READ_UNIT and AS_READ_UNIT in carrier.units:
        if meter is None or meter.carrier != carrier.slug:
            amounts.problems.append(
                _unit_problem("unit", AS_READ_UNIT, _without_as_read(carrier.units), _M3_HINT)
            )
            return amounts
        as_read = amounts.convert("quantity", data.get("quantity"), UNITS[AS_READ_UNIT].per_unit)
        if as_read is not None:
            per_unit = UNITS["Nm3"].per_unit
            amounts.quantity = amounts.convert("quantity", data.get("quantity"), per_unit, meter.correction)
        amounts.unit = carrier.base_unit
        amounts.content["quantity"] = [as_read, "ml"]
        return amounts
    amounts.read_quantity(data, _without_as_read(carrier.units))
    return amounts


_M3_HINT = (
    "m3 as read need the meter's correction: name the `meter`, and let its correction be in the "
    "organisation's file; an invoice is usually in Nm3 already"
)


@cache
def _without_as_read(units: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for unit in units if unit != AS_READ_UNIT)


def _waste(data: Values, bad: frozenset[str], _organisation: Organisation) -> Quantities:
    amounts = Quantities()
    amounts.read_cost(data)
    weighed = [field for field in ("quantity", "unit") if was_posted(data, field, bad)]
    counted = [field for field in ("containers", "container") if was_posted(data, field, bad)]
    if weighed and counted:
        amounts.problems.append(
            Problem(
                "data", f"has both {weighed[0]} and {counted[0]}", "either a weight or a number of containers"
            )
        )
    elif not weighed and not counted:
        amounts.problems.append(
            Problem("data.quantity", "is missing", "quantity with unit, or containers with container")
        )
    elif weighed:
        amounts.problems += _missing(data, bad, ("quantity", "unit"))
        amounts.read_quantity(data, MASS_UNITS)
    else:
        amounts.problems += _missing(data, bad, ("containers", "container"))
        _count_containers(amounts, data)
    return amounts


def _count_containers(amounts: Quantities, data: Values) -> None:
    stream = STREAMS.get(data.get("stream") or "")
    container, number = data.get("container"), data.get("containers")
    if stream is None or container is None or number is None:
        return
    if container not in stream.containers:
        amounts.problems.append(
            Problem(
                "data.container",
                f"{container} has no standard weight for {stream.slug}",
                ", ".join(stream.containers) or f"none: post {stream.slug} by weight",
            )
        )
        return
    amounts.quantity = amounts.convert("containers", number, stream.containers[container])
    amounts.unit = "mg"
    amounts.method = "estimated"
    amounts.content["containers"] = [amounts.convert("containers", number, 1), container]


def _food_waste(data: Values, _bad: frozenset[str], _organisation: Organisation) -> Quantities:
    amounts = Quantities()
    amounts.read_cost(data)
    amounts.read_quantity(data, MASS_UNITS)
    return amounts


def _medication_waste(data: Values, bad: frozenset[str], _organisation: Organisation) -> Quantities:
    amounts = Quantities()
    amounts.read_cost(data)
    amounts.pieces = amounts.convert("pieces", data.get("pieces"), 1)
    if amounts.pieces is not None:
        amounts.content["pieces"] = amounts.pieces
    if was_posted(data, "mass", bad) or was_posted(data, "mass_unit", bad):
        amounts.problems += _missing(data, bad, ("mass", "mass_unit"))
        mass_unit = data.get("mass_unit")
        if mass_unit is not None and mass_unit not in MEDICATION_MASS_UNITS:
            amounts.problems.append(_unit_problem("mass_unit", mass_unit, MEDICATION_MASS_UNITS))
        elif mass_unit is not None:
            amounts.quantity = amounts.convert("mass", data.get("mass"), UNITS[mass_unit].per_unit)
            amounts.unit = "mg"
            amounts.content["mass"] = amounts.quantity
    elif not was_posted(data, "pieces", bad) and not was_posted(data, "cost_eur", bad):
        amounts.problems.append(Problem("data", "has no amount", "at least one of pieces, mass, cost_eur"))
    return amounts


def _activity(data: Values, _bad: frozenset[str], _organisation: Organisation) -> Quantities:
    amounts = Quantities()
    amounts.read_cost(data)
    indicator = INDICATORS.get(data.get("indicator") or "")
    if indicator is None:
        return amounts
    quantity: Amount | None = data.get("quantity")
    if indicator.whole and quantity is not None and not quantity.is_whole:
        amounts.problems.append(
            Problem("data.quantity", "is not whole", f"a whole number of {indicator.slug}")
        )
    amounts.read_quantity(data, (indicator.unit,))
    return amounts


READERS: dict[str, Callable[[Values, frozenset[str], Organisation], Quantities]] = {
    "energy": _energy,
    "waste": _waste,
    "food-waste": _food_waste,
    "medication-waste": _medication_waste,
    "activity": _activity,
}


def was_posted(data: Values, field: str, bad: frozenset[str]) -> bool:
    """Whether a field was posted, be it in a way that could not be read."""
    return data.get(field) is not None or f"data.{field}" in bad


def _missing(data: Values, bad: frozenset[str], fields: tuple[str, ...]) -> Iterator[Problem]:
    for field in fields:
        if not was_posted(data, field, bad):
            yield Problem(f"data.{field}", "is missing", f"{' and '.join(fields)} go together")


def _unit_problem(field: str, unit: str, allowed: tuple[str, ...], hint: str | None = None) -> Problem:
    return Problem(
        f"data.{field}",
        f"{excerpt(unit)} is not a unit here",
        ", ".join(allowed),
        hint or unit_hint(unit, allowed),
    )
